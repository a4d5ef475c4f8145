#include "agent/core/ledgers.h"

#include <algorithm>

#include "agent/core/wire_text.h"

namespace waitscope {
namespace {

constexpr uint32_t kForgetAfterWindows = 2;

void AddOpenBlocked(const ledger_event& record, StateTotals& totals) {
  const ledger& ledger = record.totals;
  const uint64_t until_ns = BlockedUntilNs(record);
  totals.waits[ledger.wait_class].ns += SinceOrZero(ledger.since_ns, until_ns);
  totals.woken_ns += SinceOrZero(until_ns, record.at_ns);
}

void AddOpenState(const ledger_event& record, StateTotals& totals) {
  const uint64_t open_ns = SinceOrZero(record.totals.since_ns, record.at_ns);
  switch (record.totals.state) {
    case THREAD_running:
      totals.running_ns += open_ns;
      return;
    case THREAD_woken:
      totals.woken_ns += open_ns;
      return;
    case THREAD_preempted:
      totals.preempted_ns += open_ns;
      return;
    case THREAD_blocked:
      AddOpenBlocked(record, totals);
      return;
    default:
      return;
  }
}

StateTotals Difference(const StateTotals& earlier, const StateTotals& later) {
  StateTotals difference;
  const auto subtract = [&](auto member) {
    difference.*member = SinceOrZero(earlier.*member, later.*member);
  };
  for (const auto member : {&StateTotals::wall_ns, &StateTotals::running_ns, &StateTotals::woken_ns,
                            &StateTotals::preempted_ns, &StateTotals::unsplit_ns,
                            &StateTotals::switches_voluntary, &StateTotals::switches_involuntary}) {
    subtract(member);
  }
  for (size_t cls = 0; cls < WAIT_CLASS_COUNT; ++cls) {
    difference.waits[cls].ns = SinceOrZero(earlier.waits[cls].ns, later.waits[cls].ns);
    difference.waits[cls].count = SinceOrZero(earlier.waits[cls].count, later.waits[cls].count);
  }
  return difference;
}

std::optional<OpenWait> OpenWaitOf(const ledger_event& record) {
  const ledger& ledger = record.totals;
  const bool blocked = ledger.state == THREAD_blocked && BlockedUntilNs(record) == record.at_ns;
  if (!blocked || record.final) return std::nullopt;
  return OpenWait{.cls = static_cast<wait_class>(ledger.wait_class),
                  .ns = SinceOrZero(ledger.since_ns, record.at_ns),
                  .since_before_agent = ledger.open_seeded != 0,
                  .syscall = ledger.open_syscall,
                  .object = record.object,
                  .kernel_stack = record.kernel_stack};
}

// The kernel keeps the maximum of one epoch (the agent starts one at each tick). It is of this
// window when it was set since the last record; else only the histogram knows.
uint64_t RunQueueMax(const ledger_event& now, const ledger_event* previous,
                     const Histogram& added) {
  const ledger& ledger = now.totals;
  const bool fresh = previous == nullptr ||
                     ledger.runq_max_epoch != previous->totals.runq_max_epoch ||
                     ledger.runq_max_ns != previous->totals.runq_max_ns;
  if (added.Empty()) return 0;
  return fresh ? ledger.runq_max_ns : added.CeilingNs();
}

void FillDifference(const ledger_event& now, const ledger_event* previous, ThreadWindow& window) {
  window.totals = CountUpTo(now);
  // Of a thread older than the agent the scheduler's count holds time nobody else saw.
  window.kernel_runtime_ns = now.totals.seeded ? 0 : now.kernel_runtime_ns;
  window.run_queue = Histogram(now.totals.runq);
  if (previous != nullptr) {
    window.totals = Difference(CountUpTo(*previous), window.totals);
    window.kernel_runtime_ns = SinceOrZero(previous->kernel_runtime_ns, now.kernel_runtime_ns);
    window.run_queue = Histogram::Between(previous->totals.runq, now.totals.runq);
  }
  window.run_queue_max_ns = RunQueueMax(now, previous, window.run_queue);
}

ThreadWindow WindowOf(const ThreadKey& key, const ledger_event& now, const ledger_event* previous) {
  ThreadWindow window;
  window.key = key;
  window.comm = Text(now.comm);
  window.creator = KeyOf(now.creator);
  window.parent_pid = now.parent_pid;
  window.cgroup_id = now.cgroup_id;
  window.kernel_thread = now.kernel_thread != 0;
  window.exited = now.final != 0;
  window.born = previous == nullptr && now.totals.seeded == 0;
  window.open_wait = OpenWaitOf(now);
  FillDifference(now, previous, window);
  return window;
}

}  // namespace

uint64_t BlockedUntilNs(const ledger_event& record) {
  const ledger& ledger = record.totals;
  if (ledger.wake_ns == 0) return record.at_ns;
  // A waking older than the switch-out overtook it: the thread never stopped being runnable.
  return std::clamp(ledger.wake_ns, ledger.since_ns, std::max(ledger.since_ns, record.at_ns));
}

StateTotals CountUpTo(const ledger_event& record) {
  const ledger& ledger = record.totals;
  StateTotals totals;
  totals.wall_ns = SinceOrZero(ledger.born_ns, record.at_ns);
  totals.running_ns = ledger.running_ns;
  totals.woken_ns = ledger.woken_ns;
  totals.preempted_ns = ledger.preempted_ns;
  totals.unsplit_ns = ledger.unsplit_ns;
  totals.switches_involuntary = ledger.preempted_count;
  for (size_t cls = 0; cls < WAIT_CLASS_COUNT; ++cls) {
    totals.waits[cls] = {ledger.blocked_ns[cls], ledger.blocked_count[cls]};
    totals.switches_voluntary += ledger.blocked_count[cls];
  }
  AddOpenState(record, totals);
  return totals;
}

bool LedgerStage::Newer(const ledger_event& a, const ledger_event& b) {
  return a.at_ns != b.at_ns ? a.at_ns > b.at_ns : a.final > b.final;
}

void LedgerStage::Fold(const ledger_event& record) {
  const ThreadKey key = KeyOf(record.thread);
  if (!dead_.contains(key)) threads_.Fold(key, record);
}

void LedgerStage::ForEachFresh(absl::FunctionRef<void(const ledger_event&)> visit) const {
  threads_.ForEachFresh([&](const ThreadKey&, const ledger_event& record) { visit(record); });
}

void LedgerStage::Close(Snapshot& snapshot) {
  dead_.clear();
  threads_.Close([&](const ThreadKey& key, const ledger_event& now, const ledger_event* previous) {
    snapshot.threads.emplace(key, WindowOf(key, now, previous));
    if (now.final) dead_.insert(key);
  });
  threads_.Forget([&](const ThreadKey& key, uint32_t silent_windows) {
    return silent_windows >= kForgetAfterWindows || dead_.contains(key);
  });
}

void LedgerStage::Baseline(absl::FunctionRef<void(const Event&)> emit) const {
  threads_.ForEachClosed([&](const ledger_event& record) { emit(record); });
}

}  // namespace waitscope
