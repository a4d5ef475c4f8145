#include "agent/python/code_object.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/python/made_memory.h"

namespace waitscope {
namespace {

// An entry for two units of two bytes on the next line, and one for two more three lines down.
const std::vector<uint8_t> kTwoLines = {0x80 | 11 << 3 | 1, 0, 0, 0x80 | 13 << 3 | 1, 6};

class CodeObjects : public testing::TestWithParam<uint32_t> {
 protected:
  PythonLayout layout_ = *FixedPythonLayout(GetParam());
  MadeMemory memory_{layout_};
};
INSTANTIATE_TEST_SUITE_P(Versions, CodeObjects, testing::Values(11, 12));

TEST_P(CodeObjects, HaveNameFileAndLines) {
  const uint64_t at = memory_.Code(memory_.Text(U"Server.handle"), memory_.Text(U"/srv/server.py"),
                                   40, memory_.Bytes(kTwoLines));
  const auto code = ReadCodeObject(layout_, at, memory_.reader());
  ASSERT_TRUE(code);
  EXPECT_EQ(code->qualified_name, "Server.handle");
  EXPECT_EQ(code->filename, "/srv/server.py");
  EXPECT_EQ(code->LineOf(layout_.instructions), 41U);
  EXPECT_EQ(code->LineOf(layout_.instructions + 5), 44U);
  EXPECT_EQ(code->LineOf(layout_.instructions - 2), 40U) << "not begun yet";
  EXPECT_EQ(code->LineOf(layout_.instructions + 80), 40U) << "behind the table";
}

TEST_P(CodeObjects, NamesMayBeInAnyScript) {
  const auto read = [&](std::u32string_view text) {
    return ReadPythonText(layout_, memory_.Text(text), 100, memory_.reader()).value_or("?");
  };
  EXPECT_EQ(read(U"größe"), "größe");
  EXPECT_EQ(read(U"число"), "число");
  EXPECT_EQ(read(U"\U00020000"), "\U00020000");
  EXPECT_EQ(read(U""), "");
}

TEST_P(CodeObjects, ALongNameIsCut) {
  const uint64_t at = memory_.Text(std::u32string(10'000, U'x'));
  EXPECT_EQ(ReadPythonText(layout_, at, 512, memory_.reader()), std::string(512, 'x'));
}

TEST_P(CodeObjects, WithoutALineTableAllIsOnTheFirstLine) {
  const uint64_t at =
      memory_.Code(memory_.Text(U"handle"), memory_.Text(U"a.py"), 7, /*line_table=*/16);
  const auto code = ReadCodeObject(layout_, at, memory_.reader());
  ASSERT_TRUE(code);
  EXPECT_EQ(code->LineOf(layout_.instructions + 10), 7U);
}

TEST_P(CodeObjects, WhatIsNoneIsRefused) {
  const uint64_t text = memory_.Text(U"handle");
  const auto read = memory_.reader();
  EXPECT_FALSE(ReadCodeObject(layout_, 0, read));
  EXPECT_FALSE(ReadCodeObject(layout_, 16, read)) << "not mapped";
  EXPECT_FALSE(ReadCodeObject(layout_, memory_.Code(0, text, 1, 0), read));
  EXPECT_FALSE(ReadCodeObject(layout_, memory_.Code(text, 0xdeadbeef, 1, 0), read));
  EXPECT_FALSE(ReadCodeObject(layout_, memory_.Code(memory_.Text(U""), text, 1, 0), read));
  const uint64_t damaged = memory_.Text(U"handle");
  memory_.At(damaged + 32) = 0x3f;  // a kind of no character
  EXPECT_FALSE(ReadCodeObject(layout_, memory_.Code(damaged, text, 1, 0), read));
}

// Whatever the memory holds, what is read and kept of it is little.
TEST_P(CodeObjects, GarbageIsBounded) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 2000; ++round) {
    MadeMemory memory(layout_);
    const uint64_t at =
        memory.Code(memory.Text(U"handle"), memory.Text(U"a.py"), 7, memory.Bytes(kTwoLines));
    for (int flips = 0; flips < 8; ++flips) {
      memory.At(MadeMemory::kBegin + random() % memory.size()) = static_cast<uint8_t>(random());
    }
    uint64_t most = 0;
    const ReadMemory read = [&](uint64_t address, std::span<uint8_t> into) {
      most = std::max<uint64_t>(most, into.size());
      return memory.Read(address, into);
    };
    const auto code = ReadCodeObject(layout_, at, read);
    EXPECT_LE(most, 64U << 10);
    if (code) {
      EXPECT_LE(code->qualified_name.size(), 4U * 512);
    }
  }
}

}  // namespace
}  // namespace waitscope
