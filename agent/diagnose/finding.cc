#include "agent/diagnose/finding.h"

#include <utility>

namespace waitscope {

Evidence Metric(std::string name, double value, std::string unit, double threshold) {
  Evidence evidence;
  evidence.kind = "metric";
  evidence.name = std::move(name);
  evidence.value = value;
  evidence.unit = std::move(unit);
  evidence.threshold = threshold;
  return evidence;
}

Evidence ObjectEvidence(std::string kind, std::string object) {
  Evidence evidence;
  evidence.kind = std::move(kind);
  evidence.object = std::move(object);
  return evidence;
}

Evidence ThreadEvidence(const ThreadKey& thread, std::string name, std::string role) {
  Evidence evidence;
  evidence.kind = "thread";
  evidence.pid = thread.pid;
  evidence.tid = thread.tid;
  evidence.name = std::move(name);
  evidence.role = std::move(role);
  return evidence;
}

Evidence Check(std::string command) {
  Evidence evidence;
  evidence.kind = "check";
  evidence.command = std::move(command);
  return evidence;
}

}  // namespace waitscope
