#include "agent/source/range_arena.h"

#include <iterator>

namespace waitscope {

RangeArena::RangeArena(uint32_t size) : size_(size) {
  if (size != 0) free_.emplace(0, size);
}

std::optional<uint32_t> RangeArena::Take(uint32_t count) {
  if (count == 0) return 0;
  for (auto at = free_.begin(); at != free_.end(); ++at) {
    const auto [first, room] = *at;
    if (room < count) continue;
    free_.erase(at);
    if (room > count) free_.emplace(first + count, room - count);
    used_ += count;
    return first;
  }
  return std::nullopt;
}

void RangeArena::GiveUp(uint32_t first, uint32_t count, uint64_t due_ns) {
  if (count != 0) given_up_.push_back({first, count, due_ns});
}

void RangeArena::Collect(uint64_t now_ns) {
  while (!given_up_.empty() && given_up_.front().due_ns <= now_ns) {
    Return(given_up_.front().first, given_up_.front().count);
    given_up_.pop_front();
  }
}

void RangeArena::Return(uint32_t first, uint32_t count) {
  if (count == 0) return;
  used_ -= count;
  auto after = free_.upper_bound(first);
  if (after != free_.begin()) {
    const auto before = std::prev(after);
    if (before->first + before->second == first) {
      first = before->first;
      count += before->second;
      free_.erase(before);
    }
  }
  if (after != free_.end() && first + count == after->first) {
    count += after->second;
    free_.erase(after);
  }
  free_.emplace(first, count);
}

}  // namespace waitscope
