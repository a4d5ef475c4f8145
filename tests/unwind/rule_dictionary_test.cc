#include "agent/unwind/rule_dictionary.h"

#include <gtest/gtest.h>

#include "agent/unwind/frame_rule.h"
#include "tests/unwind/built_table.h"
#include "tests/unwind/elf_bytes.h"

namespace waitscope::testing {
namespace {

TEST(RuleDictionary, BeginsWithTheRulesThatBothSidesKnow) {
  RuleDictionary rules;
  ASSERT_EQ(rules.rules().size(), size_t{UNWIND_FIXED_RULES});
  EXPECT_EQ(rules.IndexOf(NoRule()), UNWIND_RULE_none);
  EXPECT_EQ(rules.IndexOf(EndRule()), UNWIND_RULE_end);
  EXPECT_EQ(rules.IndexOf(UnsupportedRule()), UNWIND_RULE_unsupported);
}

TEST(RuleDictionary, KeepsEachRuleOnceAndInItsPlace) {
  RuleDictionary rules;
  const uint16_t first = rules.IndexOf(StackRule(8));
  const uint16_t second = rules.IndexOf(StackRule(16));
  EXPECT_NE(first, second);
  EXPECT_EQ(rules.IndexOf(StackRule(8)), first);
  EXPECT_EQ(rules.rules()[second], StackRule(16));
}

TEST(RuleDictionary, SaysUnsupportedWhenItIsFull) {
  RuleDictionary rules;
  for (int32_t i = 0; i < UNWIND_MAX_RULES - UNWIND_FIXED_RULES; ++i) rules.IndexOf(StackRule(i));
  EXPECT_EQ(rules.refused(), 0u);
  EXPECT_EQ(rules.IndexOf(StackRule(-1)), UNWIND_RULE_unsupported);
  EXPECT_EQ(rules.refused(), 1u);
  EXPECT_EQ(rules.rules()[rules.IndexOf(StackRule(5))], StackRule(5)) << "old ones are still found";
}

TEST(RuleDictionary, TakesInAnotherOnesRulesAndTellsWhereTheyAre) {
  RuleDictionary rules;
  rules.IndexOf(StackRule(8));
  RuleDictionary other;
  const uint16_t strange = other.IndexOf(StackRule(16));
  const uint16_t common = other.IndexOf(StackRule(8));
  const std::vector<uint16_t> indexes = rules.Merge(other);
  EXPECT_EQ(indexes[UNWIND_RULE_end], UNWIND_RULE_end);
  EXPECT_EQ(rules.rules()[indexes[strange]], StackRule(16));
  EXPECT_EQ(rules.rules()[indexes[common]], StackRule(8));
  EXPECT_EQ(rules.rules().size(), size_t{UNWIND_FIXED_RULES} + 2);
}

TEST(RuleDictionary, IsNotFilledByOneFile) {
  FrameBytes frames(kFrames);
  frames.Common();
  constexpr uint32_t kFunctions = 8192;
  for (uint32_t i = 0; i < kFunctions; ++i) {
    const bool last = i + 1 == kFunctions;
    frames.Range(0x1000 + i * 16, 16, Join({{0x0e}, Uleb(last ? 3 : i * 3)}));
  }
  const auto table =
      BuiltTable::OfBytes(MakeElf(TextWith(0x1000, kFunctions * 16, frames.bytes())));
  EXPECT_LT(table->rules().rules().size(), 5000u);
  EXPECT_EQ(table->At(0x1000 + 16), StackRule(3));
  EXPECT_EQ(table->At(0x1000 + (kFunctions - 2) * 16), UnsupportedRule());
  EXPECT_EQ(table->At(0x1000 + (kFunctions - 1) * 16), StackRule(3)) << "known before";
}

}  // namespace
}  // namespace waitscope::testing
