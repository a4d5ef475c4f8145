#include "cli/render/number.h"

#include <gtest/gtest.h>

namespace waitscope::cli {
namespace {

TEST(Number, DurationsKeepTwoDigits) {
  EXPECT_EQ(DurationText(0), "0");
  EXPECT_EQ(DurationText(999), "999 ns");
  EXPECT_EQ(DurationText(8'400), "8 us");
  EXPECT_EQ(DurationText(180'000), "0.2 ms");
  EXPECT_EQ(DurationText(62'300'000), "62 ms");
  EXPECT_EQ(DurationText(999'600'000), "1.0 s");
  EXPECT_EQ(DurationText(79'123'000'000), "79.1 s");
  EXPECT_EQ(DurationText(1'200'000'000'000), "20m 00s");
}

TEST(Number, StretchesGrowUnits) {
  EXPECT_EQ(StretchText(10'000'000'000), "10.0 s");
  EXPECT_EQ(StretchText(185'000'000'000), "3m 05s");
  EXPECT_EQ(StretchText(7'800'000'000'000), "2h 10m");
  EXPECT_EQ(StretchText(1'051'200'000'000'000), "12d 4h");
}

TEST(Number, PercentsTellNothingFromLittle) {
  EXPECT_EQ(PercentText(0, 100), "-");
  EXPECT_EQ(PercentText(1, 100'000), "~0 %");
  EXPECT_EQ(PercentText(1, 1'000), "0.1 %");
  EXPECT_EQ(PercentText(97, 100), "97 %");
  EXPECT_EQ(PercentText(1, 0), "-");
}

TEST(Number, ThreadsWorth) {
  EXPECT_EQ(ThreadsWorthText(0, 10), "-");
  EXPECT_EQ(ThreadsWorthText(1, 1'000), "~0");
  EXPECT_EQ(ThreadsWorthText(140, 10), "14.0");
}

TEST(Number, BytesAndCounts) {
  EXPECT_EQ(BytesText(512), "512 B");
  EXPECT_EQ(BytesText(63'963'136), "61 MiB");
  EXPECT_EQ(BytesText(1'048'575), "1.0 MiB");
  EXPECT_EQ(CountText(7), "7");
  EXPECT_EQ(CountText(1'234'567), "1,234,567");
}

}  // namespace
}  // namespace waitscope::cli
