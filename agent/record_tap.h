// One recording in progress: the ingest thread puts records in, the reader's thread takes them out.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "agent/core/event.h"
#include "agent/record_filter.h"

namespace waitscope {

// Bounded: when the reader is slow, records are dropped and counted, and the count is in the
// recording as a loss. Ticks and losses are never dropped.
class RecordTap {
 public:
  using Emit = absl::FunctionRef<void(const Event&)>;

  RecordTap(RecordFilter filter, size_t max_bytes)
      : filter_(std::move(filter)), max_bytes_(max_bytes) {}

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
  // Nothing in it when no record came within `patience`.
  Taken Take(std::chrono::milliseconds patience);
  // The stacks that were recorded, for their frames.
  std::set<StackId> Stacks() const;

 private:
  void Put(const Event& event, bool droppable);
  void PutStacks(const Event& event);
  void PutLoss(loss_event event);

  // Of the ingest thread.
  RecordFilter filter_;
  const size_t max_bytes_;
  bool started_ = false;
  std::map<StackId, std::string> unused_stacks_;  // shipped, and nothing recorded refers to them
  std::set<StackId> promised_stacks_;             // referred to, and not shipped yet
  loss_event ring_full_{};                        // the kernel's own count so far

  mutable std::mutex mutex_;
  std::condition_variable filled_;
  std::string bytes_;
  std::set<StackId> stacks_;
  uint64_t dropped_ = 0;
  uint64_t closed_ns_ = 0;
};

}  // namespace waitscope
