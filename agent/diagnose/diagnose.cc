#include "agent/diagnose/diagnose.h"

#include <array>
#include <utility>

#include "agent/core/unread.h"
#include "agent/diagnose/fold.h"
#include "agent/diagnose/machine.h"
#include "agent/diagnose/rules.h"

namespace waitscope {
namespace {

constexpr std::array<Rule, 25> kRules{
    EventLoopBlocked, ThreadPoolStarvation, LockContention,    HungThreads,
    BackendWait,      BlockingSleep,        DatabaseLock,      ConnectionPoolExhaustion,
    DiskTrouble,      FsyncStall,           CpuSaturation,     CpuThrottling,
    MemoryStall,      DirtyThrottling,      ThreadExhaustion,  ForkStall,
    ThreadPoolGrowth, ThreadPoolDeadlock,   ThreadPoolManaged, LockHandover,
    ThreadPoolStuck,  ThreadPoolUnread,     LockShared,        HungServer,
    StoppedServer,
};

// Shorter than this, no share of time means anything.
constexpr uint64_t kShortestWindowNs = 1'000'000'000;

}  // namespace

Findings Diagnose(const Snapshot& snapshot, const std::function<bool(uint32_t pid)>& is_asked_for) {
  if (snapshot.end_ns < snapshot.begin_ns + kShortestWindowNs) return {};
  const MachineView machine(snapshot);
  Findings findings;
  for (const Rule rule : kRules) {
    for (Finding& finding : rule(machine)) {
      if (is_asked_for(finding.pid)) findings.push_back(std::move(finding));
    }
  }
  findings = FoldExplained(std::move(findings));
  for (Finding& finding : findings) {
    finding.impact.unread_request_age_p99_ns = UnreadAgeP99(snapshot, finding.pid);
  }
  return findings;
}

}  // namespace waitscope
