#include "agent/diagnosis.h"

#include <algorithm>
#include <set>
#include <utility>

#include "agent/diagnose/diagnose.h"

namespace waitscope {

Findings DiagnoseTarget(const Snapshot& snapshot, const Target& target, const Findings& earlier) {
  if (target.Everything()) {
    return Diagnose(
        snapshot, [](uint32_t) { return true; }, earlier);
  }
  std::set<uint32_t> pids;
  for (const auto& [key, thread] : Select(snapshot, target).threads) pids.insert(key.pid);
  return Diagnose(
      snapshot, [&](uint32_t pid) { return pids.contains(pid); }, earlier);
}

Findings StandingDiagnosis::At(const History& history, uint64_t end_ns) {
  const std::lock_guard lock(mutex_);
  if (end_ns < looked_ns_ + kDiagnosedNs / 2) return findings_;
  const uint64_t begin_ns = end_ns - std::min(end_ns, kDiagnosedNs);
  const std::optional<Snapshot> recent = history.Merged(begin_ns, end_ns);
  looked_ns_ = end_ns;
  if (recent) findings_ = DiagnoseTarget(*recent, Target(), findings_);
  return findings_;
}

void KeepFindings(Findings later, Findings& all) {
  for (Finding& finding : later) {
    const auto before = std::ranges::find(all, finding.id, &Finding::id);
    if (before == all.end()) {
      all.push_back(std::move(finding));
      continue;
    }
    finding.begin_ns = std::min(finding.begin_ns, before->begin_ns);
    *before = std::move(finding);
  }
}

}  // namespace waitscope
