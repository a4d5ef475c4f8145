#include "agent/python/layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <random>

namespace waitscope {
namespace {

constexpr size_t kWords = kPythonDescriptionBytes / sizeof(uint64_t);
using Words = std::array<uint64_t, kWords>;

// The first words of _PyRuntime in Debian's python3.13 (3.13.5).
constexpr uint64_t kCookie = 0x7970677562656478;  // "xdebugpy"
const Words kThreeThirteen = {kCookie, 0x030d05f0, 0,    283376, 608,  632, 194976, 7272, 7264,
                              7344,    7400,       7656, 7640,   7648, 16,  7752,   0,    7768,
                              7760,    304,        0,    8,      16,   72,  152,    160,  232,
                              32,      80,         8,    0,      56,   72,  70,     208,  112,
                              120,     128,        136,  68,     52,   96,  104,    200};

std::optional<PythonLayout> Described(const Words& words) {
  std::array<uint8_t, kPythonDescriptionBytes> bytes{};
  std::memcpy(bytes.data(), words.data(), sizeof(words));
  return DescribedPythonLayout(bytes);
}

TEST(PythonLayout, OfTwoVersionsIsFixed) {
  for (const uint32_t minor : {11U, 12U}) {
    const auto layout = FixedPythonLayout(minor);
    ASSERT_TRUE(layout);
    EXPECT_EQ(layout->walk.minor, minor);
    EXPECT_LE(layout->walk.thread_bytes, PYTHON_READ_BYTES);
    EXPECT_LE(layout->walk.frame_bytes, PYTHON_READ_BYTES);
  }
  for (const uint32_t minor : {0U, 9U, 10U, 13U, 14U}) EXPECT_FALSE(FixedPythonLayout(minor));
}

TEST(PythonLayout, OfThreeThirteenIsWhatItSaysItself) {
  const auto layout = Described(kThreeThirteen);
  ASSERT_TRUE(layout);
  EXPECT_EQ(layout->walk.minor, 13);
  EXPECT_EQ(layout->walk.interpreters_head, 632U);
  EXPECT_EQ(layout->walk.next_thread, 8);
  EXPECT_EQ(layout->walk.current_frame, 72);
  EXPECT_EQ(layout->walk.cframe_frame, PYTHON_NONE);
  EXPECT_GE(layout->walk.thread_bytes, layout->walk.native_thread_id + 8);
  EXPECT_GE(layout->walk.frame_bytes, layout->walk.owner + 1);
  EXPECT_EQ(layout->filename, 112U);
  EXPECT_EQ(layout->first_line, 68U);
}

TEST(PythonLayout, OfAnotherVersionIsNotTaken) {
  for (const uint64_t version : {0x030c00f0ULL, 0x030e00f0ULL, 0x030f00b4ULL, 0ULL}) {
    Words words = kThreeThirteen;
    words[1] = version;
    EXPECT_FALSE(Described(words)) << version;
  }
}

TEST(PythonLayout, WithoutTheGlobalLockIsNotTaken) {
  Words words = kThreeThirteen;
  words[2] = 1;
  EXPECT_FALSE(Described(words));
}

TEST(PythonLayout, WithoutItsCookieIsNotTaken) {
  Words words = kThreeThirteen;
  words[0] ^= 1;
  EXPECT_FALSE(Described(words));
  EXPECT_FALSE(DescribedPythonLayout({}));
}

TEST(PythonLayout, OfDamagedWordsStaysWithinWhatIsRead) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 4000; ++round) {
    Words words = kThreeThirteen;
    words[3 + random() % (kWords - 3)] = random() >> random() % 64;
    const auto layout = Described(words);
    if (!layout) continue;
    EXPECT_LE(layout->walk.thread_bytes, PYTHON_READ_BYTES);
    EXPECT_LE(layout->walk.frame_bytes, PYTHON_READ_BYTES);
    EXPECT_LE(layout->code_bytes(), 4096U + 8);
  }
}

}  // namespace
}  // namespace waitscope
