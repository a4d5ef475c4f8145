#include "agent/python/code_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/python/made_memory.h"

namespace waitscope {
namespace {

class CodeCaching : public testing::Test {
 protected:
  uint64_t MakeCode(std::u32string_view name) {
    return memory_.Code(memory_.Text(name), memory_.Text(U"a.py"), 1, 0);
  }
  std::string NameAt(uint64_t at, CodeCache::Life life, bool live = true) {
    const CodeObject* const code = cache_.Find(life, at, live ? &layout_ : nullptr, read_);
    return code == nullptr ? "" : code->qualified_name;
  }

  const PythonLayout layout_ = *FixedPythonLayout(11);
  MadeMemory memory_{layout_};
  const ReadMemory read_ = memory_.reader();
  CodeCache cache_{1 << 20};
};

TEST_F(CodeCaching, NamesOutliveTheirProcess) {
  const uint64_t at = MakeCode(U"handle");
  EXPECT_EQ(NameAt(at, {7, 100}), "handle");
  EXPECT_EQ(NameAt(at, {7, 100}, /*live=*/false), "handle");
  EXPECT_EQ(NameAt(at, {7, 200}, /*live=*/false), "") << "of another life of the process id";
  EXPECT_EQ(NameAt(at, {8, 100}, /*live=*/false), "");
}

TEST_F(CodeCaching, AnotherCodeObjectAtTheSameAddressIsReadAnew) {
  const uint64_t at = MakeCode(U"handle");
  EXPECT_EQ(NameAt(at, {7, 100}), "handle");
  memory_.Set<uint64_t>(at + layout_.qualified_name, memory_.Text(U"answer"));
  EXPECT_EQ(NameAt(at, {7, 100}), "answer");
  EXPECT_EQ(NameAt(at, {7, 100}, /*live=*/false), "answer");
}

TEST_F(CodeCaching, WhatIsNoCodeObjectAnyMoreHasNoName) {
  const uint64_t at = MakeCode(U"handle");
  EXPECT_EQ(NameAt(at, {7, 100}), "handle");
  memory_.Set<uint64_t>(at + layout_.qualified_name, 0);
  EXPECT_EQ(NameAt(at, {7, 100}), "");
}

TEST_F(CodeCaching, TheLeastRecentlyUsedIsForgottenFirst) {
  CodeCache small(1500);
  std::vector<uint64_t> codes(20);
  for (uint64_t& code : codes) code = MakeCode(U"handle");
  for (const uint64_t at : codes) {
    small.Find({7, 100}, at, &layout_, read_);
    small.Find({7, 100}, codes.front(), &layout_, read_);
    EXPECT_LE(small.bytes(), 1500U);
  }
  EXPECT_NE(small.Find({7, 100}, codes.front(), nullptr, read_), nullptr);
  EXPECT_EQ(small.Find({7, 100}, codes[1], nullptr, read_), nullptr);
}

}  // namespace
}  // namespace waitscope
