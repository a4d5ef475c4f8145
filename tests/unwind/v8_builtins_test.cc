#include "agent/unwind/v8_builtins.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <map>

#include "agent/unwind/frame_rule.h"
#include "bpf/unwind/v8.h"
#include "tests/unwind/built_table.h"
#include "tests/unwind/elf_bytes.h"

namespace waitscope::testing {
namespace {

constexpr uint64_t kText = 0x100000;
constexpr uint64_t kTextBytes = 1 << 20;
constexpr uint64_t kBlob = kText + 0x4000;
constexpr uint32_t kBlobBytes = 0x80000;
constexpr uint64_t kConstants = 0x400000;

using Constants = std::map<std::string, uint32_t>;

Constants Usual() {
  return {{"v8_Default_embedded_blob_code_size_", kBlobBytes},
          {"v8dbg_off_fp_context_or_frame_type", static_cast<uint32_t>(-8)},
          {"v8dbg_SmiTagMask", 1},
          {"v8dbg_frametype_EntryFrame", 1},
          {"v8dbg_frametype_ConstructEntryFrame", 2},
          {"v8dbg_frametype_ExitFrame", 3},
          {"v8dbg_frametype_StackSwitchFrame", 8},
          {"v8dbg_frametype_BuiltinExitFrame", 25},
          {"v8dbg_frametype_IrregexpFrame", 27}};
}

// A program with V8 in it, as a linker leaves it.
class Program {
 public:
  explicit Program(const Constants& constants) {
    AddSymbol("v8_Default_embedded_blob_code_", kBlob);
    for (const auto& [name, value] : constants) {
      AddSymbol(name, kConstants + values_.size());
      const Bytes bytes = Fixed32(value);
      values_.insert(values_.end(), bytes.begin(), bytes.end());
    }
  }

  BuiltTable Table() const {
    FrameBytes frames(kFrames);
    frames.Common().Range(kText, 0x1000, {}).Range(kText + kTextBytes - 0x1000, 0x1000, {});
    ElfParts elf = TextWith(kText, kTextBytes, frames.bytes());
    elf.parts.push_back({".data", kConstants, values_});
    elf.parts.push_back({".symtab", 0x500000, symbols_});
    elf.parts.push_back({".strtab", 0x600000, names_});
    return *BuiltTable::OfBytes(MakeElf(elf));
  }

 private:
  void AddSymbol(const std::string& name, uint64_t value) {
    Elf64_Sym symbol = {};
    symbol.st_name = static_cast<Elf64_Word>(names_.size());
    symbol.st_shndx = 1;
    symbol.st_value = value;
    const auto* raw = reinterpret_cast<const uint8_t*>(&symbol);
    symbols_.insert(symbols_.end(), raw, raw + sizeof(symbol));
    names_.insert(names_.end(), name.begin(), name.end());
    names_.push_back(0);
  }

  Bytes symbols_;
  Bytes names_ = {0};
  Bytes values_;
};

TEST(V8Builtins, HaveARuleFromTheirFirstByteToTheirLast) {
  const BuiltTable table = Program(Usual()).Table();
  EXPECT_EQ(table.At(kBlob - 1), NoRule());
  EXPECT_EQ(table.At(kBlob).cfa_kind, UNWIND_CFA_v8);
  EXPECT_EQ(table.At(kBlob + kBlobBytes - 1).cfa_kind, UNWIND_CFA_v8);
  EXPECT_EQ(table.At(kBlob + kBlobBytes), NoRule());
  EXPECT_EQ(table.At(kText + kTextBytes - 1), StackRule(8));
}

TEST(V8Builtins, TellTheTypesOfTheirReleasesFrames) {
  const BuiltTable table = Program(Usual()).Table();
  const uint64_t types = v8_types_of(&table.At(kBlob));
  EXPECT_TRUE(v8_is_exit(types, 3 << 1));
  EXPECT_TRUE(v8_is_exit(types, 25 << 1));
  EXPECT_FALSE(v8_is_exit(types, 26 << 1));
  EXPECT_TRUE(v8_is_entry(types, 1 << 1));
  EXPECT_TRUE(v8_is_entry(types, 2 << 1));
  EXPECT_TRUE(v8_belongs(types, 0, 27 << 1)) << "the highest";
  EXPECT_FALSE(v8_belongs(types, 0, 28 << 1));
}

TEST(V8Builtins, AreNotKnownWithoutWhatTellsOfTheirFrames) {
  for (const auto& [name, value] : Usual()) {
    Constants some = Usual();
    some.erase(name);
    const bool needed =
        name != "v8dbg_frametype_StackSwitchFrame" && name != "v8dbg_frametype_IrregexpFrame";
    EXPECT_EQ(Program(some).Table().At(kBlob) == NoRule(), needed) << name;
  }
}

TEST(V8Builtins, AreNotKnownWhereTheyLookDifferent) {
  for (const auto& [name, value] : std::vector<std::pair<std::string, uint32_t>>{
           {"v8dbg_off_fp_context_or_frame_type", static_cast<uint32_t>(-16)},
           {"v8dbg_SmiTagMask", 3},
           {"v8dbg_frametype_ExitFrame", 300},
           {"v8_Default_embedded_blob_code_size_", 0},
           {"v8_Default_embedded_blob_code_size_", uint32_t{2} << 20}}) {
    Constants other = Usual();
    other[name] = value;
    EXPECT_EQ(Program(other).Table().At(kBlob), NoRule()) << name;
  }
}

}  // namespace
}  // namespace waitscope::testing
