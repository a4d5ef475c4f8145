// Do threads wait for memory: for pages that were thrown out, or while freeing others?
//
// Thresholds: 20 % of a thread's time in page faults and reclaim, and memory pressure to go with
// it: 2 % stalled time of machine or cgroup (Coroot's threshold), limit hits, refaults or swap.
// False positives: first reads of a mapped file (faults without pressure are disk reads).
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

struct Stall {
  double ns = 0;
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
    const bool pressed = PressureOf(machine, GroupOf(machine, process)) >= kPressure;
    if (reclaims || pressed) findings.push_back(Tell(machine, process, stall));
  }
  return findings;
}

}  // namespace waitscope
