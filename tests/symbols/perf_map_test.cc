#include "agent/symbols/perf_map.h"

#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <string>

#include "tests/symbols/sample_process.h"

namespace waitscope {
namespace {

TEST(PerfMap, FindsTheCodeAroundAnAddress) {
  PerfMap map;
  map.Append("1000 20 LazyCompile:~main /app/index.js:1\n0x2000 0x10 Interpreter\n");
  EXPECT_EQ(map.Lookup(0x1000), "LazyCompile:~main /app/index.js:1");
  EXPECT_EQ(map.Lookup(0x101f), "LazyCompile:~main /app/index.js:1");
  EXPECT_EQ(map.Lookup(0x1020), "");
  EXPECT_EQ(map.Lookup(0x200f), "Interpreter");
  EXPECT_EQ(map.Lookup(0), "");
}

TEST(PerfMap, WaitsForTheRestOfALine) {
  PerfMap map;
  map.Append("1000 20 fi");
  EXPECT_EQ(map.Lookup(0x1000), "");
  map.Append("rst\n2000 20 second");
  EXPECT_EQ(map.Lookup(0x1000), "first");
  map.Append("\n");
  EXPECT_EQ(map.Lookup(0x2000), "second");
}

TEST(PerfMap, LetsNewCodeReplaceOld) {
  PerfMap map;
  map.Append("1000 100 old_a\n1100 100 old_b\n1300 10 kept\n");
  map.Append("1080 100 new\n");
  EXPECT_EQ(map.Lookup(0x1010), "");
  EXPECT_EQ(map.Lookup(0x1090), "new");
  EXPECT_EQ(map.Lookup(0x1190), "");
  EXPECT_EQ(map.Lookup(0x1300), "kept");
  EXPECT_EQ(map.size(), 2u);
}

TEST(PerfMap, SkipsLinesThatMakeNoSense) {
  PerfMap map;
  map.Append("\nhello\n10 zz x\n10 0 empty\n10 10\nffffffffffffffff 10 wraps\n10 10 \n");
  EXPECT_EQ(map.size(), 0u);
}

TEST(PerfMap, StaysWithinItsBytes) {
  PerfMap map(10'000);
  for (int line = 0; line < 1000; ++line) {
    map.Append(std::to_string(100'000 + line * 10) + " 5 function\n");
  }
  EXPECT_LE(map.bytes(), 10'000u);
  EXPECT_GT(map.size(), 100u);
  EXPECT_EQ(map.dropped() + map.size(), 1000u);
}

TEST(PerfMap, ForgetsNothingOfItsBytesWhenCodeIsReplaced) {
  PerfMap map(10'000);
  for (int line = 0; line < 10'000; ++line) map.Append("1000 20 function\n");
  EXPECT_EQ(map.size(), 1u);
  EXPECT_EQ(map.dropped(), 0u);
}

TEST(PerfMap, ReadsOnlyWhatTheFileGained) {
  const testing::ScratchDirectory directory;
  const std::string path = directory.Write("perf-1.map", "1000 20 first\n2000 20 sec");
  PerfMap map;
  map.Refresh(*OpenFile(path));
  EXPECT_EQ(map.Lookup(0x1000), "first");
  EXPECT_EQ(map.Lookup(0x2000), "");
  std::ofstream(path, std::ios::app) << "ond\n3000 20 third\n";
  map.Refresh(*OpenFile(path));
  EXPECT_EQ(map.Lookup(0x1000), "first");
  EXPECT_EQ(map.Lookup(0x2000), "second");
  EXPECT_EQ(map.Lookup(0x3000), "third");
}

TEST(PerfMap, StartsAgainWhenTheFileBecameShorter) {
  const testing::ScratchDirectory directory;
  PerfMap map;
  map.Refresh(*OpenFile(directory.Write("perf-1.map", "1000 20 first\n2000 20 second\n")));
  map.Refresh(*OpenFile(directory.Write("perf-1.map", "5000 20 new\n")));
  EXPECT_EQ(map.Lookup(0x1000), "");
  EXPECT_EQ(map.Lookup(0x5000), "new");
}

TEST(PerfMap, SurvivesAnyText) {
  std::mt19937 random(1);
  const std::string alphabet = "0123456789abcdefx \nname";
  PerfMap map(50'000);
  for (int round = 0; round < 20'000; ++round) {
    std::string text(random() % 64, ' ');
    for (char& letter : text) letter = alphabet[random() % alphabet.size()];
    map.Append(text);
  }
  EXPECT_LE(map.bytes(), 50'000u);
}

}  // namespace
}  // namespace waitscope
