// The windows of the recent past, bounded by age and by memory.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "agent/core/snapshot.h"

namespace waitscope {

struct HistoryLimits {
  uint64_t time_ns = 3'600'000'000'000;
  size_t bytes = 256ULL << 20;
};

struct HistoryUsage {
  uint32_t windows = 0;
  size_t bytes = 0;
  uint64_t begin_ns = 0;  // of the oldest window
  uint64_t end_ns = 0;    // of the newest
  uint64_t wall_clock_begin_ns = 0;
  uint64_t sequence = 0;  // of the newest
};

// Thread-safe. Windows are immutable once appended; a stack that many windows share is kept once.
class History {
 public:
  explicit History(HistoryLimits limits) : limits_(limits) {}

  void Append(Snapshot window);

  // One snapshot of all windows that end after begin_ns and no later than end_ns.
  std::optional<Snapshot> Merged(uint64_t begin_ns, uint64_t end_ns) const;
  std::optional<Snapshot> Latest() const;
  // The stacks of those windows alone.
  std::map<StackId, std::shared_ptr<const Stack>> Stacks(uint64_t begin_ns, uint64_t end_ns) const;
  HistoryUsage Usage() const;

  // The end of the first window that ends at or after `at_ns`; nothing when none has closed
  // before `patience` has passed.
  std::optional<uint64_t> WaitForEnd(uint64_t at_ns, std::chrono::milliseconds patience) const;
  // The end of the window that closed at this moment of the wall clock; nothing when none did.
  std::optional<uint64_t> EndAtWallClock(uint64_t wall_clock_ns) const;

 private:
  using StackRef = std::shared_ptr<const Stack>;

  struct Window {
    Snapshot snapshot;  // its stacks are empty: they are in `stacks`
    std::vector<std::pair<StackId, StackRef>> stacks;
    size_t bytes = 0;
  };

  StackRef Intern(StackId id, Stack stack);
  void Evict();
  std::vector<std::shared_ptr<const Window>> Choose(uint64_t begin_ns, uint64_t end_ns) const;
  void DropStacks(const Window& window);
  static Snapshot Whole(const std::vector<std::shared_ptr<const Window>>& windows);

  const HistoryLimits limits_;
  mutable std::mutex mutex_;
  mutable std::condition_variable appended_;
  std::deque<std::shared_ptr<const Window>> windows_;
  std::map<StackId, StackRef> stacks_;
  std::map<StackId, uint32_t> stack_uses_;  // windows that refer to each
  size_t bytes_ = 0;                        // of windows and stacks
};

// Rough size in memory.
size_t ApproximateBytes(const Stack& stack);

}  // namespace waitscope
