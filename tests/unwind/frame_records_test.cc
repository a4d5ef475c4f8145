#include "agent/unwind/frame_records.h"

#include <gtest/gtest.h>

#include "tests/unwind/frame_bytes.h"

namespace waitscope::testing {
namespace {

constexpr uint64_t kSection = 0x10000;

FrameRecords Read(const FrameBytes& frames) {
  return ReadFrameRecords(frames.bytes(), {.section = kSection, .data = 0x8000});
}

// The begin of the only range, encoded so.
uint64_t BeginAs(uint8_t encoding, const Bytes& begin, const Bytes& length) {
  FrameBytes frames(kSection);
  frames.Common({.augmentation_data = {encoding}}).RangeOf(Join({begin, length, {0}}));
  const FrameRecords records = Read(frames);
  return records.ranges.size() == 1 && records.ranges[0].end == records.ranges[0].begin + 0x40
             ? records.ranges[0].begin
             : 0;
}

TEST(FrameRecords, ReadEveryEncodingOfAPointer) {
  FrameBytes frames(kSection);
  frames.Common({.augmentation_data = {0}});
  const uint64_t here = frames.here();
  EXPECT_EQ(BeginAs(0x00, Fixed64(0x123456789), Fixed64(0x40)), 0x123456789u);
  EXPECT_EQ(BeginAs(0x01, Uleb(0x12345), {0x40}), 0x12345u);
  EXPECT_EQ(BeginAs(0x02, {0x34, 0x12}, {0x40, 0}), 0x1234u);
  EXPECT_EQ(BeginAs(0x03, Fixed32(0x80000000), Fixed32(0x40)), 0x80000000u);
  EXPECT_EQ(BeginAs(0x04, Fixed64(0x1234), Fixed64(0x40)), 0x1234u);
  EXPECT_EQ(BeginAs(0x09, Sleb(0x1234), Sleb(0x40)), 0x1234u);
  EXPECT_EQ(BeginAs(0x0a, {0x34, 0x12}, {0x40, 0}), 0x1234u);
  EXPECT_EQ(BeginAs(0x1b, Fixed32(static_cast<uint32_t>(-0x1000)), Fixed32(0x40)), here - 0x1000);
  EXPECT_EQ(BeginAs(0x1c, Fixed64(0x1000), Fixed64(0x40)), here + 0x1000);
  EXPECT_EQ(BeginAs(0x3b, Fixed32(0x10), Fixed32(0x40)), 0x8010u);
}

TEST(FrameRecords, RefusePointersThatNeedTheProcess) {
  EXPECT_EQ(BeginAs(0x9b, Fixed32(0x10), Fixed32(0x40)), 0u) << "indirect";
  EXPECT_EQ(BeginAs(0x2b, Fixed32(0x10), Fixed32(0x40)), 0u) << "from the text";
  EXPECT_EQ(BeginAs(0xff, Fixed32(0x10), Fixed32(0x40)), 0u) << "omitted";
  EXPECT_EQ(BeginAs(0x0d, Fixed32(0x10), Fixed32(0x40)), 0u) << "no format";
}

TEST(FrameRecords, ReadEveryVersion) {
  const auto ranges_of = [](uint8_t version) {
    FrameBytes frames(kSection);
    frames.Common({.version = version}).Range(0x100, 4, {});
    return Read(frames).ranges.size();
  };
  EXPECT_EQ(ranges_of(1), 1u);
  EXPECT_EQ(ranges_of(3), 1u);
  EXPECT_EQ(ranges_of(4), 1u);
  EXPECT_EQ(ranges_of(2), 0u);
}

TEST(FrameRecords, SkipWhatAnAugmentationCarries) {
  FrameBytes frames(kSection);
  frames.Common(
      {.augmentation = "zPLR", .augmentation_data = Join({{0x9b}, Fixed32(0x55), {0x1b}, {0x1b}})});
  frames.RangeOf(Join({Fixed32(static_cast<uint32_t>(0x100 - frames.here())),
                       Fixed32(4),
                       {4},
                       Fixed32(0x66),
                       {0x41}}));
  const FrameRecords records = Read(frames);
  ASSERT_EQ(records.ranges.size(), 1u);
  EXPECT_EQ(records.ranges[0].begin, 0x100u);
  ASSERT_EQ(records.ranges[0].program.size(), 1u);
  EXPECT_EQ(records.ranges[0].program[0], 0x41);
}

TEST(FrameRecords, AreSortedByAddress) {
  FrameBytes frames(kSection);
  frames.Common().Range(0x300, 4, {}).Range(0x100, 4, {}).Range(0x200, 4, {});
  const FrameRecords records = Read(frames);
  ASSERT_EQ(records.ranges.size(), 3u);
  EXPECT_EQ(records.ranges[0].begin, 0x100u);
  EXPECT_EQ(records.ranges[2].begin, 0x300u);
}

TEST(FrameRecords, CountWhatTheyCannotUse) {
  FrameBytes frames(kSection);
  frames.Common({.augmentation = "zQ", .augmentation_data = {0}}).Range(0x100, 4, {});
  const FrameRecords records = Read(frames);
  EXPECT_EQ(records.ranges.size(), 0u);
  EXPECT_EQ(records.unusable, 2u) << "the CIE, and the FDE that needs it";
}

TEST(FrameRecords, EndAtTheTerminator) {
  FrameBytes frames(kSection);
  frames.Common().Range(0x100, 4, {});
  Bytes bytes = Join({frames.bytes(), Fixed32(0), frames.bytes()});
  EXPECT_EQ(ReadFrameRecords(bytes, {.section = kSection}).ranges.size(), 1u);
}

TEST(FrameRecords, MayBeCutAnywhere) {
  FrameBytes frames(kSection);
  frames.Common().Range(0x100, 4, {0x41, 0x0e, 16}).Range(0x200, 4, {});
  for (size_t size = 0; size < frames.bytes().size(); ++size) {
    const Bytes cut(frames.bytes().begin(), frames.bytes().begin() + static_cast<ptrdiff_t>(size));
    EXPECT_LT(ReadFrameRecords(cut, {.section = kSection}).ranges.size(), 2u);
  }
}

}  // namespace
}  // namespace waitscope::testing
