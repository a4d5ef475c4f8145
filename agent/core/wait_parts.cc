#include "agent/core/wait_parts.h"

#include <algorithm>

#include "agent/core/ledger_totals.h"
#include "agent/core/monotone.h"

namespace waitscope {
namespace {

SampleKey RunnableKey(const SampleKey& wait, SampleState state) {
  return {.open = wait.open,
          .thread = wait.thread,
          .state = state,
          .syscall = wait.syscall,
          .kernel_stack = wait.kernel_stack,
          .user_stack = wait.user_stack};
}

bool HasWakerThread(uint8_t context) { return context != WAKER_none && context != WAKER_self; }

SampleKey ThreadAndStacks(const wait_event& event) {
  return {.thread = KeyOf(event.thread),
          .syscall = event.syscall,
          .kernel_stack = event.kernel_stack,
          .user_stack = event.user_stack};
}

SampleKey BlockedKey(const wait_event& event, ObjectInterner& objects) {
  SampleKey key = ThreadAndStacks(event);
  key.state = SampleState::kBlocked;
  key.cls = static_cast<wait_class>(event.wait_class);
  key.context = static_cast<waker_context>(event.waker_context);
  // Of an interrupt this is only who was interrupted, unless the stack shows that the thread's
  // own call ran it (refine.h).
  if (HasWakerThread(event.waker_context)) key.waker = KeyOf(event.waker);
  key.waker_kernel_stack = event.waker_kernel_stack;
  key.waker_user_stack = event.waker_user_stack;
  key.object = objects.Intern(event.object);
  key.device = event.request_dev;
  return key;
}

// A recovered waking, or a newborn's first turn, has no blocked part.
WaitParts Split(const SampleKey& blocked, uint64_t off_ns, uint64_t wake_ns, uint64_t on_ns) {
  WaitParts parts;
  if (wake_ns > off_ns) parts.push_back({blocked, off_ns, wake_ns});
  if (on_ns > wake_ns) {
    parts.push_back({RunnableKey(blocked, SampleState::kWoken), wake_ns, on_ns});
  }
  return parts;
}

}  // namespace

double WeightOf(const wait_event& event) {
  const uint64_t length_ns = SinceOrZero(event.off_ns, event.on_ns);
  if (length_ns == 0 || length_ns >= event.period_ns) return 1;
  return static_cast<double>(event.period_ns) / static_cast<double>(length_ns);
}

WaitParts PartsOf(const wait_event& event, ObjectInterner& objects) {
  const uint64_t on_ns = std::max<uint64_t>(event.off_ns, event.on_ns);
  if (event.preempted) {
    const SampleKey key = RunnableKey(ThreadAndStacks(event), SampleState::kPreempted);
    return {{key, event.off_ns, on_ns}};
  }
  const uint64_t wake_ns =
      event.wake_ns == 0 ? on_ns : std::clamp<uint64_t>(event.wake_ns, event.off_ns, on_ns);
  return Split(BlockedKey(event, objects), event.off_ns, wake_ns, on_ns);
}

WaitParts OpenPartsOf(const ledger_event& record, ObjectInterner& objects) {
  const ledger& ledger = record.totals;
  SampleKey key{.open = true,
                .thread = KeyOf(record.thread),
                .syscall = ledger.open_syscall,
                .kernel_stack = record.kernel_stack,
                .user_stack = record.user_stack};
  const uint64_t at_ns = std::max<uint64_t>(ledger.since_ns, record.at_ns);
  switch (ledger.state) {
    case THREAD_woken:
      return {{RunnableKey(key, SampleState::kWoken), ledger.since_ns, at_ns}};
    case THREAD_preempted:
      return {{RunnableKey(key, SampleState::kPreempted), ledger.since_ns, at_ns}};
    case THREAD_blocked:
      key.cls = static_cast<wait_class>(ledger.wait_class);
      key.object = objects.Intern(record.object);
      return Split(key, ledger.since_ns, BlockedUntilNs(record), at_ns);
    default:
      return {};
  }
}

}  // namespace waitscope
