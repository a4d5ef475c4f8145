// What is wrong with a process, in words and with the numbers that prove it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/core/snapshot.h"

namespace waitscope {

// Warning and critical: a person should act.
enum class Severity : uint8_t { kInfo, kWarning, kCritical };

// One piece of proof. `kind` says which fields mean something: stack, metric, wait_object, peer,
// thread, device, process, check, explains.
struct Evidence {
  std::string kind;
  std::vector<std::string> frames;  // leaf first
  uint64_t total_ns = 0;
  uint64_t count = 0;
  std::string name;
  double value = 0;
  std::string unit;
  double threshold = 0;
  std::string object;
  uint32_t pid = 0;
  uint32_t tid = 0;
  std::string role;
  std::string command;
};

Evidence Metric(std::string name, double value, std::string unit, double threshold);
Evidence ObjectEvidence(std::string kind, std::string object);
Evidence ThreadEvidence(const ThreadKey& thread, std::string name, std::string role);
Evidence Check(std::string command);

struct Impact {
  uint64_t stalled_ns = 0;                 // thread time lost to the condition
  double share = 0;                        // of the time of the threads it hit, 0 to 1
  uint64_t unread_request_age_p99_ns = 0;  // of the process; 0: not known
};

struct ThreadName {
  uint32_t tid = 0;
  std::string comm;
};

struct Finding {
  std::string id;  // the same as long as the condition lasts
  std::string condition;
  Severity severity = Severity::kWarning;
  double confidence = 0;
  uint32_t pid = 0;
  std::string comm;
  std::vector<ThreadName> threads;
  Impact impact;
  std::vector<Evidence> evidence;
  std::string summary;
  std::string advice;
  uint64_t begin_ns = 0;  // CLOCK_MONOTONIC
  uint64_t end_ns = 0;
  bool lasting = false;  // it was there when it was last looked for
  std::string cause;     // findings of one cause are told once; empty: its own
};

using Findings = std::vector<Finding>;

}  // namespace waitscope
