#include "agent/java/namer.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/java/made_hotspot.h"

namespace waitscope {
namespace {

using Names = std::vector<std::string>;

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
  EXPECT_EQ(NamesOfCode(layout, SegmentAt(10) + 100, made_.reader()), Names({"Shop.sell"}));
  EXPECT_EQ(NamesOfCode(layout, SegmentAt(12) + 127, made_.reader()), Names({"Shop.sell"}));
  EXPECT_EQ(NamesOfCode(layout, SegmentAt(13), made_.reader()), Names({"Shop.pay"}));
  EXPECT_EQ(NamesOfCode(layout, SegmentAt(900), made_.reader()), Names({"Shop.pay"}))
      << "many hops back";
}

TEST_F(HotSpotNaming, NamesWhatWasInlinedBeforeWhatWasCompiled) {
  const uint64_t sell = made_.Method("Shop", "sell");
  const uint64_t pay = made_.Method("Till", "pay");
  const uint64_t open = made_.Method("Drawer", "open");
  const uint64_t blob = made_.Code(10, 30, "nmethod", sell, 4);
  made_.Inlines(blob, {{800, {sell}}, {900, {open, pay, sell}}, {1000, {pay, sell}}});
  const HotSpotLayout layout = Layout();
  const auto before_return_to = [&](uint64_t pc) {
    return NamesOfCode(layout, blob + pc - 1, made_.reader());
  };
  EXPECT_EQ(before_return_to(800), Names({"Shop.sell"}));
  EXPECT_EQ(before_return_to(900), Names({"Drawer.open", "Till.pay", "Shop.sell"}));
  EXPECT_EQ(before_return_to(1000), Names({"Till.pay", "Shop.sell"}));
  EXPECT_EQ(before_return_to(950), Names({"Till.pay", "Shop.sell"})) << "no call of its own";
}

TEST_F(HotSpotNaming, NamesWhatWasCompiledWhereInliningCannotBeTold) {
  const uint64_t sell = made_.Method("Shop", "sell");
  const uint64_t pay = made_.Method("Till", "pay");
  const uint64_t blob = made_.Code(10, 30, "nmethod", sell, 4);
  made_.Inlines(blob, {{900, {sell, pay}}});
  EXPECT_EQ(NamesOfCode(Layout(), blob + 899, made_.reader()), Names({"Shop.sell"}))
      << "its way out does not end in what was compiled";
  made_.Lacks("PcDesc");
  const HotSpotLayout without = Layout();
  EXPECT_FALSE(without.scopes);
  EXPECT_EQ(NamesOfCode(without, blob + 899, made_.reader()), Names({"Shop.sell"}));
}

TEST_F(HotSpotNaming, LeavesOutTheNumbersOfLambdas) {
  const uint64_t method = made_.Method("Shop$$Lambda+0x0000000038040438", "run");
  EXPECT_EQ(NameOfMethod(Layout(), method, made_.reader()), "Shop$$Lambda.run");
  const uint64_t older = made_.Method("Shop$$Lambda$14/0x0000000840064840", "run");
  EXPECT_EQ(NameOfMethod(Layout(), older, made_.reader()), "Shop$$Lambda$14.run");
}

TEST_F(HotSpotNaming, NamesAStubAsHotSpotDoes) {
  made_.Code(20, 2, "StubRoutines (1)", 0, 0);
  EXPECT_EQ(NamesOfCode(Layout(), SegmentAt(21), made_.reader()), Names({"StubRoutines (1)"}));
}

TEST_F(HotSpotNaming, IsEmptyWhereNothingLies) {
  made_.Code(20, 2, "nmethod", 0, 4);
  const HotSpotLayout layout = Layout();
  EXPECT_EQ(NamesOfCode(layout, SegmentAt(22), made_.reader()), Names());
  EXPECT_EQ(NamesOfCode(layout, SegmentAt(20), made_.reader()), Names({""}))
      << "its method is gone";
  EXPECT_EQ(NamesOfCode(layout, 0x400000, made_.reader()), Names()) << "no code of HotSpot's";
  EXPECT_EQ(NameOfMethod(layout, 0x400000, made_.reader()), "");
  EXPECT_EQ(HotSpotNamer(nullptr).Lookup(1, SegmentAt(20)), Names());
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
    EXPECT_LE(NamesOfCode(layout, SegmentAt(10 + round % 300), damaged).size(), 64u);
    EXPECT_LE(NameOfMethod(layout, method, damaged).size(), 1100u);
  }
}

}  // namespace
}  // namespace waitscope
