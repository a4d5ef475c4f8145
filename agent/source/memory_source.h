// Events a test made up, delivered as they are pushed. Safe from any thread.
#pragma once

#include <condition_variable>
#include <mutex>
#include <vector>

#include "agent/core/source.h"

namespace waitscope {

class MemorySource : public Source {
 public:
  MemorySource() = default;
  // All that will ever come.
  explicit MemorySource(std::vector<Event> events) : events_(std::move(events)), ended_(true) {}

  void Push(const Event& event);
  void End();

  absl::StatusOr<bool> Poll(absl::FunctionRef<void(const Event&)> fold) override;
  void RequestTick() override;
  absl::Status WantSyscalls(bool wanted) override;

  int ticks_requested() const;
  bool syscalls_wanted() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Event> events_;
  bool ended_ = false;
  bool syscalls_wanted_ = false;
  int ticks_requested_ = 0;
};

}  // namespace waitscope
