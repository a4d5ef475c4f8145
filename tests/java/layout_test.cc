#include "agent/java/layout.h"

#include <gtest/gtest.h>

#include "tests/java/made_hotspot.h"

namespace waitscope {
namespace {

std::optional<HotSpotLayout> LayoutOf(MadeHotSpot& made) {
  const auto structs = VmStructs::Read(made.Publish(), made.reader());
  return structs ? ReadHotSpot(*structs, made.reader()) : std::nullopt;
}

TEST(HotSpotLayout, FindsTheCodeOfAVmThatIsUp) {
  MadeHotSpot made;
  const auto layout = LayoutOf(made);
  ASSERT_TRUE(layout);
  EXPECT_EQ(layout->code.heaps[0].low, MadeHotSpot::kHeap);
  EXPECT_EQ(layout->code.heaps[0].segment_shift, 7u);
  EXPECT_EQ(layout->code.heaps[1].high, 0u);
  EXPECT_EQ(layout->code.interpreter_start, MadeHotSpot::kInterpreter);
  EXPECT_EQ(layout->code.interpreter_end - layout->code.interpreter_start, 12800u);
  EXPECT_EQ(layout->code.call_stub_return, MadeHotSpot::kCallStubReturn);
  EXPECT_EQ(layout->code.block_header, 16u);
  EXPECT_EQ(layout->code.frame_size, 28u);
}

TEST(HotSpotLayout, IsUnknownUntilAllOfTheVmIsUp) {
  for (const char* field : {"CodeCache::_heaps", "AbstractInterpreter::_code",
                            "StubRoutines::_call_stub_return_address"}) {
    MadeHotSpot made;
    made.IsNotUp(field);
    EXPECT_FALSE(LayoutOf(made)) << field;
  }
}

TEST(HotSpotLayout, IsUnknownWhereABuildDoesNotTellEnough) {
  for (const char* field : {"CodeBlob::_frame_size", "HeapBlock", "CodeHeap::_segmap"}) {
    MadeHotSpot made;
    made.Lacks(field);
    EXPECT_FALSE(LayoutOf(made)) << field;
  }
}

TEST(HotSpotLayout, KnowsTheNamesOfBothOldAndNewBuilds) {
  MadeHotSpot made;
  made.Renames("CompiledMethod::_method", "nmethod::_method");
  const auto layout = LayoutOf(made);
  ASSERT_TRUE(layout);
  EXPECT_EQ(layout->blob_method, 112u);
}

}  // namespace
}  // namespace waitscope
