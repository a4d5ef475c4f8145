// Whether two windows are so much alike that whoever has judged the one need not judge the other.
#pragma once

#include <array>
#include <cstdint>
#include <map>

#include "agent/core/snapshot.h"

namespace waitscope {

class Likeness {
 public:
  explicit Likeness(const Snapshot& window);

  // Of every process each kind of time, but that in polls, is about the same.
  bool IsLike(const Likeness& other) const;

 private:
  // Threads' worth of time: running, runnable, and blocked by class.
  using Worth = std::array<double, WAIT_CLASS_COUNT + 2>;

  bool Covers(const Likeness& other) const;

  std::map<uint32_t, Worth> by_pid_;
};

}  // namespace waitscope
