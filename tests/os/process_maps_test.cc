#include "agent/os/process_maps.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace waitscope {
namespace {

TEST(ProcessMaps, KeepsExecutableMappingsOnly) {
  const ParsedMaps maps = ParseMaps(
      "55d0-55e0 r--p 00000000 fe:00 247134                     /usr/bin/cat\n"
      "55e0-55f0 r-xp 00001000 fe:00 247134                     /usr/bin/cat\n"
      "7ff0-7ff1 r-xp 00000000 00:00 0                          [vdso]\n",
      100);
  ASSERT_EQ(maps.executable.size(), 2u);
  const Mapping expected{.start = 0x55e0,
                         .end = 0x55f0,
                         .offset = 0x1000,
                         .device = 0xfeULL << 32,
                         .inode = 247134,
                         .deleted = false,
                         .path = "/usr/bin/cat"};
  EXPECT_EQ(maps.executable[0], expected);
  EXPECT_EQ(maps.executable[1].path, "[vdso]");
  EXPECT_EQ(maps.malformed_lines, 0u);
}

TEST(ProcessMaps, FilesOfADeviceAreFoundExecutableOrNot) {
  const std::vector<AddressRange> ranges = RangesOn(
      "1000-2000 r--p 00000000 fe:00 247134                     /usr/bin/cat\n"
      "2000-3000 r-xp 00001000 fe:00 247134                     /usr/bin/cat\n"
      "3000-4000 rw-p 00000000 fe:01 12                         /srv/a\n"
      "4000-5000 rw-p 00000000 00:00 0 \n"
      "what is this\n",
      {0, 0xfeULL << 32});
  const std::vector<AddressRange> expected = {{.start = 0x1000, .end = 0x2000},
                                              {.start = 0x2000, .end = 0x3000}};
  EXPECT_EQ(ranges, expected);
}

Mapping ParseOne(const std::string& path) {
  const ParsedMaps maps = ParseMaps("1000-2000 r-xp 00000000 08:01 77 " + path + "\n", 1);
  return maps.executable.empty() ? Mapping() : maps.executable[0];
}

TEST(ProcessMaps, KnowsDeletedFiles) {
  EXPECT_TRUE(ParseOne("       /tmp/a b (deleted)").deleted);
  EXPECT_EQ(ParseOne("       /tmp/a b (deleted)").path, "/tmp/a b");
  EXPECT_FALSE(ParseOne("/tmp/a").deleted);
}

TEST(ProcessMaps, UndoesTheKernelsEscapes) {
  EXPECT_EQ(ParseOne("/tmp/new\\012line").path, "/tmp/new\nline");
  EXPECT_EQ(ParseOne("/tmp/back\\slash").path, "/tmp/back\\slash");
  EXPECT_EQ(ParseOne("/tmp/end\\01").path, "/tmp/end\\01");
}

TEST(ProcessMaps, AcceptsMappingsWithoutName) {
  EXPECT_EQ(ParseMaps("1000-2000 rwxp 00000000 00:00 0\n", 1).executable.size(), 1u);
  EXPECT_EQ(ParseMaps("1000-2000 rwxp 00000000 00:00 0 ", 1).executable.size(), 1u);
}

TEST(ProcessMaps, CountsWhatItCannotRead) {
  const ParsedMaps maps = ParseMaps(
      "garbage\n"
      "2000-1000 r-xp 00000000 00:00 0\n"
      "1000-2000 r-xp 00000000 00:00\n"
      "1000-2000 r-xp 00000000 00:00 12x\n"
      "1000-2000 r-x\n"
      "11111111111111111-2 r-xp 00000000 00:00 0\n",
      10);
  EXPECT_EQ(maps.malformed_lines, 6u);
  EXPECT_TRUE(maps.executable.empty());
}

TEST(ProcessMaps, StopsAtTheLimitAndSaysSo) {
  std::string text;
  for (int line = 0; line < 10; ++line) text += "1000-2000 r-xp 00000000 00:00 0 /a\n";
  const ParsedMaps maps = ParseMaps(text, 4);
  EXPECT_EQ(maps.executable.size(), 4u);
  EXPECT_EQ(maps.dropped, 6u);
}

TEST(ProcessMaps, SurvivesAnyText) {
  const std::string valid = "55e0-55f0 r-xp 00001000 fe:00 247134   /usr/bin/c\\012at (deleted)\n";
  std::mt19937 random(1);
  for (int round = 0; round < 20'000; ++round) {
    std::string text = valid + valid;
    for (int change = 0; change < 4; ++change) {
      text[random() % text.size()] = static_cast<char>(random());
    }
    text.resize(random() % (text.size() + 1));
    EXPECT_LE(ParseMaps(text, 8).executable.size(), 8u);
  }
}

}  // namespace
}  // namespace waitscope
