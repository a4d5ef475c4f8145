#include "agent/core/samples.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "agent/core/wait_parts.h"
#include "agent/core/wire_text.h"

namespace waitscope {
namespace {

// How far behind the newest wait a tick may be stamped. Older waits need not be kept aside.
constexpr uint64_t kTickDelayNs = 1'000'000'000;
constexpr size_t kSmallestSweep = 1024;
// Shorter waits tell nothing about who keeps whom waiting, and not each of them is chosen.
constexpr uint64_t kShortestUnparkNs = 1'000'000;
constexpr uint32_t kFutexCommandMask = 0x7f;  // without FUTEX_PRIVATE_FLAG and FUTEX_CLOCK_REALTIME
constexpr uint32_t kFutexWaitBitset = 9;

double RoundedCount(double count) { return std::round(count * 65536) / 65536; }

void AddTo(SampleValue& value, const WaitPart& part, double weight, uint64_t from_ns) {
  const uint64_t new_ns = SinceOrZero(std::max(part.begin_ns, from_ns), part.end_ns);
  value.ns += std::round(static_cast<double>(new_ns) * weight);
  value.longest_ns = std::max(value.longest_ns, part.end_ns - part.begin_ns);
}

// At a condition variable or semaphore of glibc, and what is built on those: a mutex names its
// owner, and Go parks for everything with FUTEX_WAIT.
bool IsPark(const wait_event& event) {
  return event.preempted == 0 && event.wait_class == WAIT_lock &&
         event.object.kind == OBJECT_futex &&
         (event.object.futex_op & kFutexCommandMask) == kFutexWaitBitset;
}

bool IsEndedBySibling(const wait_event& event) {
  return event.waker_context == WAKER_task && event.waker.pid == event.thread.pid &&
         event.waker.tid != event.thread.tid;
}

// Time that ran out matters of threads only that siblings wake as well.
void LeaveOnlyWokenOnes(std::vector<Unpark>& unparks) {
  std::set<std::pair<uint32_t, uint32_t>> woken;
  for (const Unpark& unpark : unparks) {
    if (unpark.waker != 0) woken.insert({unpark.pid, unpark.waiter});
  }
  std::erase_if(unparks, [&](const Unpark& unpark) {
    return !woken.contains({unpark.pid, unpark.waiter});
  });
}

}  // namespace

void SampleStage::Fold(const wait_event& event) {
  newest_ns_ = std::max<uint64_t>(newest_ns_, event.on_ns);
  rows_.period_ns = std::max<uint64_t>(rows_.period_ns.value_or(0), event.period_ns);
  pending_.push_back(event);
  if (pending_.size() < sweep_at_) return;
  FoldPending(SinceOrZero(kTickDelayNs, newest_ns_));
  sweep_at_ = std::max(kSmallestSweep, 2 * pending_.size());
}

void SampleStage::Fold(const oncpu_event& event) {
  const ThreadKey thread = KeyOf(event.thread);
  Name(thread, PrintableText(event.comm));
  SampleValue& value = rows_.values[{.thread = thread,
                                     .state = SampleState::kRunning,
                                     .kernel_stack = event.kernel_stack,
                                     .user_stack = event.user_stack}];
  value.ns += static_cast<double>(event.period_ns);
  value.count += 1;
}

void SampleStage::FoldPending(uint64_t up_to_ns) {
  const auto later = std::partition(pending_.begin(), pending_.end(), [&](const wait_event& event) {
    return event.on_ns <= up_to_ns;
  });
  std::for_each(pending_.begin(), later, [&](const wait_event& event) { FoldClosed(event); });
  pending_.erase(pending_.begin(), later);
}

void SampleStage::FoldClosed(const wait_event& event) {
  const ThreadKey thread = KeyOf(event.thread);
  const double weight = WeightOf(event);
  const uint64_t from_ns = NewFromNs(thread, event.off_ns, event.on_ns);
  for (const WaitPart& part : PartsOf(event, rows_.objects)) {
    SampleValue& value = rows_.values[part.key];
    AddTo(value, part, weight, from_ns);
    value.count += RoundedCount(weight);
    if (part.key.state != SampleState::kBlocked) continue;
    value.device_ns += event.request_device_ns;
    value.queue_ns += event.request_queue_ns;
    Name(part.key.waker, PrintableText(event.waker_comm));
    CountLockWait(event, part, weight);
  }
  KeepUnpark(event);
  Name(thread, PrintableText(event.comm));
  uint64_t& last_on_ns = rows_.last_on_ns[thread];
  last_on_ns = std::max<uint64_t>(last_on_ns, event.on_ns);
}

// Whole, in the window in which it ends: half a wait is no wait of half the length.
void SampleStage::CountLockWait(const wait_event& event, const WaitPart& part, double weight) {
  if (part.key.cls != WAIT_lock || event.object.kind != OBJECT_futex) return;
  rows_.lock_waits[{event.thread.pid, event.object.id}].Add(
      part.end_ns - part.begin_ns, static_cast<uint64_t>(std::llround(weight)));
}

void SampleStage::KeepUnpark(const wait_event& event) {
  const uint64_t shortest_ns = std::max<uint64_t>(kShortestUnparkNs, event.period_ns);
  const bool is_long = SinceOrZero(event.off_ns, event.wake_ns) >= shortest_ns;
  const bool by_sibling = IsEndedBySibling(event);
  const bool by_time = event.waker_context == WAKER_interrupt;
  if (!is_long || !IsPark(event) || (!by_sibling && !by_time)) return;
  rows_.unparks.push_back({.wake_ns = event.wake_ns,
                           .pid = event.thread.pid,
                           .waiter = event.thread.tid,
                           .waker = by_sibling ? event.waker.tid : 0,
                           .word = event.object.id,
                           .user_stack = event.user_stack,
                           .off_ns = event.off_ns,
                           .on_ns = std::max<uint64_t>(event.wake_ns, event.on_ns)});
  if (rows_.unparks.size() >= 2 * kNewestUnparks) KeepNewest(rows_.unparks);
}

void SampleStage::FoldOpen(const ledger_event& record) {
  if (!IsWorthListing(record)) return;
  const ThreadKey thread = KeyOf(record.thread);
  const uint64_t from_ns = NewFromNs(thread, record.totals.since_ns, record.at_ns);
  for (const WaitPart& part : OpenPartsOf(record, rows_.objects)) {
    AddTo(rows_.values[part.key], part, 1, from_ns);
    listed_[thread] = {record.totals.since_ns, record.at_ns};
  }
}

// The kernel side captures a stack only of waits at least T old, so one proves the age.
bool SampleStage::IsWorthListing(const ledger_event& record) const {
  const uint64_t age_ns = SinceOrZero(record.totals.since_ns, record.at_ns);
  const bool old_enough = record.kernel_stack != 0 || (period_ns_ && age_ns >= *period_ns_);
  const auto last = rows_.last_on_ns.find(KeyOf(record.thread));
  const bool has_ended = last != rows_.last_on_ns.end() && last->second > record.totals.since_ns;
  return old_enough && !has_ended && !record.final;
}

uint64_t SampleStage::NewFromNs(const ThreadKey& thread, uint64_t begin_ns, uint64_t end_ns) const {
  const auto at = listed_.find(thread);
  if (at == listed_.end()) return begin_ns;
  const Listed& listed = at->second;
  const bool same_wait = begin_ns < listed.until_ns && end_ns > listed.since_ns;
  return same_wait ? std::max(begin_ns, listed.until_ns) : begin_ns;
}

void SampleStage::Name(const ThreadKey& thread, std::string_view comm) {
  if (thread == ThreadKey{}) return;
  std::string& name = rows_.comms[thread];
  if (comm > name) name = comm;  // whichever came first must not matter
}

void SampleStage::Close(uint64_t tick_ns, const LedgerStage& ledgers, Snapshot& snapshot) {
  if (rows_.period_ns) period_ns_ = rows_.period_ns;
  FoldPending(tick_ns);
  ledgers.ForEachFresh([&](const ledger_event& record) { FoldOpen(record); });
  std::erase_if(listed_, [&](const auto& row) { return !ledgers.Knows(row.first); });

  Rows rows = std::exchange(rows_, {});
  snapshot.samples = std::move(rows.values);
  snapshot.objects = std::move(rows.objects).Take();
  snapshot.period_ns = period_ns_.value_or(0);
  snapshot.lock_waits = std::move(rows.lock_waits);
  LeaveOnlyWokenOnes(rows.unparks);
  KeepNewest(rows.unparks);
  snapshot.unparks = std::move(rows.unparks);
  snapshot.comms.merge(rows.comms);
}

void SampleStage::Baseline(absl::FunctionRef<void(const Event&)> emit) const {
  for (const wait_event& event : pending_) emit(event);
}

}  // namespace waitscope
