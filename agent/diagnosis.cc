#include "agent/diagnosis.h"

#include <algorithm>
#include <set>
#include <utility>

#include "agent/diagnose/diagnose.h"
#include "agent/diagnose/kernel_locks.h"
#include "agent/os/clock.h"

namespace waitscope {
namespace {

// Totals do not tell everything: a window in so many is looked at in any case.
constexpr int kMostSpared = 5;
// Attaching programs takes longer than they cost: they stay for a while.
constexpr uint64_t kSuspicionNs = 60'000'000'000;

}  // namespace

Findings DiagnoseTarget(const Snapshot& snapshot, const Target& target) {
  if (target.Everything()) {
    return Diagnose(snapshot, [](uint32_t) { return true; });
  }
  std::set<uint32_t> pids;
  for (const auto& [key, thread] : Select(snapshot, target).threads) pids.insert(key.pid);
  return Diagnose(snapshot, [&](uint32_t pid) { return pids.contains(pid); });
}

void StandingDiagnosis::Look(const Snapshot& snapshot) {
  const uint64_t begin_ns = ThreadCpuNs();
  log_.Keep(DiagnoseTarget(snapshot, Target()), snapshot.end_ns);
  if (WaitsForKernelLocks(snapshot)) suspected_ns_ = snapshot.end_ns;
  suspects_kernel_locks_ = suspected_ns_ != 0 && snapshot.end_ns - suspected_ns_ < kSuspicionNs;
  looked_ns_ = snapshot.end_ns;
  cpu_ns_ += ThreadCpuNs() - begin_ns;
  ++looks_;
}

bool StandingDiagnosis::IsJudged(const Likeness& window) const {
  return judged_ && spared_ < kMostSpared && window.IsLike(*judged_);
}

void StandingDiagnosis::BeforeAppending(const Snapshot& window) {
  if (window.end_ns - window.begin_ns < kDiagnosedNs) return;
  const uint64_t begin_ns = ThreadCpuNs();
  Likeness likeness(window);
  const bool judged = IsJudged(likeness);
  cpu_ns_ += ThreadCpuNs() - begin_ns;
  if (judged) {
    log_.Prolong(window.end_ns);
    looked_ns_ = window.end_ns;
    ++spared_;
    return;
  }
  Look(window);
  judged_ = std::move(likeness);
  spared_ = 0;
}

void StandingDiagnosis::AfterAppending(const History& history) {
  const HistoryUsage usage = history.Usage();
  log_.ForgetBefore(usage.begin_ns);
  if (usage.end_ns < looked_ns_ + kDiagnosedNs / 2) return;
  const uint64_t begin_ns = ThreadCpuNs();
  const uint64_t from_ns = usage.end_ns - std::min(usage.end_ns, kDiagnosedNs);
  const std::optional<Snapshot> recent = history.Merged(from_ns, usage.end_ns);
  cpu_ns_ += ThreadCpuNs() - begin_ns;
  if (recent) Look(*recent);
  judged_.reset();
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
