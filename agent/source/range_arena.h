// Ranges of an array that readers use without asking: what is given up is used again only after a
// time in which every reader is done.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>

namespace waitscope {

class RangeArena {
 public:
  explicit RangeArena(uint32_t size);

  // The first index of `count` free ones, the lowest that fits; nothing when none does.
  std::optional<uint32_t> Take(uint32_t count);
  // [first, first + count), taken before, is free at once: nobody ever saw it.
  void Return(uint32_t first, uint32_t count);
  // The same, free `due_ns` on. Calls are in order of due_ns.
  void GiveUp(uint32_t first, uint32_t count, uint64_t due_ns);
  // Frees what was given up and is due.
  void Collect(uint64_t now_ns);

  uint32_t used() const { return used_; }  // what was given up is in use until it is free
  uint32_t size() const { return size_; }

 private:
  struct GivenUp {
    uint32_t first;
    uint32_t count;
    uint64_t due_ns;
  };

  const uint32_t size_;
  uint32_t used_ = 0;
  std::map<uint32_t, uint32_t> free_;  // first to count; neighbours are one
  std::deque<GivenUp> given_up_;
};

}  // namespace waitscope
