#include <gtest/gtest.h>

#include "agent/unwind/frame_rule.h"
#include "tests/unwind/built_table.h"
#include "tests/unwind/elf_bytes.h"

namespace waitscope::testing {
namespace {

constexpr uint64_t kText = 0x401000;
constexpr uint64_t kTable = 0x500000;

struct GoFunction {
  std::string name;
  uint32_t bytes = 0;
  Bytes deltas;  // pairs of zigzag change and length
};

// The table as Go 1.20 writes it; with `whole_entries` as Go 1.16 did.
Bytes GoTable(const std::vector<GoFunction>& functions, bool whole_entries) {
  const uint64_t header = 8 + 8 * (whole_entries ? 7 : 8);
  const uint64_t entry_size = whole_entries ? 16 : 8;
  Bytes names;
  Bytes deltas = {0};
  Bytes index;
  Bytes records;
  uint32_t at = 0;
  const auto entry = [&](uint64_t record) {
    index = Join({index, whole_entries ? Join({Fixed64(kText + at), Fixed64(record)})
                                       : Join({Fixed32(at), Fixed32(record)})});
  };
  const uint64_t records_at = (functions.size() + 1) * entry_size;
  for (const GoFunction& function : functions) {
    entry(records_at + records.size());
    const auto name_at = static_cast<uint32_t>(names.size());
    const auto deltas_at = static_cast<uint32_t>(deltas.size());
    names.insert(names.end(), function.name.begin(), function.name.end());
    names.push_back(0);
    deltas = Join({deltas, function.deltas, {0}});
    records = Join({records, whole_entries ? Fixed64(kText + at) : Fixed32(at), Fixed32(name_at),
                    Fixed32(0), Fixed32(0), Fixed32(deltas_at), Bytes(24, 0)});
    at += function.bytes;
  }
  entry(0);
  const uint64_t deltas_from = header + names.size();
  return Join({Fixed32(whole_entries ? 0xfffffffa : 0xfffffff1),
               {0, 0, 1, 8},
               Fixed64(functions.size()),
               Fixed64(0),
               whole_entries ? Bytes() : Fixed64(kText),
               Fixed64(header),
               Fixed64(0),
               Fixed64(0),
               Fixed64(deltas_from),
               Fixed64(deltas_from + deltas.size()),
               names,
               deltas,
               index,
               records});
}

const std::vector<GoFunction>& Program() {
  static const std::vector<GoFunction> program = {
      {"main.main", 0x40, {2, 4, 0x80, 1, 0x38, 0x7f, 4}},
      {"runtime.sigreturn.abi0", 0x20, {2, 0x20}},
      {"runtime.goexit.abi0", 0x20, {2, 0x20}},
      {"runtime.systemstack", 0x20, {2, 0x20}},
      {"main.last", 0x20, {2, 0x20}}};
  return program;
}

absl::StatusOr<BuiltTable> Built(const Bytes& table) {
  return BuiltTable::OfBytes(MakeElf({.entry = kText,
                                      .parts = {{".text", kText, Bytes(0x1000, 0x90), true},
                                                {".gopclntab", kTable, table, false}}}));
}

unwind_rule GoFrame(int32_t moved) {
  unwind_rule rule = StackRule(moved + 8);
  rule.rbp_kind = UNWIND_SAVED_at_cfa;
  rule.rbp_off = -16;
  return rule;
}

TEST(GoFunctions, TellHowFarTheStackPointerMoved) {
  for (const bool whole_entries : {false, true}) {
    const auto table = Built(GoTable(Program(), whole_entries));
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
  const auto table = Built(GoTable(Program(), false));
  EXPECT_EQ(table->At(kText + 0x40).cfa_kind, UNWIND_CFA_signal);
  EXPECT_EQ(table->At(kText + 0x3f).cfa_kind, UNWIND_CFA_signal) << "looked up one byte before";
  EXPECT_EQ(table->At(kText + 0x60), EndRule());
  EXPECT_EQ(table->At(kText + 0x80), UnsupportedRule());
  EXPECT_EQ(table->At(kText + 0xc0), NoRule()) << "behind the last function";
}

TEST(GoFunctions, MayBeBrokenAnywhere) {
  const Bytes good = GoTable(Program(), false);
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
