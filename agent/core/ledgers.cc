#include "agent/core/ledgers.h"

#include "agent/core/wire_text.h"

namespace waitscope {
namespace {

constexpr uint32_t kForgetAfterWindows = 2;

std::optional<OpenWait> OpenWaitOf(const ledger_event& record) {
  const ledger& ledger = record.totals;
  const bool blocked = ledger.state == THREAD_blocked && BlockedUntilNs(record) == record.at_ns;
  if (!blocked || record.final) return std::nullopt;
  return OpenWait{.cls = static_cast<wait_class>(ledger.wait_class),
                  .ns = SinceOrZero(ledger.since_ns, record.at_ns),
                  .since_before_agent = ledger.open_seeded != 0,
                  .syscall = ledger.open_syscall,
                  .object = record.object,
                  .kernel_stack = record.kernel_stack,
                  .user_stack = record.user_stack};
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

void FillDifference(const ledger_event& now, const ledger_event* previous, ToldTooMuch& told,
                    ThreadWindow& window) {
  window.totals = CountUpTo(now);
  // Of a thread older than the agent the scheduler's count holds time nobody else saw.
  window.kernel_runtime_ns = now.totals.seeded ? 0 : now.kernel_runtime_ns;
  window.run_queue = Histogram(now.totals.runq);
  if (previous != nullptr) {
    window.totals = Difference(CountUpTo(*previous), window.totals, told);
    window.kernel_runtime_ns = SinceOrZero(previous->kernel_runtime_ns, now.kernel_runtime_ns);
    window.run_queue = Histogram::Between(previous->totals.runq, now.totals.runq);
  }
  window.run_queue_max_ns = RunQueueMax(now, previous, window.run_queue);
}

ThreadWindow WindowOf(const ThreadKey& key, const ledger_event& now, const ledger_event* previous) {
  ThreadWindow window;
  window.key = key;
  window.comm = PrintableText(now.comm);
  window.creator = KeyOf(now.creator);
  window.parent_pid = now.parent_pid;
  window.cgroup_id = now.cgroup_id;
  window.kernel_thread = now.kernel_thread != 0;
  window.exited = now.final != 0;
  window.born = previous == nullptr && now.totals.seeded == 0;
  window.open_wait = OpenWaitOf(now);
  return window;
}

}  // namespace

bool LedgerStage::Newer(const ledger_event& a, const ledger_event& b) {
  return a.at_ns != b.at_ns ? a.at_ns > b.at_ns : a.final > b.final;
}

void LedgerStage::Fold(const ledger_event& record) {
  const Life life{KeyOf(record.thread), record.totals.born_ns};
  if (!dead_.contains(life)) lives_.Fold(life, record);
}

void LedgerStage::ForEachFresh(absl::FunctionRef<void(const ledger_event&)> visit) const {
  lives_.ForEachFresh([&](const Life&, const ledger_event& record) { visit(record); });
}

void LedgerStage::Close(Snapshot& snapshot) {
  dead_.clear();
  lives_.Close([&](const Life& life, const ledger_event& now, const ledger_event* previous) {
    ThreadWindow window = WindowOf(life.thread, now, previous);
    ToldTooMuch& told = told_[life];
    FillDifference(now, previous, told, window);
    if (told == ToldTooMuch{}) told_.erase(life);
    if (now.final) dead_.insert(life);
    const auto [row, first] = snapshot.threads.try_emplace(life.thread, window);
    if (!first) Append(row->second, window);
  });
  lives_.Forget([&](const Life& life, uint32_t silent_windows) {
    return silent_windows >= kForgetAfterWindows || dead_.contains(life);
  });
  std::erase_if(told_, [&](const auto& row) { return !lives_.Knows(row.first); });
}

void LedgerStage::Baseline(absl::FunctionRef<void(const Event&)> emit) const {
  lives_.ForEachClosed([&](const ledger_event& record) { emit(record); });
}

}  // namespace waitscope
