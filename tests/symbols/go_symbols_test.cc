#include "agent/symbols/go_symbols.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>

#include "agent/symbols/elf_symbols.h"
#include "tests/unwind/elf_bytes.h"
#include "tests/unwind/go_bytes.h"

namespace waitscope {
namespace {

using testing::Bytes;
using testing::ElfParts;
using testing::GoTableBytes;
using testing::GoTableParts;

constexpr uint64_t kText = 0x401000;
constexpr uint64_t kTable = 0x500000;

GoTableParts Program() {
  return {.functions = {{"main.main", 0x40, {}},
                        {"main.(*T).wait", 0x20, {}},
                        {"go:textfipsstart", 0, {}},
                        {"runtime.goexit", 0x20, {}}},
          .text = kText};
}

ElfParts StrippedWith(const Bytes& table, const std::string& section = ".gopclntab") {
  return {.parts = {{".text", kText, Bytes(0x1000, 0x90), true}, {section, kTable, table, false}}};
}

std::shared_ptr<const ByteSource> SourceOf(const ElfParts& elf) {
  const Bytes bytes = MakeElf(elf);
  return std::make_shared<const ByteSource>(std::string(bytes.begin(), bytes.end()));
}

std::string NameAt(const ElfParts& elf, uint64_t into_text) {
  const ElfSymbols symbols = ElfSymbols::Index(SourceOf(elf), nullptr);
  return symbols.Lookup(testing::FileOffsetOf(elf, 0) + into_text).value_or("");
}

void ExpectNamed(const ElfParts& elf) {
  EXPECT_EQ(NameAt(elf, 0), "main.main");
  EXPECT_EQ(NameAt(elf, 0x3f), "main.main");
  EXPECT_EQ(NameAt(elf, 0x40), "main.(*T).wait");
  EXPECT_EQ(NameAt(elf, 0x60), "runtime.goexit");
  EXPECT_EQ(NameAt(elf, 0x80), "") << "behind the last function";
}

TEST(GoSymbols, NameTheFunctionsOfAStrippedProgram) {
  ExpectNamed(StrippedWith(GoTableBytes(Program())));
}

TEST(GoSymbols, AreReadInTheFormOfOldVersions) {
  GoTableParts program = Program();
  program.whole_entries = true;
  ExpectNamed(StrippedWith(GoTableBytes(program)));
}

TEST(GoSymbols, AreFoundInAPositionIndependentProgram) {
  GoTableParts program = Program();
  program.told_text = 0;
  ElfParts elf = StrippedWith(GoTableBytes(program), ".data.rel.ro.gopclntab");
  EXPECT_EQ(NameAt(elf, 0), "") << "nothing says where its code begins";
  elf.parts.push_back({".rela.dyn", 0x600000,
                       testing::GoRelocation(kTable + testing::kGoTextStartAt, kText), false,
                       testing::kRelocations});
  ExpectNamed(elf);
}

TEST(GoSymbols, AreUnknownWithoutSectionHeaders) {
  ElfParts elf = StrippedWith(GoTableBytes(Program()));
  elf.section_headers = false;
  EXPECT_EQ(NameAt(elf, 0), "");
}

TEST(GoSymbols, AreNoneWhenTheTableIsNotInOrder) {
  Bytes table = GoTableBytes(Program());
  const ElfParts good = StrippedWith(table);
  ASSERT_EQ(ReadGoSymbols(SourceOf(good)).size(), 3u);
  const size_t entries = table.size() - (5 * 8 + 4 * 44);
  table[entries + 9] = 0x7f;  // the second function begins behind the third
  EXPECT_TRUE(ReadGoSymbols(SourceOf(StrippedWith(table))).empty());
}

void Use(const Bytes& table) {
  const ElfParts elf = StrippedWith(table);
  const ElfSymbols symbols = ElfSymbols::Index(SourceOf(elf), nullptr);
  EXPECT_LT(symbols.bytes(), 1u << 20);
  for (uint64_t into = 0; into < 0x100; into += 7) {
    symbols.Lookup(testing::FileOffsetOf(elf, 0) + into);
  }
}

TEST(GoSymbols, MayBeCutAnywhere) {
  const Bytes good = GoTableBytes(Program());
  for (size_t size = 0; size < good.size(); ++size) {
    Use(Bytes(good.begin(), good.begin() + static_cast<ptrdiff_t>(size)));
  }
}

TEST(GoSymbols, MayHaveAnyBytes) {
  for (const bool whole_entries : {false, true}) {
    GoTableParts program = Program();
    program.whole_entries = whole_entries;
    const Bytes good = GoTableBytes(program);
    std::mt19937 random(4);
    for (int round = 0; round < 4000; ++round) {
      Bytes hostile = good;
      for (uint32_t change = random() % 4; change < 4; ++change) {
        // The magic number is kept: other tables are not looked into.
        const size_t at = 4 + random() % (hostile.size() - 4);
        hostile[at] = random() % 3 != 0 ? static_cast<uint8_t>(random()) : 0xff;
      }
      Use(hostile);
    }
  }
}

}  // namespace
}  // namespace waitscope
