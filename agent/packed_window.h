// A closed window as it is kept: its fields by column, compressed against a neighbour's.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "agent/core/snapshot.h"

namespace waitscope {

class PackedWindow {
 public:
  using Ref = std::shared_ptr<const PackedWindow>;
  using Tally = std::shared_ptr<std::atomic<size_t>>;  // bytes of all that live, whoever has them

  // `base` may be null, and must not have a base of its own. Of the stacks only the identities
  // are packed.
  static Ref Pack(Snapshot& window, Ref base, Tally tally);
  ~PackedWindow();
  PackedWindow(const PackedWindow&) = delete;
  PackedWindow& operator=(const PackedWindow&) = delete;

  uint64_t begin_ns() const { return begin_ns_; }
  uint64_t end_ns() const { return end_ns_; }
  uint64_t wall_clock_end_ns() const { return wall_clock_end_ns_; }
  uint64_t sequence() const { return sequence_; }
  // What can serve as the base of windows near this one.
  static Ref BaseNear(const Ref& window) { return window->base_ ? window->base_ : window; }
  size_t bytes() const { return sizeof(*this) + compressed_.capacity(); }

 private:
  friend class WindowUnpacker;

  PackedWindow(const Snapshot& window, Ref base, Tally tally);
  void Compress(const std::string& plain, const std::string& base_plain);

  const uint64_t begin_ns_;
  const uint64_t end_ns_;
  const uint64_t wall_clock_end_ns_;
  const uint64_t sequence_;
  const Ref base_;
  const Tally tally_;
  size_t plain_bytes_ = 0;
  std::string compressed_;
};

// Unpacks one window after the other; quick when neighbours share a base.
class WindowUnpacker {
 public:
  // Its stacks have no frames.
  Snapshot Unpack(const PackedWindow& window);

  // The bytes that were compressed.
  std::string Plain(const PackedWindow& window);

 private:
  const std::string& BaseOf(const PackedWindow& window);

  PackedWindow::Ref base_;
  std::string base_plain_;
};

}  // namespace waitscope
