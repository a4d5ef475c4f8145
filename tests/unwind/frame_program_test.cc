// Every instruction of call frame information, by the rule that it leaves behind.
#include <dwarf.h>
#include <gtest/gtest.h>

#include "agent/unwind/frame_rule.h"
#include "bpf/unwind/x86_64.h"
#include "tests/unwind/built_table.h"
#include "tests/unwind/elf_bytes.h"

namespace waitscope::testing {
namespace {

constexpr uint64_t kText = 0x1000;
constexpr uint8_t kRbx = DWARF_RBX;
constexpr uint8_t kRdi = DWARF_RDI;
constexpr uint8_t kRbp = DWARF_RBP;
constexpr uint8_t kRip = DWARF_RIP;

BuiltTable TableOf(const Bytes& program, const FrameBytes::Cie& cie = {}) {
  FrameBytes frames(kFrames);
  frames.Common(cie).Range(kText, 0x100, program);
  return *BuiltTable::OfBytes(MakeElf(TextWith(kText, 0x100, frames.bytes())));
}

// The rule that holds after the whole program.
unwind_rule After(const Bytes& program, const FrameBytes::Cie& cie = {}) {
  return TableOf(program, cie).At(kText + 0xff);
}

unwind_rule SavedRbp(unwind_saved_kind kind, int16_t offset) {
  unwind_rule rule = StackRule(8);
  rule.rbp_kind = kind;
  rule.rbp_off = offset;
  return rule;
}

TEST(FrameProgram, StartsWithTheCommonState) { EXPECT_EQ(After({}), StackRule(8)); }

TEST(FrameProgram, AdvancesByEverySize) {
  const BuiltTable table = TableOf(Join({{DW_CFA_advance_loc | 1, DW_CFA_def_cfa_offset, 16},
                                         {DW_CFA_advance_loc1, 2, DW_CFA_def_cfa_offset, 24},
                                         {DW_CFA_advance_loc2, 3, 0, DW_CFA_def_cfa_offset, 32},
                                         {DW_CFA_advance_loc4, 4, 0, 0, 0, DW_CFA_def_cfa_offset},
                                         {40, DW_CFA_MIPS_advance_loc8, 5, 0, 0, 0, 0, 0, 0, 0},
                                         {DW_CFA_def_cfa_offset, 48}}));
  EXPECT_EQ(table.At(kText), StackRule(8));
  EXPECT_EQ(table.At(kText + 1), StackRule(16));
  EXPECT_EQ(table.At(kText + 2), StackRule(16));
  EXPECT_EQ(table.At(kText + 3), StackRule(24));
  EXPECT_EQ(table.At(kText + 6), StackRule(32));
  EXPECT_EQ(table.At(kText + 10), StackRule(40));
  EXPECT_EQ(table.At(kText + 14), StackRule(40));
  EXPECT_EQ(table.At(kText + 15), StackRule(48));
}

TEST(FrameProgram, ScalesAdvancesByTheCodeAlignment) {
  const BuiltTable table =
      TableOf({DW_CFA_advance_loc | 2, DW_CFA_def_cfa_offset, 16}, {.code_alignment = 4});
  EXPECT_EQ(table.At(kText + 7), StackRule(8));
  EXPECT_EQ(table.At(kText + 8), StackRule(16));
}

TEST(FrameProgram, SetsALocation) {
  // Relative to the pointer itself, as the CIE says of all pointers.
  FrameBytes frames(kFrames);
  frames.Common();
  const uint64_t pointer = frames.here() + 4 + 4 + 1 + 1;
  frames.Range(kText, 0x100,
               Join({{DW_CFA_set_loc},
                     Fixed32(static_cast<uint32_t>(kText + 0x20 - pointer)),
                     {DW_CFA_def_cfa_offset, 16}}));
  const auto table = BuiltTable::OfBytes(MakeElf(TextWith(kText, 0x100, frames.bytes())));
  EXPECT_EQ(table->At(kText + 0x1f), StackRule(8));
  EXPECT_EQ(table->At(kText + 0x20), StackRule(16));
}

TEST(FrameProgram, DefinesTheCfaInEveryWay) {
  const unwind_rule by_rbp = {.cfa_kind = UNWIND_CFA_rbp, .cfa_off = 16};
  EXPECT_EQ(After({DW_CFA_def_cfa, kRbp, 16}), by_rbp);
  EXPECT_EQ(After({DW_CFA_def_cfa_sf, kRbp, 0x7e}), by_rbp);  // -2 * -8
  EXPECT_EQ(After({DW_CFA_def_cfa_offset, 16, DW_CFA_def_cfa_register, kRbp}), by_rbp);
  EXPECT_EQ(After({DW_CFA_def_cfa_offset_sf, 0x7e}), StackRule(16));
  const unwind_rule by_rbx = {.cfa_kind = UNWIND_CFA_rbx, .cfa_off = 16};
  EXPECT_EQ(After({DW_CFA_def_cfa, kRbx, 16}), by_rbx);
  EXPECT_EQ(After({DW_CFA_def_cfa, 10, 0}), UnsupportedRule()) << "r10";
}

TEST(FrameProgram, TakesLargeFrames) {
  EXPECT_EQ(After(Join({{DW_CFA_def_cfa_offset}, Uleb(1 << 30)})), StackRule(1 << 30));
  EXPECT_EQ(After(Join({{DW_CFA_def_cfa_offset}, Uleb(uint64_t{1} << 31)})), UnsupportedRule());
}

TEST(FrameProgram, ReadsTheExpressionsThatCompilersWrite) {
  const Bytes realigned =
      Join({{DW_CFA_def_cfa_expression, 3, DW_OP_breg6}, Sleb(-8), {DW_OP_deref}});
  EXPECT_EQ(After(realigned), (unwind_rule{.cfa_kind = UNWIND_CFA_at_rbp, .cfa_off = -8}));
  const Bytes plt = {DW_CFA_def_cfa_expression,
                     11,
                     DW_OP_breg7,
                     8,
                     DW_OP_breg16,
                     0,
                     DW_OP_lit15,
                     DW_OP_and,
                     DW_OP_lit11,
                     DW_OP_ge,
                     DW_OP_lit3,
                     DW_OP_shl,
                     DW_OP_plus};
  EXPECT_EQ(After(plt), PltRule(11));
  EXPECT_EQ(
      After({DW_CFA_def_cfa_expression, 5, DW_OP_breg7, 16, DW_OP_deref, DW_OP_plus_uconst, 8}),
      (unwind_rule{.cfa_kind = UNWIND_CFA_above_at_rsp, .cfa_off = 16}));
  EXPECT_EQ(After({DW_CFA_def_cfa_expression, 2, DW_OP_breg7, 32}), StackRule(32));
  EXPECT_EQ(After({DW_CFA_def_cfa_expression, 1, DW_OP_lit0}), UnsupportedRule());
  EXPECT_EQ(After({DW_CFA_def_cfa_expression, 0}), UnsupportedRule());
}

TEST(FrameProgram, KeepsTheOffsetFromBeforeAnExpression) {
  EXPECT_EQ(After({DW_CFA_def_cfa_offset, 56, DW_CFA_def_cfa_expression, 3, DW_OP_breg6, 0x78,
                   DW_OP_deref, DW_CFA_def_cfa_register, DWARF_RSP}),
            StackRule(56));
}

TEST(FrameProgram, FindsASavedRegisterInEveryWay) {
  EXPECT_EQ(After({DW_CFA_offset | kRbp, 2}), SavedRbp(UNWIND_SAVED_at_cfa, -16));
  EXPECT_EQ(After({DW_CFA_offset_extended, kRbp, 2}), SavedRbp(UNWIND_SAVED_at_cfa, -16));
  EXPECT_EQ(After({DW_CFA_offset_extended_sf, kRbp, 2}), SavedRbp(UNWIND_SAVED_at_cfa, -16));
  EXPECT_EQ(After({DW_CFA_GNU_negative_offset_extended, kRbp, 2}),
            SavedRbp(UNWIND_SAVED_at_cfa, 16));
  EXPECT_EQ(After({DW_CFA_expression, kRbp, 2, DW_OP_breg6, 0}), SavedRbp(UNWIND_SAVED_at_rbp, 0));
  EXPECT_EQ(After({DW_CFA_expression, kRbp, 2, DW_OP_breg7, 24}),
            SavedRbp(UNWIND_SAVED_at_rsp, 24));
  EXPECT_EQ(After({DW_CFA_undefined, kRbp}), SavedRbp(UNWIND_SAVED_unknown, 0));
  EXPECT_EQ(After({DW_CFA_register, kRbp, 12}), SavedRbp(UNWIND_SAVED_unknown, 0));
  EXPECT_EQ(After({DW_CFA_val_offset, kRbp, 2}), SavedRbp(UNWIND_SAVED_unknown, 0));
  EXPECT_EQ(After({DW_CFA_val_offset_sf, kRbp, 2}), SavedRbp(UNWIND_SAVED_unknown, 0));
  EXPECT_EQ(After({DW_CFA_val_expression, kRbp, 1, DW_OP_lit0}), SavedRbp(UNWIND_SAVED_unknown, 0));
}

TEST(FrameProgram, ForgetsASavedRegister) {
  const Bytes saved = {DW_CFA_offset | kRbp, 2};
  EXPECT_EQ(After(Join({saved, {DW_CFA_same_value, kRbp}})), StackRule(8));
  EXPECT_EQ(After(Join({saved, {DW_CFA_restore | kRbp}})), StackRule(8));
  EXPECT_EQ(After(Join({saved, {DW_CFA_restore_extended, kRbp}})), StackRule(8));
  EXPECT_EQ(After(Join({saved, {DW_CFA_register, kRbp, kRbp}})), StackRule(8));
}

TEST(FrameProgram, RestoresWhatTheCommonProgramSaid) {
  const FrameBytes::Cie cie = {.program = Join({UsualStart(), {DW_CFA_offset | kRbp, 2}})};
  EXPECT_EQ(After({DW_CFA_same_value, kRbp, DW_CFA_restore | kRbp}, cie),
            SavedRbp(UNWIND_SAVED_at_cfa, -16));
}

TEST(FrameProgram, FollowsRbxLikeRbp) {
  unwind_rule rule = StackRule(8);
  rule.rbx_kind = UNWIND_SAVED_at_cfa;
  rule.rbx_off = -24;
  EXPECT_EQ(After({DW_CFA_offset | kRbx, 3}), rule);
}

TEST(FrameProgram, SkipsRegistersThatNobodyFollows) {
  EXPECT_EQ(After({DW_CFA_offset | 12, 2, DW_CFA_undefined, 13, DW_CFA_expression, 14, 2,
                   DW_OP_breg7, 8, DW_CFA_restore | 15, DW_CFA_GNU_args_size, 32}),
            StackRule(8));
}

TEST(FrameProgram, RemembersStates) {
  const BuiltTable table = TableOf({DW_CFA_remember_state, DW_CFA_advance_loc | 4, DW_CFA_def_cfa,
                                    kRbp, 16, DW_CFA_advance_loc | 4, DW_CFA_restore_state});
  EXPECT_EQ(table.At(kText + 4).cfa_kind, UNWIND_CFA_rbp);
  EXPECT_EQ(table.At(kText + 8), StackRule(8));
}

TEST(FrameProgram, TakesAnUndefinedReturnAddressForTheRoot) {
  EXPECT_EQ(After({DW_CFA_undefined, kRip}), EndRule());
}

TEST(FrameProgram, FindsAReturnAddressInRdiOnly) {
  unwind_rule vfork = StackRule(8);
  vfork.return_kind = UNWIND_RETURN_in_rdi;
  EXPECT_EQ(After({DW_CFA_register, kRip, kRdi}), vfork);
  EXPECT_EQ(After({DW_CFA_register, kRip, 12}), UnsupportedRule());
  EXPECT_EQ(After({DW_CFA_offset | kRip, 2}), UnsupportedRule());
}

TEST(FrameProgram, KnowsTheKernelsSignalFrame) {
  const Bytes frame =
      Join({{DW_CFA_def_cfa_expression, 4, DW_OP_breg7}, Sleb(SIGNAL_FRAME_RSP), {DW_OP_deref}});
  EXPECT_EQ(After(frame, {.augmentation = "zRS"}), (unwind_rule{.cfa_kind = UNWIND_CFA_signal}));
  EXPECT_EQ(After({}, {.augmentation = "zRS"}), StackRule(8)) << "an ordinary frame marked so";
}

TEST(FrameProgram, GivesUpFromWhereItCannotBeRead) {
  for (const Bytes& broken : {Bytes{0x3f}, Bytes{DW_CFA_restore_state}, Bytes{DW_CFA_def_cfa, 7},
                              Bytes{DW_CFA_def_cfa_expression, 100, 1}}) {
    const BuiltTable table =
        TableOf(Join({{DW_CFA_def_cfa_offset, 16, DW_CFA_advance_loc | 4}, broken}));
    EXPECT_EQ(table.At(kText + 3), StackRule(16));
    EXPECT_EQ(table.At(kText + 4), UnsupportedRule());
  }
}

TEST(FrameProgram, DoesNotRememberWithoutEnd) {
  EXPECT_EQ(After(Bytes(10'000, DW_CFA_remember_state)), UnsupportedRule());
}

}  // namespace
}  // namespace waitscope::testing
