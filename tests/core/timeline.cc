#include "tests/core/timeline.h"

#include <algorithm>
#include <cstddef>

#include "agent/core/wire_text.h"

namespace waitscope {

Timeline::Timeline(std::vector<Event>& log, uint32_t pid, uint32_t tid, std::string_view comm)
    : log_(log), thread_{pid, tid, 7}, comm_(comm) {}

Timeline& Timeline::Period(uint64_t ns) {
  period_ns_ = ns;
  return *this;
}

Timeline& Timeline::Stacks(uint64_t kernel, uint64_t user) {
  kernel_stack_ = kernel;
  user_stack_ = user;
  return *this;
}

Timeline& Timeline::On(const wait_object& object) {
  object_ = object;
  return *this;
}

Timeline& Timeline::WokenBy(uint32_t pid, uint32_t tid, std::string_view comm,
                            waker_context context) {
  waker_ = {pid, tid, 7};
  waker_comm_ = comm;
  waker_context_ = context;
  return *this;
}

Timeline& Timeline::Epoch(uint32_t epoch) {
  epoch_ = epoch;
  return *this;
}

Timeline& Timeline::SeedAt(uint64_t ns, thread_state state, wait_class cls) {
  ledger_open(&ledger_, ns, state, cls, -1);
  ledger_.seeded = 1;
  ledger_.open_seeded = 1;
  return *this;
}

Timeline& Timeline::BornAt(uint64_t ns) {
  ledger_open(&ledger_, ns, THREAD_running, WAIT_other, -1);
  return *this;
}

Timeline& Timeline::BlockAt(uint64_t ns, wait_class cls) {
  ledger_blocked(&ledger_, ns, cls, 0);
  return *this;
}

Timeline& Timeline::WakeAt(uint64_t ns) {
  ledger_waking(&ledger_, ns);
  return *this;
}

Timeline& Timeline::PreemptAt(uint64_t ns) {
  ledger_preempted(&ledger_, ns);
  return *this;
}

Timeline& Timeline::RunAt(uint64_t ns) {
  closed_wait wait{};
  ledger_switch_in(&ledger_, ns, epoch_, &wait);
  if (wait.closed) SendWait(wait);
  return *this;
}

Timeline& Timeline::ReadAt(uint64_t ns) {
  log_.push_back(Reading(ns));
  return *this;
}

Timeline& Timeline::ExitAt(uint64_t ns) {
  ledger_dead(&ledger_, ns);
  ledger_event record = Reading(ns);
  record.final = 1;
  log_.push_back(record);
  return *this;
}

void Timeline::SendWait(const closed_wait& wait) {
  wait_event event{};
  event.thread = thread_;
  SetText(event.comm, comm_);
  event.off_ns = wait.off_ns;
  event.wake_ns = wait.wake_ns;
  event.on_ns = wait.on_ns;
  event.period_ns = period_ns_;
  event.wait_class = wait.wait_class;
  event.preempted = wait.preempted;
  event.syscall = wait.syscall;
  event.kernel_stack = kernel_stack_;
  event.user_stack = user_stack_;
  if (!wait.preempted) {
    event.object = object_;
    event.waker = waker_;
    SetText(event.waker_comm, waker_comm_);
    event.waker_context = waker_context_;
  }
  log_.push_back(event);
}

ledger_event Timeline::Reading(uint64_t ns) const {
  ledger_event record{};
  record.thread = thread_;
  SetText(record.comm, comm_);
  record.at_ns = ns;
  record.totals = ledger_;
  const bool old_enough = ns - ledger_.since_ns >= period_ns_;
  if (ledger_.state == THREAD_blocked && old_enough) {
    record.kernel_stack = kernel_stack_;
    record.user_stack = user_stack_;
    record.object = object_;
  }
  return record;
}

tick_event TickAt(uint64_t ns) {
  tick_event event{};
  event.at_ns = ns;
  event.wall_clock_ns = 1'000'000'000 * kMs + ns;
  return event;
}

stack_event StackWith(uint64_t id, uint32_t pid, std::vector<uint64_t> addresses) {
  stack_event event{};
  event.hdr.size = static_cast<uint32_t>(offsetof(stack_event, addresses) + 8 * addresses.size());
  event.id = id;
  event.pid = pid;
  event.count = static_cast<uint32_t>(addresses.size());
  std::ranges::copy(addresses, event.addresses);
  return event;
}

loss_event LossOf(loss_reason reason, uint64_t count) {
  loss_event event{};
  event.reason = reason;
  event.count = count;
  return event;
}

wait_object FutexAt(uint64_t word) {
  wait_object object{};
  object.kind = OBJECT_futex;
  object.fd = -1;
  object.id = word;
  return object;
}

std::vector<Window> FoldAll(const std::vector<Event>& events) {
  WindowBuilder builder;
  std::vector<Window> windows;
  for (const Event& event : events) {
    if (std::optional<Window> window = builder.Fold(event)) windows.push_back(*std::move(window));
  }
  return windows;
}

}  // namespace waitscope
