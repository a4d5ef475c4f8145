#include "agent/packed_window.h"

#include <gtest/gtest.h>

#include "tests/core/debug_string.h"
#include "tests/sinks/sample_snapshot.h"

namespace waitscope {
namespace {

class PackedWindowTest : public testing::Test {
 protected:
  PackedWindow::Ref Pack(Snapshot window, PackedWindow::Ref base = nullptr) {
    return PackedWindow::Pack(window, std::move(base), tally_);
  }

  PackedWindow::Tally tally_ = std::make_shared<std::atomic<size_t>>(0);
};

// But for the stacks' frames, which are not packed.
Snapshot WithEverything() {
  Snapshot window = SampleSnapshot();
  for (auto& [id, stack] : window.stacks) stack = Stack();
  // What no unit of the packed form fits.
  SampleValue& odd = window.samples.begin()->second;
  odd.ns = 1.0 / 3;
  odd.count = 5.0 / 65536;
  window.lock_waits[{10, 0x7fffffff7000}].Add(5'000'000, 3);
  window.unparks.push_back(
      {7'000'000'000, 10, 11, 12, 0x7fffffff7000, 77, 6'000'000'000, 7'000'050'000});
  window.threads.begin()->second.totals.wall_ns = UINT64_MAX;
  window.threads.begin()->second.kernel_runtime_ns = UINT64_MAX;
  return window;
}

TEST_F(PackedWindowTest, WhatIsUnpackedIsWhatWasPacked) {
  const Snapshot window = WithEverything();
  Snapshot unpacked = WindowUnpacker().Unpack(*Pack(window));
  EXPECT_EQ(DebugString(unpacked), DebugString(window));
  EXPECT_EQ(unpacked.samples, window.samples);
  EXPECT_EQ(unpacked.host.hostname, window.host.hostname);
  EXPECT_EQ(unpacked.host.limits, window.host.limits);
  EXPECT_EQ(unpacked.losses, window.losses);
  EXPECT_EQ(unpacked.lock_waits, window.lock_waits);
  EXPECT_EQ(unpacked.unparks, window.unparks);
  EXPECT_EQ(unpacked.processes, window.processes);
  EXPECT_EQ(unpacked.cost.agent_rss_bytes, window.cost.agent_rss_bytes);
  ASSERT_EQ(unpacked.stacks.size(), window.stacks.size());
  EXPECT_EQ(unpacked.stacks.begin()->first, window.stacks.begin()->first);
}

TEST_F(PackedWindowTest, AWindowLikeItsBaseTakesLittle) {
  const PackedWindow::Ref base = Pack(WithEverything());
  const PackedWindow::Ref same = Pack(WithEverything(), base);
  EXPECT_LT(3 * same->bytes(), 2 * base->bytes());
  EXPECT_EQ(DebugString(WindowUnpacker().Unpack(*same)), DebugString(WithEverything()));
}

TEST_F(PackedWindowTest, ABaseIsCountedAsLongAsAWindowNeedsIt) {
  PackedWindow::Ref base = Pack(WithEverything());
  PackedWindow::Ref next = Pack(WithEverything(), base);
  const size_t both = base->bytes() + next->bytes();
  EXPECT_EQ(*tally_, both);
  base.reset();
  EXPECT_EQ(*tally_, both);
  next.reset();
  EXPECT_EQ(*tally_, 0u);
}

}  // namespace
}  // namespace waitscope
