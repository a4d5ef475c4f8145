#include "agent/source/range_arena.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

namespace waitscope {
namespace {

TEST(RangeArena, HandsOutWhatIsFreeUntilNothingIs) {
  RangeArena arena(100);
  EXPECT_EQ(arena.Take(60), 0u);
  EXPECT_EQ(arena.Take(41), std::nullopt);
  EXPECT_EQ(arena.Take(40), 60u);
  EXPECT_EQ(arena.Take(1), std::nullopt);
  EXPECT_EQ(arena.used(), 100u);
}

TEST(RangeArena, DoesNotReuseARangeBeforeItsTime) {
  RangeArena arena(100);
  const uint32_t first = *arena.Take(100);
  arena.GiveUp(first, 100, 50);
  arena.Collect(49);
  EXPECT_EQ(arena.Take(1), std::nullopt);
  arena.Collect(50);
  EXPECT_EQ(arena.Take(100), 0u);
}

TEST(RangeArena, JoinsNeighboursHoweverTheyComeBack) {
  RangeArena arena(90);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(arena.Take(30));
  arena.Return(0, 30);
  arena.Return(60, 30);
  arena.Return(30, 30);
  EXPECT_EQ(arena.Take(90), 0u);
}

TEST(RangeArena, NothingTakesNoRoom) {
  RangeArena arena(1);
  EXPECT_EQ(arena.Take(0), 0u);
  arena.GiveUp(0, 0, 5);
  arena.Collect(5);
  EXPECT_EQ(arena.used(), 0u);
  EXPECT_EQ(arena.Take(1), 0u);
}

TEST(RangeArena, RangesInUseNeverOverlap) {
  constexpr uint32_t kSize = 1000;
  RangeArena arena(kSize);
  std::mt19937 random(3);
  std::map<uint32_t, uint32_t> taken;
  std::vector<bool> in_use(kSize);
  uint32_t in_use_count = 0;
  for (int round = 0; round < 20000; ++round) {
    if (random() % 2 == 0 && !taken.empty()) {
      const auto at = std::next(taken.begin(), random() % taken.size());
      for (uint32_t i = 0; i < at->second; ++i) in_use[at->first + i] = false;
      in_use_count -= at->second;
      arena.Return(at->first, at->second);
      taken.erase(at);
      continue;
    }
    const uint32_t count = 1 + random() % 60;
    const auto first = arena.Take(count);
    if (!first) continue;
    ASSERT_LE(*first + count, kSize);
    for (uint32_t i = 0; i < count; ++i) {
      ASSERT_FALSE(in_use[*first + i]);
      in_use[*first + i] = true;
    }
    in_use_count += count;
    taken[*first] = count;
    ASSERT_EQ(arena.used(), in_use_count);
  }
}

}  // namespace
}  // namespace waitscope
