// How long T must be for about so many waits a second to be told. A thousand threads that wait
// 60 ms at a time end 16,000 waits a second, all longer than a T of 1 ms: telling each would cost
// more than it shows. Weights go with each sample's own T, so sums stay unbiased.
#pragma once

#include <cstdint>

namespace waitscope {

class SamplingBudget {
 public:
  // T is at least `least_ns`, and stays there when it or `per_second` is 0.
  SamplingBudget(uint64_t least_ns, uint64_t per_second);

  // T from now on, when so many waits were told, or were lost on the way, in the last `elapsed_ns`.
  uint64_t After(uint64_t told, uint64_t elapsed_ns);

  uint64_t period_ns() const { return period_ns_; }

 private:
  uint64_t least_ns_;
  uint64_t per_second_;
  uint64_t period_ns_;
};

}  // namespace waitscope
