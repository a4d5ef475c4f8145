// One recording in progress: the ingest thread puts records in, the reader's thread takes them out.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <variant>

#include "absl/functional/function_ref.h"
#include "agent/core/event.h"
#include "agent/recent.h"
#include "agent/record_filter.h"

namespace waitscope {

// Bounded: when the reader is slow, records are dropped and counted, and the count is in the
// recording as a loss. Ticks and losses are never dropped. A stack forgotten before it was referred
// to, or shipped, is recorded when it is shipped again.
class RecordTap {
 public:
  using Emit = absl::FunctionRef<void(const Event&)>;

  struct Limits {
    size_t waiting_bytes = 16 << 20;   // for a slow reader
    size_t baseline_bytes = 64 << 20;  // what is known at the beginning
    size_t unused_bytes = 4 << 20;     // of stacks that nothing recorded has referred to
    size_t stacks = 1 << 16;           // remembered as recorded, and as referred to
  };

  RecordTap(RecordFilter filter, Limits limits)
      : filter_(std::move(filter)),
        limits_(limits),
        unused_stacks_(limits.unused_bytes / 2),
        promised_stacks_(limits.stacks),  // no sooner forgotten than in stacks_
        stacks_(limits.stacks / 2) {}

  // For the ingest thread. Start comes right after a tick.
  bool started() const { return started_; }
  void Start(absl::FunctionRef<void(Emit)> baseline);
  void Offer(const Event& event);

  // For the reader.
  struct Taken {
    std::string bytes;       // records as they are on the wire, one after the other
    uint64_t closed_ns = 0;  // of the last tick among all that was ever taken; 0: not started
  };
  // Whether Start has been called, after waiting for it.
  bool HasBegun(std::chrono::milliseconds patience);
  // Whether the baseline was more than the limit. Such a recording is of no use.
  bool IsTooLarge() const;
  // Nothing in it when no record came within `patience`.
  Taken Take(std::chrono::milliseconds patience);
  // Whether the stack was recorded lately, for its frames.
  bool HasStack(StackId id) const;

 private:
  void Put(const Event& event, bool droppable);
  void PutStacks(const Event& event);
  void PutLoss(loss_event event);

  // Of the ingest thread.
  RecordFilter filter_;
  const Limits limits_;
  bool started_ = false;
  Recent<StackId, std::string> unused_stacks_;       // shipped, and nothing recorded refers to them
  Recent<StackId, std::monostate> promised_stacks_;  // referred to, and not shipped yet
  loss_event ring_full_{};                           // the kernel's own count so far

  mutable std::mutex mutex_;
  std::condition_variable filled_;
  std::string bytes_;
  Recent<StackId, std::monostate> stacks_;
  bool too_large_ = false;
  uint64_t dropped_ = 0;
  uint64_t closed_ns_ = 0;
};

}  // namespace waitscope
