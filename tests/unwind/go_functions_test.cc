#include <gtest/gtest.h>

#include "agent/unwind/frame_rule.h"
#include "tests/unwind/built_table.h"
#include "tests/unwind/elf_bytes.h"
#include "tests/unwind/go_bytes.h"

namespace waitscope::testing {
namespace {

constexpr uint64_t kSection = 0x400000;  // C code that was linked in comes first
constexpr uint64_t kText = 0x401000;
constexpr uint64_t kTable = 0x500000;

const std::vector<MadeGoFunction>& Program() {
  static const std::vector<MadeGoFunction> program = {
      {"main.main", 0x40, {2, 4, 0x80, 1, 0x38, 0x7f, 4}},
      {"runtime.sigreturn.abi0", 0x20, {2, 0x20}},
      {"runtime.goexit.abi0", 0x20, {2, 0x20}},
      {"runtime.systemstack", 0x20, {2, 0x20}},
      {"main.last", 0x20, {2, 0x20}}};
  return program;
}

absl::StatusOr<BuiltTable> Built(const Bytes& table, const std::vector<ElfPart>& more = {}) {
  ElfParts elf{.entry = kSection,
               .parts = {{".text", kSection, Bytes(0x2000, 0x90), true},
                         {".gopclntab", kTable, table, false}}};
  elf.parts.insert(elf.parts.end(), more.begin(), more.end());
  return BuiltTable::OfBytes(MakeElf(elf));
}

unwind_rule GoFrame(int32_t moved) {
  unwind_rule rule = StackRule(moved + 8);
  rule.rbp_kind = UNWIND_SAVED_at_cfa;
  rule.rbp_off = -16;
  return rule;
}

TEST(GoFunctions, TellHowFarTheStackPointerMoved) {
  for (const bool whole_entries : {false, true}) {
    const auto table = Built(
        GoTableBytes({.functions = Program(), .text = kText, .whole_entries = whole_entries}));
    ASSERT_TRUE(table.ok()) << table.status();
    EXPECT_EQ(table->At(kText), StackRule(8));
    EXPECT_EQ(table->At(kText + 3), StackRule(8));
    EXPECT_EQ(table->At(kText + 4), GoFrame(64));
    EXPECT_EQ(table->At(kText + 0x3b), GoFrame(64));
    EXPECT_EQ(table->At(kText + 0x3c), StackRule(8));
    EXPECT_EQ(table->At(kText + 0xa0), StackRule(8));
  }
}

TEST(GoFunctions, KnowRootsSignalsAndOtherStacksByName) {
  const auto table = Built(GoTableBytes({.functions = Program(), .text = kText}));
  EXPECT_EQ(table->At(kText + 0x40).cfa_kind, UNWIND_CFA_signal);
  EXPECT_EQ(table->At(kText + 0x3f).cfa_kind, UNWIND_CFA_signal) << "looked up one byte before";
  EXPECT_EQ(table->At(kText + 0x60), EndRule());
  EXPECT_EQ(table->At(kText + 0x80), UnsupportedRule());
  EXPECT_EQ(table->At(kText + 0xc0), NoRule()) << "behind the last function";
}

ElfPart Relocation(uint64_t address, uint64_t value) {
  return {".rela.dyn", 0x700000, GoRelocation(address, value), false, kRelocations};
}

void ExpectToldAtText(const absl::StatusOr<BuiltTable>& table) {
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->At(kText + 4), GoFrame(64));
  EXPECT_EQ(table->At(kText + 0x60), EndRule());
}

TEST(GoFunctions, BeginWhereTheLoaderOfAPositionIndependentProgramIsToldTo) {
  const Bytes table = GoTableBytes({.functions = Program(), .text = kText, .told_text = 0});
  ExpectToldAtText(Built(table, {Relocation(kTable + kGoTextStartAt, kText)}));
}

TEST(GoFunctions, BeginWhereTheModuleSaysSinceTheirTableDoesNot) {
  const Bytes table = GoTableBytes({.functions = Program(), .text = kText, .told_text = 0});
  ExpectToldAtText(Built(table, {{".go.module", 0x600000, GoModule(kText), false}}));
  ExpectToldAtText(Built(table, {{".go.module", 0x600000, GoModule(0), false},
                                 Relocation(0x600000 + kGoModuleTextAt, kText)}));
}

TEST(GoFunctions, AreUnknownWhenNothingSaysWhereTheyBegin) {
  const Bytes table = GoTableBytes({.functions = Program(), .text = kText, .told_text = 0});
  const auto built = Built(table);
  ASSERT_TRUE(built.ok()) << built.status();
  EXPECT_EQ(built->At(kText + 4), NoRule());
  EXPECT_EQ(built->At(kSection + 0x100 + 4), NoRule());
}

TEST(GoFunctions, AreFoundWhereTheLinkerOfCHidTheirSection) {
  const Bytes table = GoTableBytes({.functions = Program(), .text = kText});
  ElfParts elf{
      .entry = kSection,
      .parts = {{".text", kSection, Bytes(0x2000, 0x90), true},
                {".data.rel.ro", kTable + 8, Join({Bytes(0x18 + 0x40, 0xf1), table}), false}}};
  auto built = BuiltTable::OfBytes(MakeElf(elf));
  ASSERT_TRUE(built.ok()) << built.status();
  EXPECT_EQ(built->At(kText + 4), NoRule()) << "no program of Go's";
  elf.parts.push_back({".note.go.buildid", 0x600000, Bytes(8), false});
  ExpectToldAtText(BuiltTable::OfBytes(MakeElf(elf)));
}

TEST(GoFunctions, SkipTheLinkersMarks) {
  std::vector<MadeGoFunction> program = Program();
  program.insert(program.begin() + 1, {"go:textfipsstart", 0, {}});
  const auto table = Built(GoTableBytes({.functions = program, .text = kText}));
  EXPECT_EQ(table->At(kText + 4), GoFrame(64));
  EXPECT_EQ(table->At(kText + 0x60), EndRule());
}

TEST(GoFunctions, MayBeBrokenAnywhere) {
  const Bytes good = GoTableBytes({.functions = Program(), .text = kText});
  for (size_t at = 0; at < good.size(); ++at) {
    for (const uint8_t value : {0x00, 0x7f, 0x80, 0xff}) {
      Bytes broken = good;
      broken[at] = value;
      EXPECT_TRUE(Built(broken).ok());
    }
    EXPECT_TRUE(Built(Bytes(good.begin(), good.begin() + static_cast<ptrdiff_t>(at))).ok());
  }
}

}  // namespace
}  // namespace waitscope::testing
