#include "agent/stack_cache.h"

#include <gtest/gtest.h>

namespace waitscope {
namespace {

// A file's frame, and one that nobody can name; both nameless at first.
class LateSymbolizer : public Symbolizer {
 public:
  Stack Resolve(const RawStack&) override {
    ++resolved;
    Stack stack;
    if (gone) return stack;
    stack.frames.push_back(
        {.file_offset = offset, .symbol = symbol, .module = "program", .build_id = "ab"});
    stack.frames.push_back({.module = "", .build_id = ""});
    return stack;
  }

  int resolved = 0;
  bool gone = false;
  uint64_t arrivals = 0;
  uint64_t offset = 0x100;
  std::string symbol;
};

class StackCacheTest : public ::testing::Test {
 protected:
  std::string Named(StackId id) { return cache_.Resolve({.id = id, .pid = 1}).frames.at(0).symbol; }

  LateSymbolizer symbolizer_;
  StackCache cache_{symbolizer_, 1 << 20, [this] { return symbolizer_.arrivals; }};
};

TEST_F(StackCacheTest, AStackIsNamedOnce) {
  for (int times = 0; times < 3; ++times) EXPECT_EQ(Named(7), "");
  EXPECT_EQ(symbolizer_.resolved, 1);
}

TEST_F(StackCacheTest, AStackWithoutNamesIsNamedOnceMoreWhenFilesCome) {
  Named(7);
  Named(8);
  symbolizer_.arrivals = 1;
  symbolizer_.symbol = "work";
  for (int times = 0; times < 3; ++times) {
    EXPECT_EQ(Named(7), "work");
    EXPECT_EQ(Named(8), "work");
  }
  EXPECT_EQ(symbolizer_.resolved, 4);
}

TEST_F(StackCacheTest, AStackWhoseFileDidNotComeIsNotTriedForEver) {
  Named(7);
  symbolizer_.arrivals = 1;
  for (int times = 0; times < 3; ++times) Named(7);
  EXPECT_EQ(symbolizer_.resolved, 2);
  symbolizer_.arrivals = 2;
  Named(7);
  EXPECT_EQ(symbolizer_.resolved, 3);
}

TEST_F(StackCacheTest, AStackOfAProcessThatIsGoneByThenStaysAsItWas) {
  Named(7);
  symbolizer_.arrivals = 1;
  symbolizer_.gone = true;
  EXPECT_EQ(cache_.Resolve({.id = 7, .pid = 1}).frames.size(), 2u);
}

TEST_F(StackCacheTest, AStackIsNotNamedByALaterProcessOfTheSameNumber) {
  Named(7);
  symbolizer_.arrivals = 1;
  symbolizer_.symbol = "of_another";
  symbolizer_.offset = 0x900;
  EXPECT_EQ(Named(7), "");
  EXPECT_EQ(symbolizer_.resolved, 2);
  EXPECT_EQ(Named(8), "of_another");
}

}  // namespace
}  // namespace waitscope
