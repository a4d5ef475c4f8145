#include "agent/python/line_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace waitscope {
namespace {

using Table = std::vector<uint8_t>;

struct Part {
  uint32_t begin;
  uint32_t end;
  std::optional<uint32_t> line;
};

// def handle(request, other=None): 17 lines with a comprehension, an except clause and a call that
// goes over two lines; co_linetable and co_lines() as CPython 3.11.7 and 3.13.5 have them.
const Table kHandle311 = {
    0x80, 0x00, 0xe0, 0x07, 0x0e, 0xf0, 0x00, 0x04, 0x05, 0x0a, 0xf0, 0x02, 0x03, 0x0d, 0x0a,
    0xf0, 0x00, 0x03, 0x0d, 0x0a, 0xe0, 0x15, 0x1c, 0xf0, 0x05, 0x03, 0x0d, 0x0a, 0xf1, 0x00,
    0x03, 0x0d, 0x0a, 0xf4, 0x00, 0x03, 0x0d, 0x0a, 0x88, 0x01, 0xf0, 0x08, 0x05, 0x05, 0x1d,
    0xd8, 0x08, 0x0d, 0x88, 0x05, 0x88, 0x61, 0xd8, 0x0e, 0x15, 0xf1, 0x03, 0x01, 0x09, 0x17,
    0xf4, 0x00, 0x01, 0x09, 0x17, 0xf0, 0x00, 0x01, 0x09, 0x17, 0xf0, 0x00, 0x01, 0x09, 0x17,
    0xf8, 0xe5, 0x0b, 0x15, 0xf0, 0x00, 0x02, 0x05, 0x1d, 0xf0, 0x00, 0x02, 0x05, 0x1d};
const Part kLines311[] = {{0, 2, 41},   {2, 6, 43},   {6, 10, 44},  {10, 12, 46},
                          {12, 30, 44}, {30, 32, 48}, {32, 38, 49}, {38, 40, 50},
                          {40, 58, 49}, {58, 60, {}}, {60, 76, 51}, {500, 502, {}}};
const Table kHandle313 = {0x80, 0x00, 0xe6, 0x07, 0x0e, 0xf1, 0x06, 0x00, 0x16, 0x1d, 0xf3,
                          0x05, 0x03, 0x0d, 0x0a, 0xe2, 0x15, 0x1c, 0x90, 0x01, 0xf3, 0x03,
                          0x00, 0x0d, 0x0e, 0xd9, 0x15, 0x1c, 0xf0, 0x05, 0x00, 0x09, 0x0a,
                          0xf0, 0x00, 0x03, 0x0d, 0x0a, 0xf0, 0x08, 0x05, 0x05, 0x1d};
const Part kLines313[] = {{0, 2, 41},   {2, 16, 43},  {16, 20, 46}, {20, 28, 44}, {28, 36, 46},
                          {36, 44, 45}, {44, 48, 46}, {48, 52, 44}, {52, 54, 48}};

void ExpectLines(const Table& table, std::span<const Part> parts) {
  for (const Part& part : parts) {
    for (uint32_t offset = part.begin; offset < part.end; offset += 2) {
      EXPECT_EQ(LineAt(table, 41, offset), part.line) << offset;
    }
  }
}

TEST(LineTable, GivesTheLinesThatCPython311Gives) { ExpectLines(kHandle311, kLines311); }

TEST(LineTable, GivesTheLinesThatCPython313Gives) { ExpectLines(kHandle313, kLines313); }

TEST(LineTable, AnInstructionInsideOfAnotherHasItsLine) {
  EXPECT_EQ(LineAt(kHandle311, 41, 41), LineAt(kHandle311, 41, 40));
}

TEST(LineTable, AnEmptyOneHasNoLines) { EXPECT_EQ(LineAt({}, 41, 0), std::nullopt); }

TEST(LineTable, ALineBeforeTheFirstOneInTheFileIsNone) {
  const Table back = {0x80 | 13 << 3, 0x41, 0x3f};  // 2016 lines up
  EXPECT_EQ(LineAt(back, 41, 0), std::nullopt);
  EXPECT_EQ(LineAt(back, 3000, 0), 3000U - 2016U);
}

TEST(LineTable, AnyBytesGiveALineOrNone) {
  std::mt19937 random(7);
  for (int round = 0; round < 3000; ++round) {
    Table table(random() % 60);
    std::generate(table.begin(), table.end(), [&] { return static_cast<uint8_t>(random()); });
    for (const uint32_t offset : {0U, 2U, 40U, 0xffffffffU}) {
      EXPECT_NE(LineAt(table, random(), offset), 0U);
    }
  }
}

}  // namespace
}  // namespace waitscope
