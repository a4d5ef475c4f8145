// How long to leave alone what has failed: a second at first, each time twice as long.
#pragma once

#include <algorithm>
#include <cstdint>

namespace waitscope {

class RetryPause {
 public:
  bool IsDue(uint64_t now_ns) const { return now_ns >= due_ns_; }

  void Failed(uint64_t now_ns) {
    pause_ns_ = std::clamp(2 * pause_ns_, kShortestNs, kLongestNs);
    due_ns_ = now_ns + pause_ns_;
  }

  void Succeeded() { *this = {}; }

  uint64_t pause_ns() const { return pause_ns_; }

 private:
  static constexpr uint64_t kShortestNs = 1'000'000'000;
  static constexpr uint64_t kLongestNs = 300'000'000'000;

  uint64_t pause_ns_ = 0;
  uint64_t due_ns_ = 0;
};

}  // namespace waitscope
