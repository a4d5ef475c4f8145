// Anybody can write a file, map it and sleep in it: whatever it holds, the agent must not crash,
// and must not work or allocate beyond reason.
#include <elf.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <string>

#include "agent/symbols/elf_symbols.h"
#include "tests/symbols/sample_process.h"

namespace waitscope {
namespace {

std::string Bytes(const std::string& sample) {
  std::ifstream file(testing::SamplePath(sample), std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::shared_ptr<const ByteSource> AsFile(const std::string& bytes) {
  UniqueFd fd(memfd_create("hostile", MFD_CLOEXEC));
  EXPECT_EQ(write(fd.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  return std::make_shared<const ByteSource>(std::move(fd), bytes.size());
}

std::shared_ptr<const ByteSource> AsMemory(const std::string& bytes) {
  return std::make_shared<const ByteSource>(bytes);
}

void UseBoth(const std::string& bytes) {
  for (const auto& source : {AsFile(bytes), AsMemory(bytes)}) {
    const ElfSymbols symbols = ElfSymbols::Index(source, nullptr);
    EXPECT_LT(symbols.bytes(), 8u << 20);
    for (uint64_t offset = 0; offset < bytes.size(); offset += 509) symbols.Lookup(offset);
    symbols.Lookup(UINT64_MAX);
  }
}

TEST(HostileElf, MayBeCutAnywhere) {
  const std::string bytes = Bytes("pie");
  for (size_t length = 0; length < bytes.size(); length += length < 256 ? 1 : 97) {
    UseBoth(bytes.substr(0, length));
  }
}

void Mutate(std::string& bytes, size_t begin, size_t length, std::mt19937& random) {
  for (uint32_t change = random() % 8; change < 8; ++change) {
    const size_t at = begin + random() % std::max<size_t>(length, 1);
    if (at < bytes.size()) bytes[at] = static_cast<char>(random() % 4 ? random() : 0xff);
  }
}

TEST(HostileElf, MayHaveAnyHeaders) {
  const std::string bytes = Bytes("pie");
  Elf64_Ehdr header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  std::mt19937 random(1);
  for (int round = 0; round < 1500; ++round) {
    std::string hostile = bytes;
    Mutate(hostile, EI_NIDENT, sizeof(header) - EI_NIDENT, random);
    UseBoth(hostile);
    hostile = bytes;
    Mutate(hostile, header.e_phoff, header.e_phnum * sizeof(Elf64_Phdr), random);
    UseBoth(hostile);
    hostile = bytes;
    Mutate(hostile, header.e_shoff, header.e_shnum * sizeof(Elf64_Shdr), random);
    UseBoth(hostile);
  }
}

TEST(HostileElf, MayHaveAnySymbols) {
  const std::string bytes = Bytes("pie");
  const ElfLayout layout = *ReadElfLayout(*AsMemory(bytes));
  const ElfSection& symbols = *layout.FindSection(SHT_SYMTAB);
  std::mt19937 random(2);
  for (int round = 0; round < 1000; ++round) {
    std::string hostile = bytes;
    Mutate(hostile, symbols.offset, symbols.size, random);
    UseBoth(hostile);
  }
}

TEST(HostileElf, MayHaveDamagedDebugData) {
  const std::string bytes = Bytes("mini_debug");
  const ElfLayout layout = *ReadElfLayout(*AsMemory(bytes));
  ASSERT_TRUE(layout.debugdata.has_value());
  std::mt19937 random(3);
  for (int round = 0; round < 200; ++round) {
    std::string hostile = bytes;
    Mutate(hostile, layout.debugdata->offset, layout.debugdata->size, random);
    UseBoth(hostile);
  }
}

// A sparse file costs its writer nothing, whatever the sizes it claims.
TEST(HostileElf, MayClaimAnEnormousSymbolTable) {
  std::string bytes = Bytes("pie");
  Elf64_Ehdr header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  constexpr off_t kSize = off_t{1} << 40;
  for (int index = 0; index < header.e_shnum; ++index) {
    Elf64_Shdr section;
    char* const at = bytes.data() + header.e_shoff + static_cast<size_t>(index) * sizeof(section);
    std::memcpy(&section, at, sizeof(section));
    const bool table = section.sh_type == SHT_SYMTAB || section.sh_type == SHT_STRTAB ||
                       section.sh_type == SHT_NOTE;
    if (table) section.sh_size = kSize - section.sh_offset;
    std::memcpy(at, &section, sizeof(section));
  }
  UniqueFd fd(memfd_create("sparse", MFD_CLOEXEC));
  ASSERT_EQ(write(fd.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  ASSERT_EQ(ftruncate(fd.get(), kSize), 0);
  const auto begin = std::chrono::steady_clock::now();
  const auto source = std::make_shared<const ByteSource>(std::move(fd), kSize);
  const ElfSymbols symbols = ElfSymbols::Index(source, nullptr);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
  EXPECT_LT(symbols.bytes(), 8u << 20);
}

TEST(HostileElf, MayShrinkAfterItWasOpened) {
  const std::string bytes = Bytes("pie");
  const UniqueFd writer(memfd_create("shrinking", MFD_CLOEXEC));
  ASSERT_EQ(write(writer.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  const auto source = std::make_shared<const ByteSource>(UniqueFd(dup(writer.get())), bytes.size());
  const ElfSymbols symbols = ElfSymbols::Index(source, nullptr);
  ASSERT_EQ(ftruncate(writer.get(), 100), 0);
  EXPECT_GT(symbols.functions(), 0u);
  EXPECT_EQ(ElfSymbols::Index(source, nullptr).functions(), 0u);
}

}  // namespace
}  // namespace waitscope
