#include "agent/source/stack_generation.h"

#include <gtest/gtest.h>

namespace waitscope {
namespace {

constexpr uint64_t kWindow = 1000;

TEST(StackGenerationTest, AWishIsGrantedAtTheNextWindow) {
  StackGeneration stacks(kWindow);
  const uint32_t first = stacks.At(100 * kWindow);
  EXPECT_EQ(stacks.At(102 * kWindow), first);
  stacks.Turn();
  EXPECT_NE(stacks.At(103 * kWindow), first);
}

TEST(StackGenerationTest, WindowsClosedEarlyDoNotTurnItMoreOften) {
  StackGeneration stacks(kWindow);
  const uint32_t first = stacks.At(100 * kWindow);
  for (uint64_t early = 1; early < 10; ++early) {
    stacks.Turn();
    EXPECT_EQ(stacks.At(100 * kWindow + early), first);
  }
  EXPECT_EQ(stacks.At(101 * kWindow), first + 1);
  EXPECT_EQ(stacks.At(103 * kWindow), first + 1);
}

TEST(StackGenerationTest, ItTurnsNowAndThenWithoutAWish) {
  StackGeneration stacks(kWindow);
  const uint32_t first = stacks.At(100 * kWindow);
  EXPECT_EQ(stacks.At(159 * kWindow), first);
  EXPECT_EQ(stacks.At(160 * kWindow), first + 1);
}

}  // namespace
}  // namespace waitscope
