// The windows of the recent past, bounded by age and by memory.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "agent/core/snapshot.h"
#include "agent/core/target.h"
#include "agent/packed_window.h"
#include "agent/stack_store.h"

namespace waitscope {

struct HistoryLimits {
  uint64_t time_ns = 3'600'000'000'000;
  size_t bytes = 256ULL << 20;
  // Windows closed early are joined until they are about so long; 0: each stays as it is.
  uint64_t window_ns = 0;
  // Of frames in one answer: unlike in the history, each stack has its own there.
  size_t answer_stack_bytes = 64ULL << 20;
};

struct HistoryUsage {
  uint32_t windows = 0;
  size_t bytes = 0;
  uint64_t begin_ns = 0;  // of the oldest window
  uint64_t end_ns = 0;    // of the newest
  uint64_t wall_clock_begin_ns = 0;
  uint64_t wall_clock_end_ns = 0;
  uint64_t sequence = 0;  // of the newest
};

// Thread-safe, but for Append: that is for one thread. A window is kept compressed, and unpacked
// for whoever asks; a stack that many windows share is kept once.
class History {
 public:
  using GiveUp = absl::FunctionRef<bool()>;

  explicit History(HistoryLimits limits) : limits_(limits) {}

  // `beside_bytes`: what else is held for the sake of the windows to come. It counts against the
  // limit.
  void Append(Snapshot window, size_t beside_bytes = 0);

  // One snapshot of all windows that end after begin_ns and no later than end_ns.
  std::optional<Snapshot> Merged(uint64_t begin_ns, uint64_t end_ns) const;
  // The target's part of it. Cancelled soon after `give_up` says so.
  absl::StatusOr<std::optional<Snapshot>> Merged(uint64_t begin_ns, uint64_t end_ns,
                                                 const Target& target, GiveUp give_up) const;
  std::optional<Snapshot> Latest() const;
  // Calls `visit` for those stacks of those windows that are `wanted`.
  void ForEachStack(uint64_t begin_ns, uint64_t end_ns, absl::FunctionRef<bool(StackId)> wanted,
                    absl::FunctionRef<void(StackId, const Stack&)> visit) const;
  HistoryUsage Usage() const;

  // The end of the first window that ends at or after `at_ns`; nothing when none has closed
  // before `patience` has passed.
  std::optional<uint64_t> WaitForEnd(uint64_t at_ns, std::chrono::milliseconds patience) const;
  // The end of the window that closed at this moment of the wall clock; nothing when none did.
  std::optional<uint64_t> EndAtWallClock(uint64_t wall_clock_ns) const;
  // The wall clock at the end of the window that ends so; nothing when none does.
  std::optional<uint64_t> WallClockAt(uint64_t end_ns) const;

  // As long as the pin lives, the window that ends at `end_ns` is not joined with the next.
  std::shared_ptr<void> Pin(uint64_t end_ns) const;
  // The same for somebody who does not say when it is no longer needed: the latest of these.
  void PinForLater(uint64_t end_ns) const;

 private:
  using Windows = std::vector<PackedWindow::Ref>;

  void Keep(Snapshot& window, size_t beside_bytes);
  void Evict();
  size_t Bytes() const;
  void JoinShort();
  bool MayJoin(const PackedWindow& first, const PackedWindow& second) const;
  std::optional<size_t> FindShort() const;
  PackedWindow::Ref NextBase() const;
  Windows Choose(uint64_t begin_ns, uint64_t end_ns) const;
  void FillStacks(Snapshot& snapshot) const;

  const HistoryLimits limits_;
  const PackedWindow::Tally packed_bytes_ = std::make_shared<std::atomic<size_t>>(0);
  mutable std::mutex mutex_;
  mutable std::condition_variable appended_;
  std::deque<PackedWindow::Ref> windows_;
  StackStore stacks_;  // of all windows
  size_t beside_bytes_ = 0;
  PackedWindow::Ref base_;  // of the windows to come
  uint32_t based_ = 0;      // windows that have it
  mutable std::multiset<uint64_t> pins_;
  mutable std::deque<uint64_t> pinned_for_later_;
};

}  // namespace waitscope
