#include "tests/agent/ticking_source.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/core/wire_text.h"
#include "agent/os/clock.h"

namespace waitscope {

TickingSource::TickingSource(Options options) : options_(options) {}

void TickingSource::FailWith(absl::Status status) {
  const std::lock_guard lock(mutex_);
  failure_ = std::move(status);
}

void TickingSource::Hold() {
  std::unique_lock lock(mutex_);
  held_ = true;
  asked_.wait(lock, [this] { return holding_; });
}

void TickingSource::GoOn() {
  {
    const std::lock_guard lock(mutex_);
    held_ = false;
  }
  asked_.notify_all();
}

void TickingSource::RequestTick() {
  {
    const std::lock_guard lock(mutex_);
    tick_wanted_ = true;
  }
  asked_.notify_all();
}

absl::Status TickingSource::WantSyscalls(bool wanted) {
  syscalls_wanted_ = wanted;
  times_wanted_ += wanted ? 1 : 0;
  return absl::OkStatus();
}

absl::StatusOr<bool> TickingSource::Poll(absl::FunctionRef<void(const Event&)> fold) {
  {
    std::unique_lock lock(mutex_);
    asked_.wait_for(lock, std::chrono::milliseconds(5), [this] { return tick_wanted_; });
    if (held_) {
      holding_ = true;
      asked_.notify_all();
      asked_.wait(lock, [this] { return !held_; });
      holding_ = false;
    }
    if (!failure_.ok()) return failure_;
    if (!std::exchange(tick_wanted_, false) && MonotonicNs() < next_tick_ns_) return true;
  }
  Tick(fold);
  return true;
}

void TickingSource::Introduce(uint64_t now_ns) {
  host_event host{};
  host.cpus = 2;
  SetText(host.hostname, "made-up");
  log_.push_back(host);
  log_.push_back(StackWith(11, 0, {0xffffffff81000001}));
  log_.push_back(StackWith(12, options_.worker_pid, {0x1001, 0x1002}));
  log_.push_back(StackWith(22, kLockerPid, {0x2001}));
  for (uint32_t i = 0; i < options_.worker_threads; ++i) {
    const uint32_t pid = options_.worker_pid;
    threads_.push_back(std::make_unique<Timeline>(log_, pid, pid + i, "worker"));
    threads_.back()->Stacks(11, 12).BornAt(now_ns).BlockAt(now_ns, WAIT_poll);
  }
  threads_.push_back(std::make_unique<Timeline>(log_, kLockerPid, kLockerPid, "locker"));
  threads_.back()
      ->Stacks(11, 22)
      .On(FutexAt(0x7f00))
      .WokenBy(options_.worker_pid, options_.worker_pid, "worker");
  threads_.back()->BornAt(now_ns).BlockAt(now_ns, WAIT_lock);
}

// Every thread is woken once at a tick, runs for no time, and blocks on.
void TickingSource::Tick(absl::FunctionRef<void(const Event&)> fold) {
  const uint64_t now_ns = MonotonicNs();
  if (threads_.empty()) Introduce(now_ns);
  const wait_class classes[] = {WAIT_poll, WAIT_lock};
  for (const auto& thread : threads_) {
    const wait_class cls = classes[thread == threads_.back() ? 1 : 0];
    thread->WakeAt(now_ns).RunAt(now_ns).BlockAt(now_ns, cls).ReadAt(now_ns);
  }
  for (const Event& event : log_) fold(event);
  log_.clear();
  fold(TickAt(now_ns));
  next_tick_ns_ = now_ns + options_.window_ns;
  ++ticks_;
}

Stack SpellingSymbolizer::Resolve(const RawStack& raw) {
  Stack stack;
  for (const uint64_t address : raw.addresses) {
    stack.frames.push_back({.address = address,
                            .symbol = absl::StrCat("function_", absl::Hex(address)),
                            .module = raw.pid == 0 ? "[kernel]" : "libc.so.6"});
  }
  return stack;
}

}  // namespace waitscope
