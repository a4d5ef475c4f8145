// When the kernel side ships stacks again that it has shipped before.
#pragma once

#include <algorithm>
#include <cstdint>

namespace waitscope {

class StackGeneration {
 public:
  explicit StackGeneration(uint64_t window_ns) : window_ns_(window_ns) {}

  // The agent has forgotten some, or never got them.
  void Turn() { wanted_ = true; }

  uint32_t current() const { return generation_; }

  // The generation of the window that begins now. A wish is granted at most once a window as
  // configured, or in so many seconds where windows are longer, however often windows are closed
  // early: all stacks are shipped again for it.
  uint32_t At(uint64_t now_ns) {
    const uint64_t age_ns = now_ns - turned_ns_;
    const bool due =
        age_ns >= kWindows * window_ns_ || (wanted_ && age_ns >= std::min(window_ns_, kPatienceNs));
    if (!due) return generation_;
    wanted_ = false;
    turned_ns_ = now_ns;
    return ++generation_;
  }

 private:
  static constexpr uint64_t kPatienceNs = 5'000'000'000;
  static constexpr uint64_t kWindows = 60;  // also without a wish, for what nobody noticed

  uint64_t window_ns_;
  uint64_t turned_ns_ = 0;
  uint32_t generation_ = 0;
  bool wanted_ = false;
};

}  // namespace waitscope
