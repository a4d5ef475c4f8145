#include "agent/source/memory_source.h"

#include <chrono>
#include <utility>

namespace waitscope {

void MemorySource::Push(const Event& event) {
  {
    const std::lock_guard lock(mutex_);
    events_.push_back(event);
  }
  changed_.notify_all();
}

void MemorySource::End() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  changed_.notify_all();
}

absl::StatusOr<bool> MemorySource::Poll(absl::FunctionRef<void(const Event&)> fold) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::milliseconds(50),
                    [this] { return !events_.empty() || ended_; });
  const std::vector<Event> ready = std::exchange(events_, {});
  const bool more = !ended_;
  lock.unlock();
  for (const Event& event : ready) fold(event);
  return more;
}

void MemorySource::RequestTick() {
  const std::lock_guard lock(mutex_);
  ++ticks_requested_;
}

absl::Status MemorySource::WantSyscalls(bool wanted) {
  const std::lock_guard lock(mutex_);
  syscalls_wanted_ = wanted;
  return absl::OkStatus();
}

int MemorySource::ticks_requested() const {
  const std::lock_guard lock(mutex_);
  return ticks_requested_;
}

bool MemorySource::syscalls_wanted() const {
  const std::lock_guard lock(mutex_);
  return syscalls_wanted_;
}

}  // namespace waitscope
