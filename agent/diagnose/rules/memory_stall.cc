// Do threads wait for memory: for pages that were thrown out, or while freeing others?
//
// Thresholds: 20 % of a thread's time in page faults and reclaim, and memory pressure to go with
// it: 2 % stalled time of machine or cgroup (Coroot's threshold); or, since a cgroup of version 1
// has no such number and some kernels none at all, ten hits of its limit a second and pages that
// were thrown out and needed again, one for every other fault; or, where the kernel has no
// pressure, a hundred of those a second. False positives: first reads of a mapped file (faults
// without pressure are disk reads), also where they fill a cgroup up to its limit (nothing is
// needed again).
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "agent/diagnose/draft.h"
#include "agent/diagnose/rules.h"
#include "agent/diagnose/text.h"

namespace waitscope {
namespace {

constexpr double kSmallestShare = 0.2;
constexpr double kPressure = 0.02;
constexpr double kCriticalShare = 0.5;
constexpr double kHitsPerSecond = 10;
constexpr double kRefaultsPerFault = 0.5;
constexpr double kRefaultsPerSecond = 100;

double StallNs(const ThreadView& thread) {
  return thread.NsOf(Nature::kFault) + thread.NsOf(Nature::kReclaim);
}

const CgroupWindow* GroupOf(const MachineView& machine, const ProcessView& process) {
  const auto group = machine.snapshot().cgroups.find(process.facts->memory_cgroup);
  return group != machine.snapshot().cgroups.end() ? &group->second : nullptr;
}

double PressureOf(const MachineView& machine, const CgroupWindow* group) {
  const uint64_t inside = group != nullptr ? group->memory_some_ns : 0;
  const uint64_t some_ns = std::max(inside, machine.snapshot().pressure.memory_some_ns);
  return static_cast<double>(some_ns) / machine.WindowNs();
}

// The kernel counts all the time when it counts at all, and something always waits for a CPU.
bool HasPressure(const MachineView& machine) {
  const PressureWindow& pressure = machine.snapshot().pressure;
  return pressure.cpu_some_ns + pressure.io_some_ns + pressure.memory_some_ns > 0;
}

struct Stall {
  double ns = 0;
  double waits = 0;
  double reclaim_ns = 0;
  double largest_share = 0;
  const WaitSite* site = nullptr;
  std::vector<const ThreadView*> threads;
};

Stall GatherFrom(const ProcessView& process) {
  Stall stall;
  for (const ThreadView& thread : process.threads) {
    const double ns = StallNs(thread);
    if (ns <= 0) continue;
    stall.ns += ns;
    stall.waits += thread.CountOf(Nature::kFault) + thread.CountOf(Nature::kReclaim);
    stall.reclaim_ns += thread.NsOf(Nature::kReclaim);
    stall.largest_share = std::max(stall.largest_share, ns / std::max(thread.WallNs(), 1.0));
    stall.threads.push_back(&thread);
    for (const WaitSite& site : thread.sites) {
      const bool memory = site.nature == Nature::kFault || site.nature == Nature::kReclaim;
      if (memory && (stall.site == nullptr || site.ns > stall.site->ns)) stall.site = &site;
    }
  }
  return stall;
}

// Pages that went and came back, and a reason why they had to go.
bool IsShortByCounts(const MachineView& machine, const CgroupWindow* group, const Stall& stall) {
  const auto refaults = static_cast<double>(machine.snapshot().pressure.refaulted_pages);
  if (refaults < kRefaultsPerFault * stall.waits) return false;
  const auto hits = static_cast<double>(group != nullptr ? group->memory_limit_hits : 0);
  if (hits >= kHitsPerSecond * machine.Seconds()) return true;
  return !HasPressure(machine) && refaults >= kRefaultsPerSecond * machine.Seconds();
}

Finding Tell(const MachineView& machine, const ProcessView& process, const Stall& stall) {
  const CgroupWindow* group = GroupOf(machine, process);
  Finding finding = Draft(machine, process, "memory-stall");
  finding.severity =
      stall.largest_share >= kCriticalShare ? Severity::kCritical : Severity::kWarning;
  finding.confidence = 0.88;
  NameThreads(finding, stall.threads);
  finding.impact = {static_cast<uint64_t>(stall.ns), std::min(1.0, stall.largest_share)};
  finding.summary = absl::StrCat(
      NameOf(process), " spent ", ShareText(std::min(1.0, stall.largest_share)),
      " of a thread's time waiting for memory: ", TimeText(stall.ns - stall.reclaim_ns),
      " in page faults that read from disk, ", TimeText(stall.reclaim_ns), " in freeing pages");
  finding.advice =
      "give it more memory (the cgroup's limit, the machine's), or make what it works "
      "on smaller; keep swap off the path of requests";
  finding.evidence.push_back(StackEvidence(machine, *stall.site));
  finding.evidence.push_back(
      Metric("memory_pressure_share", PressureOf(machine, group), "share", kPressure));
  finding.evidence.push_back(
      Metric("refaulted_pages", static_cast<double>(machine.snapshot().pressure.refaulted_pages),
             "pages", 0));
  if (group != nullptr && group->memory_limit != 0) {
    finding.evidence.push_back(
        Metric("memory_limit_bytes", static_cast<double>(group->memory_limit), "bytes", 0));
    finding.evidence.push_back(
        Metric("memory_limit_hits", static_cast<double>(group->memory_limit_hits), "times", 0));
  }
  finding.evidence.push_back(Check("cat /proc/pressure/memory"));
  return finding;
}

}  // namespace

Findings MemoryStall(const MachineView& machine) {
  Findings findings;
  for (const auto& [pid, process] : machine.processes()) {
    const Stall stall = GatherFrom(process);
    if (stall.largest_share < kSmallestShare) continue;
    const bool reclaims = stall.reclaim_ns >= kSmallestShare * stall.ns;
    const CgroupWindow* group = GroupOf(machine, process);
    const bool pressed =
        PressureOf(machine, group) >= kPressure || IsShortByCounts(machine, group, stall);
    if (reclaims || pressed) findings.push_back(Tell(machine, process, stall));
  }
  return findings;
}

}  // namespace waitscope
