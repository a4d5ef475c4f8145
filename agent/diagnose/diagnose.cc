#include "agent/diagnose/diagnose.h"

#include <algorithm>
#include <array>

#include "agent/diagnose/fold.h"
#include "agent/diagnose/machine.h"
#include "agent/diagnose/rules.h"

namespace waitscope {
namespace {

constexpr std::array<Rule, 17> kRules{
    EventLoopBlocked, ThreadPoolStarvation, LockContention,   HungThreads,
    BackendWait,      BlockingSleep,        DatabaseLock,     ConnectionPoolExhaustion,
    DiskTrouble,      FsyncStall,           CpuSaturation,    CpuThrottling,
    MemoryStall,      DirtyThrottling,      ThreadExhaustion, ForkStall,
    ThreadPoolGrowth,
};

// Shorter than this, no share of time means anything.
constexpr uint64_t kShortestWindowNs = 1'000'000'000;

void KeepBeginnings(const Findings& earlier, Findings& findings) {
  for (Finding& finding : findings) {
    const auto before = std::ranges::find(earlier, finding.id, &Finding::id);
    if (before != earlier.end()) finding.begin_ns = std::min(finding.begin_ns, before->begin_ns);
  }
}

}  // namespace

Findings Diagnose(const Snapshot& snapshot, const std::function<bool(uint32_t pid)>& is_asked_for,
                  const Findings& earlier) {
  if (snapshot.end_ns < snapshot.begin_ns + kShortestWindowNs) return {};
  const MachineView machine(snapshot);
  Findings findings;
  for (const Rule rule : kRules) {
    for (Finding& finding : rule(machine)) {
      if (is_asked_for(finding.pid)) findings.push_back(std::move(finding));
    }
  }
  findings = FoldExplained(std::move(findings));
  KeepBeginnings(earlier, findings);
  return findings;
}

}  // namespace waitscope
