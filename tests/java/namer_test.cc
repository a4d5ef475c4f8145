#include "agent/java/namer.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/java/made_hotspot.h"

namespace waitscope {
namespace {

class HotSpotNaming : public testing::Test {
 protected:
  HotSpotLayout Layout() {
    const auto structs = VmStructs::Read(made_.Publish(), made_.reader());
    const auto layout = structs ? ReadHotSpot(*structs, made_.reader()) : std::nullopt;
    EXPECT_TRUE(layout);
    return layout.value_or(HotSpotLayout{});
  }
  static uint64_t SegmentAt(uint64_t number) {
    return MadeHotSpot::kHeap + number * MadeHotSpot::kSegmentBytes;
  }

  MadeHotSpot made_;
};

TEST_F(HotSpotNaming, NamesAMethodByItsClass) {
  const uint64_t method = made_.Method("java/lang/Thread", "run");
  EXPECT_EQ(NameOfMethod(Layout(), method, made_.reader()), "java.lang.Thread.run");
}

TEST_F(HotSpotNaming, NamesCompiledCodeByItsMethodWhereverInItOneIs) {
  made_.Code(10, 3, "nmethod", made_.Method("Shop", "sell"), 4);
  made_.Code(13, 1000 - 100, "native nmethod", made_.Method("Shop", "pay"), 4);
  const HotSpotLayout layout = Layout();
  EXPECT_EQ(NameOfCode(layout, SegmentAt(10) + 100, made_.reader()), "Shop.sell");
  EXPECT_EQ(NameOfCode(layout, SegmentAt(12) + 127, made_.reader()), "Shop.sell");
  EXPECT_EQ(NameOfCode(layout, SegmentAt(13), made_.reader()), "Shop.pay");
  EXPECT_EQ(NameOfCode(layout, SegmentAt(900), made_.reader()), "Shop.pay") << "many hops back";
}

TEST_F(HotSpotNaming, NamesAStubAsHotSpotDoes) {
  made_.Code(20, 2, "StubRoutines (1)", 0, 0);
  EXPECT_EQ(NameOfCode(Layout(), SegmentAt(21), made_.reader()), "StubRoutines (1)");
}

TEST_F(HotSpotNaming, IsEmptyWhereNothingLies) {
  made_.Code(20, 2, "nmethod", 0, 4);
  const HotSpotLayout layout = Layout();
  EXPECT_EQ(NameOfCode(layout, SegmentAt(22), made_.reader()), "");
  EXPECT_EQ(NameOfCode(layout, SegmentAt(20), made_.reader()), "") << "its method is gone";
  EXPECT_EQ(NameOfCode(layout, 0x400000, made_.reader()), "") << "no code of HotSpot's";
  EXPECT_EQ(NameOfMethod(layout, 0x400000, made_.reader()), "");
  EXPECT_EQ(HotSpotNamer(nullptr).Lookup(1, SegmentAt(20)), "");
}

TEST_F(HotSpotNaming, SurvivesMemoryOfAnyContent) {
  const uint64_t method = made_.Method("Shop", "sell");
  made_.Code(10, 300, "nmethod", method, 4);
  const HotSpotLayout layout = Layout();
  std::minstd_rand random(1);  // NOLINT: the same each time
  const ReadMemory damaged = [&](uint64_t address, std::span<uint8_t> into) {
    const size_t count = made_.reader()(address, into);
    for (size_t i = 0; i < count; ++i) {
      if (random() % 29 == 0) into[i] = static_cast<uint8_t>(random());
    }
    return count;
  };
  for (int round = 0; round < 2000; ++round) {
    EXPECT_LE(NameOfCode(layout, SegmentAt(10 + round % 300), damaged).size(), 1100u);
    EXPECT_LE(NameOfMethod(layout, method, damaged).size(), 1100u);
  }
}

}  // namespace
}  // namespace waitscope
