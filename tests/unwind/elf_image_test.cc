#include "agent/unwind/elf_image.h"

#include <gtest/gtest.h>

#include "tests/unwind/elf_bytes.h"

namespace waitscope::testing {
namespace {

TEST(ElfImage, FindsSectionsByName) {
  const Bytes bytes = MakeElf({.parts = {{".text", 0x1000, Bytes(16, 0x90), true},
                                         {".gopclntab", 0x2000, Bytes(4, 1), false}}});
  const auto image = ElfImage::FromMemory(bytes);
  ASSERT_TRUE(image.ok()) << image.status();
  ASSERT_NE(image->FindSection(".gopclntab"), nullptr);
  EXPECT_EQ(image->FindSection(".gopclntab")->size, 4u);
  EXPECT_EQ(image->FindSection(".data"), nullptr);
}

TEST(ElfImage, KeepsLittleOfANameThatDoesNotEnd) {
  const Bytes bytes =
      MakeElf({.parts = {{std::string(100'000, 'x'), 0x1000, Bytes(16, 0x90), true}}});
  const auto image = ElfImage::FromMemory(bytes);
  ASSERT_TRUE(image.ok()) << image.status();
  for (const ElfImage::Section& section : image->sections()) {
    EXPECT_LE(section.name.size(), 64u);
  }
}

}  // namespace
}  // namespace waitscope::testing
