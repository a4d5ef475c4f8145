// Does a cgroup's quota take the CPU away from threads that could run?
//
// Thresholds: throttled in 25 % of the periods (the kubernetes mixin's CPUThrottlingHigh) and for 5
// % of the time, while its threads stood runnable. False positives: short bursts against a generous
// quota (the share of periods).
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/diagnose/draft.h"
#include "agent/diagnose/rules.h"
#include "agent/diagnose/text.h"

namespace waitscope {
namespace {

constexpr double kThrottledPeriods = 0.25;
constexpr double kThrottledTime = 0.05;
constexpr double kCriticalPeriods = 0.75;

bool IsThrottled(const MachineView& machine, const CgroupWindow& group) {
  if (group.periods == 0) return false;
  const double periods =
      static_cast<double>(group.throttled_periods) / static_cast<double>(group.periods);
  return periods >= kThrottledPeriods &&
         static_cast<double>(group.throttled_ns) >= kThrottledTime * machine.WindowNs();
}

bool IsBelow(const std::string& path, const std::string& group) {
  return path == group || (path.starts_with(group) && path[group.size()] == '/');
}

const ProcessView* Worst(const MachineView& machine, const std::string& path) {
  const ProcessView* worst = nullptr;
  uint64_t most_ns = 0;
  for (const auto& [pid, process] : machine.processes()) {
    if (!IsBelow(process.facts->cpu_cgroup, path)) continue;
    const StateTotals totals = process.Totals();
    if (totals.RunnableNs() <= most_ns) continue;
    most_ns = totals.RunnableNs();
    worst = &process;
  }
  return worst;
}

std::string QuotaText(const CgroupWindow& group) {
  if (group.period_ns == 0) return "its CPU quota";
  return absl::StrFormat("its quota of %.2f CPUs", static_cast<double>(group.quota_ns) /
                                                       static_cast<double>(group.period_ns));
}

Finding Tell(const MachineView& machine, const ProcessView& process, const std::string& path,
             const CgroupWindow& group) {
  Finding finding = Draft(machine, process, "cpu-throttling", path);
  const StateTotals totals = process.Totals();
  const double periods =
      static_cast<double>(group.throttled_periods) / static_cast<double>(group.periods);
  finding.severity = periods >= kCriticalPeriods ? Severity::kCritical : Severity::kWarning;
  finding.confidence = 0.95;
  finding.cause = absl::StrCat("quota ", path);
  for (const ThreadView& thread : process.threads) {
    if (thread.totals().RunnableNs() > 0) {
      finding.threads.push_back({thread.key().tid, thread.window->comm});
    }
  }
  const double active =
      static_cast<double>(std::max<uint64_t>(1, totals.RunnableNs() + totals.running_ns));
  finding.impact = {totals.RunnableNs(), static_cast<double>(totals.RunnableNs()) / active};
  finding.summary = absl::StrCat(
      NameOf(process), " was throttled in ", ShareText(periods),
      " of the scheduler's periods, for ", TimeText(static_cast<double>(group.throttled_ns)),
      " of ", TimeText(machine.WindowNs()), ": its cgroup ", path, " used up ", QuotaText(group));
  finding.advice =
      "raise the quota (cpu.max, CPUQuota=, limits.cpu), or run no more busy threads than it "
      "allows";
  finding.evidence.push_back(ObjectEvidence("wait_object", absl::StrCat("cgroup ", path)));
  finding.evidence.push_back(
      Metric("throttled_periods_share", periods, "share", kThrottledPeriods));
  finding.evidence.push_back(
      Metric("throttled_ns", static_cast<double>(group.throttled_ns), "ns", 0));
  finding.evidence.push_back(Check(absl::StrCat("cat /sys/fs/cgroup", path, "/cpu.stat")));
  return finding;
}

}  // namespace

Findings CpuThrottling(const MachineView& machine) {
  Findings findings;
  for (const auto& [path, group] : machine.snapshot().cgroups) {
    if (!IsThrottled(machine, group)) continue;
    const ProcessView* process = Worst(machine, path);
    if (process != nullptr) findings.push_back(Tell(machine, *process, path, group));
  }
  return findings;
}

}  // namespace waitscope
