#include "agent/units.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace waitscope {
namespace {

using testing::HasSubstr;

TEST(UnitsTest, DurationsAreReadInTheirUnits) {
  EXPECT_EQ(*ParseDurationNs("500ms"), 500'000'000u);
  EXPECT_EQ(*ParseDurationNs("10s"), 10'000'000'000u);
  EXPECT_EQ(*ParseDurationNs("2m"), 120'000'000'000u);
  EXPECT_EQ(*ParseDurationNs("1h"), 3'600'000'000'000u);
  EXPECT_EQ(*ParseDurationNs("1.5s"), 1'500'000'000u);
  EXPECT_EQ(*ParseDurationNs("0"), 0u);
}

TEST(UnitsTest, WhatIsNoDurationSaysWhatToWrite) {
  for (const char* text : {"", "10", "s", "-1s", "10 s", "1d", "nan", "infs", "1e99h", "10ss"}) {
    const auto parsed = ParseDurationNs(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_THAT(std::string(parsed.status().message()), HasSubstr("like 500ms, 10s")) << text;
  }
}

TEST(UnitsTest, SizesAreReadInTheirUnits) {
  EXPECT_EQ(*ParseBytes("64KiB"), 65'536u);
  EXPECT_EQ(*ParseBytes("256MiB"), 268'435'456u);
  EXPECT_EQ(*ParseBytes("1G"), 1'073'741'824u);
  EXPECT_EQ(*ParseBytes("4096"), 4'096u);
  EXPECT_FALSE(ParseBytes("64kb").ok());
}

TEST(UnitsTest, TextOfAValueReadsBackAsTheValue) {
  for (const uint64_t ns : {0ULL, 1ULL, 1'500'000ULL, 90'000'000'000ULL, 3'600'000'000'000ULL}) {
    EXPECT_EQ(*ParseDurationNs(DurationText(ns)), ns);
  }
  for (const uint64_t bytes : {1ULL, 4096ULL, 65'536ULL, 256ULL << 20, 3ULL << 30}) {
    EXPECT_EQ(*ParseBytes(BytesText(bytes)), bytes);
  }
}

}  // namespace
}  // namespace waitscope
