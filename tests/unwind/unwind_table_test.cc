#include "agent/unwind/unwind_table.h"

#include <gtest/gtest.h>

#include <random>

#include "agent/unwind/frame_rule.h"
#include "tests/unwind/built_table.h"
#include "tests/unwind/elf_bytes.h"

namespace waitscope::testing {
namespace {

constexpr uint64_t kText = 0x1000;

Bytes Push() { return {0x41, 0x0e, 16}; }  // one byte on, the CFA is rsp + 16

BuiltTable Built(const ElfParts& elf) { return *BuiltTable::OfBytes(MakeElf(elf)); }

TEST(UnwindTable, HasARowForEveryGap) {
  FrameBytes frames(kFrames);
  frames.Common().Range(kText + 0x20, 0x20, {}).Range(kText + 0x50, 0x20, Push());
  const BuiltTable table = Built(TextWith(kText, 0x2000, frames.bytes()));
  EXPECT_EQ(table.At(kText), NoRule());
  EXPECT_EQ(table.At(kText + 0x1f), NoRule());
  EXPECT_EQ(table.At(kText + 0x20), StackRule(8));
  EXPECT_EQ(table.At(kText + 0x40), NoRule());
  EXPECT_EQ(table.At(kText + 0x51), StackRule(16));
  EXPECT_EQ(table.At(kText + 0x70), NoRule());
  EXPECT_EQ(table.At(kText + 0x1fff), NoRule());
}

TEST(UnwindTable, SpendsNoRowOnPadding) {
  FrameBytes frames(kFrames);
  frames.Common().Range(kText, 0x21, {}).Range(kText + 0x30, 0x20, Push());
  const BuiltTable table = Built(TextWith(kText, 0x50, frames.bytes()));
  EXPECT_EQ(table.At(kText + 0x2f), StackRule(8));
  EXPECT_EQ(table.table().rows.size(), 3u) << "two of the records, one behind the code";
}

TEST(UnwindTable, BeginsAtTheFirstPageOfCode) {
  FrameBytes frames(kFrames);
  frames.Common().Range(0x5010, 0x20, {});
  const BuiltTable table = Built(TextWith(0x5010, 0x1000, frames.bytes()));
  EXPECT_EQ(table.table().first_page_vaddr, 0x5000u);
  EXPECT_EQ(table.table().pages(), 2u);
  EXPECT_EQ(unwind_row_pc(table.table().rows.front()), 0u);
  EXPECT_EQ(table.At(0x5000), NoRule());
  EXPECT_EQ(table.At(0x5010), StackRule(8));
}

TEST(UnwindTable, PrefersTheRecordThatBeginsLast) {
  FrameBytes frames(kFrames);
  frames.Common().Range(kText, 0x100, {}).Range(kText + 0x40, 0x20, Push());
  const BuiltTable table = Built(TextWith(kText, 0x100, frames.bytes()));
  EXPECT_EQ(table.At(kText + 0x3f), StackRule(8));
  EXPECT_EQ(table.At(kText + 0x41), StackRule(16));
}

TEST(UnwindTable, LeavesOutRecordsOfNoCode) {
  FrameBytes frames(kFrames);
  frames.Common().Range(0, 0x100, {}).Range(kFrames, 0x100, {}).Range(kText, 0, {});
  const BuiltTable table = Built(TextWith(kText, 0x100, frames.bytes()));
  EXPECT_EQ(table.table().covered_bytes, 0u);
  EXPECT_EQ(table.At(kText), NoRule());
}

TEST(UnwindTable, EndsStacksAtAnEntryPointWithoutARecord) {
  FrameBytes frames(kFrames);
  frames.Common().Range(kText + 0x40, 0x20, {});
  ElfParts elf = TextWith(kText, 0x100, frames.bytes());
  elf.entry = kText + 0x10;
  const BuiltTable near = Built(elf);
  EXPECT_EQ(near.At(kText + 0x0f), NoRule());
  EXPECT_EQ(near.At(kText + 0x10), EndRule());
  EXPECT_EQ(near.At(kText + 0x3f), EndRule());
  EXPECT_EQ(near.At(kText + 0x40), StackRule(8)) << "a record follows";
  elf.entry = kText + 0x60;
  const BuiltTable far = Built(elf);
  EXPECT_EQ(far.At(kText + 0x60 + 95), EndRule());
  EXPECT_EQ(far.At(kText + 0x60 + 96), NoRule());
}

TEST(UnwindTable, PrefersTheRecordOfAnEntryPoint) {
  FrameBytes frames(kFrames);
  frames.Common().Range(kText, 0x40, {});
  ElfParts elf = TextWith(kText, 0x100, frames.bytes());
  elf.entry = kText;
  EXPECT_EQ(Built(elf).At(kText), StackRule(8));
}

TEST(UnwindTable, KnowsLinkageTablesWithoutRecords) {
  ElfParts elf = {.parts = {{".plt", 0x1000, Bytes(0x40, 0xcc), true},
                            {".plt.sec", 0x1040, Bytes(0x40, 0xcc), true}}};
  const BuiltTable table = Built(elf);
  EXPECT_EQ(table.At(0x1000), StackRule(16));
  EXPECT_EQ(table.At(0x1006), StackRule(24));
  EXPECT_EQ(table.At(0x1010), PltRule(11));
  EXPECT_EQ(table.At(0x1040), StackRule(8));
  EXPECT_EQ(table.At(0x1080), NoRule());
}

TEST(UnwindTable, KnowsTheCodeThatCallsInitialisers) {
  const Bytes init = {0xf3, 0x0f, 0x1e, 0xfa, 0x48, 0x83, 0xec, 0x08,
                      0xff, 0xd0, 0x48, 0x83, 0xc4, 0x08, 0xc3};
  const BuiltTable table = Built({.parts = {{".init", 0x1000, init, true}}});
  EXPECT_EQ(table.At(0x1007), StackRule(8));
  EXPECT_EQ(table.At(0x1008), StackRule(16));
  EXPECT_EQ(table.At(0x100d), StackRule(16));
  EXPECT_EQ(table.At(0x100e), StackRule(8));
  EXPECT_EQ(Built({.parts = {{".init", 0x1000, Bytes(16, 0x90), true}}}).At(0x1008), NoRule());
}

TEST(UnwindTable, KnowsTheFunctionThroughWhichClangTerminates) {
  FrameBytes frames(kFrames);
  frames.Common().Range(kText, 0x38, {}).Range(kText + 0x50, 0x20, {});
  ElfParts elf = TextWith(kText, 0x100, frames.bytes());
  // push %rax; call; call
  const Bytes code = {0x50, 0xe8, 0x11, 0x22, 0x33, 0, 0xe8, 0x44, 0x55, 0x66, 0};
  std::copy(code.begin(), code.end(), elf.parts[0].bytes.begin() + 0x40);
  const BuiltTable table = Built(elf);
  EXPECT_EQ(table.At(kText + 0x3f), NoRule()) << "padding";
  EXPECT_EQ(table.At(kText + 0x40), StackRule(8));
  EXPECT_EQ(table.At(kText + 0x41), StackRule(16));
  EXPECT_EQ(table.At(kText + 0x4a), StackRule(16)) << "where a thread below std::terminate returns";
  EXPECT_EQ(table.At(kText + 0x4b), NoRule());
}

TEST(UnwindTable, FindsRecordsWithoutSectionHeaders) {
  FrameBytes frames(kFrames);
  frames.Common().Range(kText, 0x40, {});
  ElfParts elf = TextWith(kText, 0x100, frames.bytes());
  constexpr uint64_t kHeader = kFrames - 0x100;
  const Bytes header = Join({{1, 0x1b, 0xff, 0xff}, Fixed32(0x100 - 4), Bytes(8, 0)});
  elf.parts.push_back({".eh_frame_hdr", kHeader, header, false});
  elf.section_headers = false;
  EXPECT_EQ(Built(elf).At(kText), StackRule(8));
}

TEST(UnwindTable, SaysWhereTheTableOfAMappingBegins) {
  const UnwindTable table = {
      .first_page_vaddr = 0x401000,
      .segments = {{.vaddr = 0x401040, .file_offset = 0x1040, .size = 0x8000}}};
  constexpr uint64_t kAt = 0x7f0000000000;
  const auto bias = table.BiasOf(kAt, 0x9000, 0x1000);
  ASSERT_TRUE(bias);
  EXPECT_EQ(kAt - *bias, 0u) << "the first page of the mapping is the table's";
  EXPECT_EQ(table.BiasOf(kAt, 0x2000, 0x3000), kAt - 0x2000) << "a part of the segment";
  EXPECT_EQ(table.BiasOf(kAt, 0x1000, 0), std::nullopt);
  EXPECT_EQ(table.BiasOf(kAt, 0x1000, 0xa000), std::nullopt);
}

TEST(UnwindTable, RefusesFilesThatItCannotServe) {
  ElfParts far = TextWith(kText, 0x100, {});
  far.parts.push_back({".far", uint64_t{1} << 40, Bytes(16, 0), true});
  EXPECT_EQ(BuiltTable::OfBytes(MakeElf(far)).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(BuiltTable::OfBytes(MakeElf({})).status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(BuiltTable::OfBytes(Bytes(100, 0)).ok());
  EXPECT_FALSE(BuiltTable::OfBytes({}).ok());
}

TEST(UnwindTable, MayBeBuiltFromAnyBytes) {
  FrameBytes frames(kFrames);
  frames.Common().Range(kText, 0x40, Push()).Range(kText + 0x40, 0x80, Push());
  const Bytes good = MakeElf(TextWith(kText, 0x1100, frames.bytes()));
  std::mt19937 random(1);
  for (int round = 0; round < 20'000; ++round) {
    Bytes hostile = good;
    for (uint32_t change = random() % 6; change < 6; ++change) {
      hostile[random() % hostile.size()] = static_cast<uint8_t>(random() % 4 ? random() : 0xff);
    }
    const auto table = BuiltTable::OfBytes(hostile);
    if (!table.ok()) continue;
    ASSERT_LE(table->table().rows.size(), hostile.size());
  }
}

}  // namespace
}  // namespace waitscope::testing
