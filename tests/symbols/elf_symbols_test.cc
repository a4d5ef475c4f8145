#include "agent/symbols/elf_symbols.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "agent/symbols/debug_files.h"
#include "tests/symbols/sample_process.h"

namespace waitscope {
namespace {

using testing::SamplePath;

std::shared_ptr<const ByteSource> OpenSample(const std::string& path) {
  OpenedFile file = *OpenFile(path);
  return std::make_shared<const ByteSource>(std::move(file.fd), file.key.size);
}

ElfSymbols IndexSample(const std::string& name) {
  const DebugFiles debug_files({SamplePath("debug")});
  return ElfSymbols::Index(OpenSample(SamplePath(name)), [&](const ElfLayout& stripped) {
    return debug_files.Find(stripped, SamplePath(name), {"/"});
  });
}

TEST(ElfSymbols, ReadsTheBuildId) {
  EXPECT_EQ(IndexSample("by_build_id").build_id(), "abcdef0123456789abcdef0123456789abcdef01");
  EXPECT_EQ(IndexSample("by_debug_link").build_id(), "");
}

TEST(ElfSymbols, FindsNoFunctionsInAStrippedFile) {
  EXPECT_EQ(IndexSample("stripped").functions(), 0u);
  EXPECT_EQ(IndexSample("stripped").build_id(), "11223344556677889900aabbccddeeff00112233");
}

TEST(ElfSymbols, FindsFunctionsInSeparateFiles) {
  EXPECT_GT(IndexSample("by_build_id").functions(), 3u);
  EXPECT_GT(IndexSample("by_debug_link").functions(), 3u);
}

TEST(ElfSymbols, FindsFunctionsInDebugData) {
  EXPECT_GT(IndexSample("mini_debug").functions(), 3u);
}

TEST(ElfSymbols, TakesNoDebugFileWithAnotherBuildId) {
  const DebugFiles debug_files({SamplePath("debug")});
  ElfLayout layout = *ReadElfLayout(*OpenSample(SamplePath("by_build_id")));
  ASSERT_TRUE(debug_files.Find(layout, "/nowhere/file", {"/"}).has_value());
  layout.build_id.back() = '2';
  EXPECT_FALSE(debug_files.Find(layout, "/nowhere/file", {"/"}).has_value());
}

TEST(ElfSymbols, TakesNoDebugFileWithAnotherChecksum) {
  const DebugFiles debug_files({SamplePath("debug")});
  ElfLayout layout = *ReadElfLayout(*OpenSample(SamplePath("by_debug_link")));
  ASSERT_TRUE(debug_files.Find(layout, SamplePath("by_debug_link"), {"/"}).has_value());
  layout.debug_link->crc ^= 1;
  EXPECT_FALSE(debug_files.Find(layout, SamplePath("by_debug_link"), {"/"}).has_value());
}

TEST(ElfSymbols, TranslatesFileOffsetsByTheProgramHeaders) {
  ElfLayout layout;
  layout.segments = {
      {.offset = 0, .address = 0x400000, .file_size = 0x1000, .executable = false},
      {.offset = 0x1000, .address = 0x402000, .file_size = 0x500, .executable = true}};
  EXPECT_EQ(layout.AddressOf(0x10), 0x400010u);
  EXPECT_EQ(layout.AddressOf(0x1010), 0x402010u);
  EXPECT_EQ(layout.AddressOf(0x1500), std::nullopt);
}

TEST(ElfSymbols, GivesAnEmptyIndexForWhatIsNoElfFile) {
  const auto text = std::make_shared<const ByteSource>(std::string("#!/bin/sh\necho hello\n"));
  const ElfSymbols symbols = ElfSymbols::Index(text, nullptr);
  EXPECT_EQ(symbols.functions(), 0u);
  EXPECT_EQ(symbols.Lookup(0), std::nullopt);
  EXPECT_GT(symbols.bytes(), 0u);
}

}  // namespace
}  // namespace waitscope
