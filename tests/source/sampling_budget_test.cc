#include "agent/source/sampling_budget.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace waitscope {
namespace {

constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kQuarter = 250 * kMs;

// Of so many waits a second, each so long, as many are told in a quarter of a second.
uint64_t Told(uint64_t waits_per_second, uint64_t length_ns, uint64_t period_ns) {
  const double chosen =
      std::min(1.0, static_cast<double>(length_ns) / static_cast<double>(period_ns));
  return static_cast<uint64_t>(static_cast<double>(waits_per_second) * chosen / 4);
}

TEST(SamplingBudget, StaysAtItsLeastWhileFewWaitsAreTold) {
  SamplingBudget budget(kMs, 4000);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(budget.After(900, kQuarter), kMs);
}

TEST(SamplingBudget, FindsAPeriodThatTellsWhatIsAllowed) {
  SamplingBudget budget(kMs, 4000);
  for (int i = 0; i < 20; ++i) {
    budget.After(Told(16'000, 60 * kMs, budget.period_ns()), kQuarter);
  }
  const uint64_t told = 4 * Told(16'000, 60 * kMs, budget.period_ns());
  EXPECT_LE(told, 4000U);
  EXPECT_GE(told, 1000U);
}

TEST(SamplingBudget, SettlesInsteadOfSwinging) {
  SamplingBudget budget(kMs, 4000);
  for (int i = 0; i < 20; ++i) {
    budget.After(Told(50'000, 5 * kMs, budget.period_ns()), kQuarter);
  }
  const uint64_t settled = budget.period_ns();
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(budget.After(Told(50'000, 5 * kMs, budget.period_ns()), kQuarter), settled);
  }
}

TEST(SamplingBudget, ComesBackWhenTheStormIsOver) {
  SamplingBudget budget(kMs, 4000);
  for (int i = 0; i < 20; ++i) budget.After(100'000, kQuarter);
  EXPECT_GT(budget.period_ns(), 1000 * kMs);
  for (int i = 0; i < 20; ++i) budget.After(10, kQuarter);
  EXPECT_EQ(budget.period_ns(), kMs);
}

TEST(SamplingBudget, NeverExceedsWhatTheKernelSideCanCompute) {
  SamplingBudget budget(kMs, 1);
  for (int i = 0; i < 100; ++i) EXPECT_LT(budget.After(1'000'000, kQuarter), 1ULL << 32);
}

TEST(SamplingBudget, WithoutALimitOrAPeriodNothingChanges) {
  EXPECT_EQ(SamplingBudget(kMs, 0).After(1'000'000, kQuarter), kMs);
  EXPECT_EQ(SamplingBudget(0, 4000).After(1'000'000, kQuarter), 0U);
}

}  // namespace
}  // namespace waitscope
