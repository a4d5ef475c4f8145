// Makes the records of made-up threads with the very code the kernel runs (bpf/ledger.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/core/event.h"
#include "agent/core/window_builder.h"
#include "bpf/ledger.h"

namespace waitscope {

inline constexpr uint64_t kMs = 1'000'000;
inline constexpr uint64_t kAlways = 0;

// What happens to one thread. Records go to `log` as they would be sent: a wait when it closes,
// a ledger when it is read. Waits shorter than T are chosen unless Skip() was called.
class Timeline {
 public:
  Timeline(std::vector<Event>& log, uint32_t pid, uint32_t tid, std::string_view comm = "worker");

  Timeline& Period(uint64_t ns);
  Timeline& Stacks(uint64_t kernel, uint64_t user);
  Timeline& On(const wait_object& object);
  Timeline& WokenBy(uint32_t pid, uint32_t tid, std::string_view comm,
                    waker_context context = WAKER_task);
  Timeline& Epoch(uint32_t epoch);

  Timeline& SeedAt(uint64_t ns, thread_state state = THREAD_running, wait_class cls = WAIT_other);
  Timeline& BornAt(uint64_t ns);  // running at once
  Timeline& BlockAt(uint64_t ns, wait_class cls = WAIT_other);
  Timeline& WakeAt(uint64_t ns);
  Timeline& PreemptAt(uint64_t ns);
  Timeline& RunAt(uint64_t ns);
  Timeline& ReadAt(uint64_t ns);
  Timeline& ExitAt(uint64_t ns);

  ThreadKey key() const { return KeyOf(thread_); }
  ledger& totals() { return ledger_; }

 private:
  void SendWait(const closed_wait& wait);
  ledger_event Reading(uint64_t ns) const;

  std::vector<Event>& log_;
  thread_ref thread_;
  std::string_view comm_;
  ledger ledger_{};
  uint64_t period_ns_ = kAlways;
  uint64_t kernel_stack_ = 0;
  uint64_t user_stack_ = 0;
  wait_object object_{};
  thread_ref waker_{};
  std::string waker_comm_;
  waker_context waker_context_ = WAKER_none;
  uint32_t epoch_ = 0;
};

tick_event TickAt(uint64_t ns);
stack_event StackWith(uint64_t id, uint32_t pid, std::vector<uint64_t> addresses);
loss_event LossOf(loss_reason reason, uint64_t count);
wait_object FutexAt(uint64_t word);

// Folds everything; the windows that its ticks closed.
std::vector<Window> FoldAll(const std::vector<Event>& events);

}  // namespace waitscope
