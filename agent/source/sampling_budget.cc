#include "agent/source/sampling_budget.h"

#include <algorithm>

namespace waitscope {
namespace {

constexpr uint64_t kLongestNs = 4'000'000'000;  // the kernel side computes in 32 bits
constexpr double kSteepest = 8;                 // T grows so many times at once at most

}  // namespace

SamplingBudget::SamplingBudget(uint64_t least_ns, uint64_t per_second)
    : least_ns_(least_ns), per_second_(per_second), period_ns_(least_ns) {}

uint64_t SamplingBudget::After(uint64_t told, uint64_t elapsed_ns) {
  if (least_ns_ == 0 || per_second_ == 0 || elapsed_ns == 0) return period_ns_;
  const double rate = static_cast<double>(told) * 1e9 / static_cast<double>(elapsed_ns);
  const double over = rate / static_cast<double>(per_second_);
  if (over > 1) {
    const double longer = static_cast<double>(period_ns_) * std::clamp(over, 2.0, kSteepest);
    period_ns_ = std::min(kLongestNs, static_cast<uint64_t>(longer));
  } else if (over < 0.4) {  // half of T tells at most twice as many
    period_ns_ = std::max(least_ns_, period_ns_ / 2);
  }
  return period_ns_;
}

}  // namespace waitscope
