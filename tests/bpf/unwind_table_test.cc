// Drives the searches that the kernel runs.
#include <gtest/gtest.h>

#include <vector>

#include "bpf/unwind/table.h"

namespace waitscope {
namespace {

const unwind_mapping* MappingAt(void* from, uint32_t index) {
  return &static_cast<std::vector<unwind_mapping>*>(from)->at(index);
}

// Two tables in one arena: pages and rows of the first, then of the second.
struct Arena {
  std::vector<uint32_t> pages;
  std::vector<uint32_t> rows;

  static uint32_t PageAt(void* from, uint32_t index) {
    return static_cast<Arena*>(from)->pages.at(index);
  }
  static uint32_t RowAt(void* from, uint32_t index) {
    return static_cast<Arena*>(from)->rows.at(index);
  }
  uint32_t Find(uint32_t page_base, uint32_t npages, uint64_t offset) {
    unwind_range range = {};
    return unwind_find_rule(PageAt, RowAt, this, &range, page_base, npages, offset);
  }
};

std::vector<unwind_mapping> Mappings(uint32_t count) {
  std::vector<unwind_mapping> mappings;
  for (uint64_t i = 0; i < count; ++i) {
    mappings.push_back({.start = i * 0x2000 + 0x1000, .end = i * 0x2000 + 0x2000});
  }
  return mappings;
}

TEST(UnwindMappings, AreFoundFromTheFirstByteToTheLast) {
  for (const uint32_t count : {1u, 2u, 3u, 10'000u, 65'536u}) {
    auto mappings = Mappings(count);
    for (uint32_t i = 0; i < count; ++i) {
      const unwind_mapping& each = mappings[i];
      ASSERT_EQ(unwind_find_mapping(MappingAt, &mappings, 0, count, each.start), &each);
      ASSERT_EQ(unwind_find_mapping(MappingAt, &mappings, 0, count, each.end - 1), &each);
      ASSERT_EQ(unwind_find_mapping(MappingAt, &mappings, 0, count, each.end), nullptr);
    }
  }
}

TEST(UnwindMappings, OfOtherProcessesAreNotFound) {
  auto mappings = Mappings(8);
  EXPECT_EQ(unwind_find_mapping(MappingAt, &mappings, 2, 3, mappings[4].start), &mappings[4]);
  EXPECT_EQ(unwind_find_mapping(MappingAt, &mappings, 2, 3, mappings[5].start), nullptr);
  EXPECT_EQ(unwind_find_mapping(MappingAt, &mappings, 2, 3, mappings[1].start), nullptr);
  EXPECT_EQ(unwind_find_mapping(MappingAt, &mappings, 2, 0, mappings[2].start), nullptr);
}

TEST(UnwindRows, HoldUpToTheNextRow) {
  Arena arena = {.pages = {0, 3}, .rows = {unwind_row(0, 7), unwind_row(16, 8), unwind_row(17, 9)}};
  EXPECT_EQ(arena.Find(0, 1, 0), 7u);
  EXPECT_EQ(arena.Find(0, 1, 15), 7u);
  EXPECT_EQ(arena.Find(0, 1, 16), 8u);
  EXPECT_EQ(arena.Find(0, 1, 17), 9u);
  EXPECT_EQ(arena.Find(0, 1, 4095), 9u);
}

TEST(UnwindRows, HoldAcrossPagesWithoutRows) {
  Arena arena = {.pages = {0, 1, 1, 2}, .rows = {unwind_row(8, 7), unwind_row(4095, 8)}};
  EXPECT_EQ(arena.Find(0, 3, 0x1000), 7u);
  EXPECT_EQ(arena.Find(0, 3, 0x2ffe), 7u);
  EXPECT_EQ(arena.Find(0, 3, 0x2fff), 8u);
}

TEST(UnwindRows, StayWithinTheirTable) {
  Arena arena = {.pages = {0, 1, 1, 2}, .rows = {unwind_row(0, 7), unwind_row(0, 8)}};
  EXPECT_EQ(arena.Find(0, 1, 0x1000), UNWIND_RULE_none);
  EXPECT_EQ(arena.Find(2, 1, 0), 8u);
  EXPECT_EQ(arena.Find(2, 1, UINT64_MAX), UNWIND_RULE_none);
}

TEST(UnwindRows, MayBeginAtEveryByteOfAPage) {
  Arena arena = {.pages = {0, UNWIND_PAGE_BYTES}};
  for (uint32_t pc = 0; pc < UNWIND_PAGE_BYTES; ++pc) arena.rows.push_back(unwind_row(pc, pc + 1));
  for (uint32_t pc = 0; pc < UNWIND_PAGE_BYTES; ++pc) ASSERT_EQ(arena.Find(0, 1, pc), pc + 1);
}

TEST(UnwindRows, CarryTheLastRuleOfADictionary) {
  const uint32_t row = unwind_row(4095, 0xffff);
  EXPECT_EQ(unwind_row_pc(row), 4095u);
  EXPECT_EQ(unwind_row_rule(row), 0xffffu);
}

}  // namespace
}  // namespace waitscope
