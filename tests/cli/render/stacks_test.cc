#include "cli/render/stacks.h"

#include <gtest/gtest.h>

#include "tests/cli/samples.h"

namespace waitscope::cli {
namespace {

TEST(Stacks, UnknownSymbolsShowWhereTheyAre) {
  v1::Frame frame;
  frame.set_address(0x1234);
  EXPECT_EQ(FrameName(frame), "0x1234");
  frame.set_module("libfoo.so");
  frame.set_file_offset(0x42);
  EXPECT_EQ(FrameName(frame), "libfoo.so+0x42");
  frame.set_symbol("foo");
  EXPECT_EQ(FrameName(frame), "foo");
}

TEST(Stacks, AKnownSourceIsShownBehindTheName) {
  v1::Frame frame;
  frame.set_symbol("Server.handle");
  frame.set_file("/srv/app/server.py");
  frame.set_line(41);
  EXPECT_EQ(FrameName(frame), "Server.handle (server.py:41)");
  frame.set_file("<frozen runpy>");
  EXPECT_EQ(FrameName(frame), "Server.handle (<frozen runpy>:41)");
}

TEST(Stacks, IndicesOutOfRangeAreNoFrames) {
  v1::ProfileResponse profile = SampleProfile();
  EXPECT_TRUE(FramesOf(profile.stacks(), profile.frames(), 0, FrameKind::kUser).empty());
  EXPECT_TRUE(FramesOf(profile.stacks(), profile.frames(), 999, FrameKind::kUser).empty());
  profile.mutable_stacks(1)->add_frames(999);
  EXPECT_EQ(FramesOf(profile.stacks(), profile.frames(), 1, FrameKind::kUser).size(), 3U);
  profile.mutable_samples(0)->set_thread(999);
  EXPECT_EQ(WeightedStacks(profile, {}).size(), 3U);
}

TEST(Stacks, ABrokenWalkSaysSoWhereItsRootShouldBe) {
  const v1::ProfileResponse profile = SampleProfile();
  const std::vector<NamedFrame> frames =
      FramesOf(profile.stacks(), profile.frames(), 3, FrameKind::kUser);
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[0].name, "[truncated: no unwind table for libfoo.so]");
}

TEST(Stacks, AProcessIsCalledWhatItsMainThreadIsCalled) {
  const std::vector<WeightedStack> stacks = WeightedStacks(SampleProfile(), {Prefix::kThread});
  EXPECT_EQ(stacks[0].frames[0].name, "orders-api");
  EXPECT_EQ(stacks[0].frames[1].name, "pool-1-thread-1");
}

TEST(Stacks, ASampleWithoutStacksIsStillThere) {
  const std::vector<WeightedStack> stacks = WeightedStacks(SampleProfile(), {Prefix::kNone});
  ASSERT_EQ(stacks.size(), 4U);
  EXPECT_EQ(stacks[3].frames[0].name, "[no stack]");
}

}  // namespace
}  // namespace waitscope::cli
