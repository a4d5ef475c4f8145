#include "agent/core/histogram.h"

#include <gmock/gmock.h>

#include <array>
#include <random>

namespace waitscope {
namespace {

using Counts = std::array<uint32_t, WS_HIST_BUCKETS>;

Histogram Of(std::initializer_list<uint64_t> durations) {
  Histogram histogram;
  for (const uint64_t ns : durations) histogram.Add(ns);
  return histogram;
}

TEST(Histogram, EmptyHasNoQuantiles) {
  EXPECT_TRUE(Histogram().Empty());
  EXPECT_EQ(Histogram().QuantileNs(0.5), 0u);
  EXPECT_EQ(Histogram().CeilingNs(), 0u);
}

TEST(Histogram, QuantilesAreWithinTheStatedError) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 2000; ++round) {
    const uint64_t ns = random() >> (31 + random() % 28);  // up to 8.6 s, all magnitudes
    const auto middle = static_cast<double>(Of({ns}).QuantileNs(0.5));
    const double allowed = std::max(600.0, 0.0625 * static_cast<double>(ns));
    ASSERT_NEAR(middle, static_cast<double>(ns), allowed) << ns;
  }
}

TEST(Histogram, QuantilesFollowTheRanks) {
  Histogram histogram;
  histogram.Add(10'000, 98);
  histogram.Add(1'000'000, 2);
  EXPECT_LT(histogram.QuantileNs(0.5), 11'000u);
  EXPECT_LT(histogram.QuantileNs(0.98), 11'000u);
  EXPECT_GT(histogram.QuantileNs(0.99), 900'000u);
  EXPECT_GT(histogram.QuantileNs(1), 900'000u);
}

TEST(Histogram, MergeAddsBucketByBucket) {
  Histogram merged = Of({100, 5'000, 90'000});
  merged.Merge(Of({5'000, 70'000'000}));
  EXPECT_EQ(merged, Of({100, 5'000, 5'000, 90'000, 70'000'000}));
  EXPECT_EQ(merged.Count(), 5u);
}

TEST(Histogram, BetweenIsWhatWasAdded) {
  Counts earlier{};
  earlier[3] = 7;
  Counts later = earlier;
  later[3] = 9;
  later[100] = 1;
  const Histogram added = Histogram::Between(earlier, later);
  EXPECT_EQ(added.Buckets()[3], 2u);
  EXPECT_EQ(added.Buckets()[100], 1u);
  EXPECT_EQ(added.Count(), 3u);
}

TEST(Histogram, BetweenIsRightWhenTheCountersWrap) {
  Counts earlier{};
  earlier[0] = 0xFFFFFFFF;
  Counts later{};
  later[0] = 4;
  EXPECT_EQ(Histogram::Between(earlier, later).Count(), 5u);
}

TEST(Histogram, CeilingIsAboveEverythingCounted) {
  EXPECT_GT(Of({1'000'000}).CeilingNs(), 1'000'000u);
  EXPECT_LT(Of({1'000'000}).CeilingNs(), 1'130'000u);
}

TEST(Histogram, OldMaximumIsBoundedByWhatWasCounted) {
  const Histogram histogram = Of({1'000'000});
  EXPECT_EQ(histogram.BoundedMaxNs(1'000'001), 1'000'001u);
  EXPECT_EQ(histogram.BoundedMaxNs(50'000'000), histogram.CeilingNs());
}

TEST(Histogram, LastBucketDoesNotBoundTheMaximum) {
  const uint64_t minute_ns = 60'000'000'000;
  EXPECT_EQ(Of({minute_ns}).BoundedMaxNs(minute_ns), minute_ns);
}

}  // namespace
}  // namespace waitscope
