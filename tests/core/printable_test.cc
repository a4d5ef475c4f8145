#include "agent/core/printable.h"

#include <gtest/gtest.h>

#include <string>

namespace waitscope {
namespace {

TEST(Printable, LeavesTextAlone) {
  EXPECT_EQ(Printable(""), "");
  EXPECT_EQ(Printable("std::vector<int>::push_back(int&&)"), "std::vector<int>::push_back(int&&)");
  EXPECT_EQ(Printable("größe::Höhe 你好 😀"), "größe::Höhe 你好 😀");
}

TEST(Printable, TakesTheSteeringOutOfNames) {
  EXPECT_EQ(Printable("\x1b[2Jevil\n\x7f"), "?[2Jevil??");
  EXPECT_EQ(Printable("a\u202eb\u009bc"), "a???b??c");
}

TEST(Printable, RepairsWhatIsNotUtf8) {
  EXPECT_EQ(Printable("caf\xe9"), "caf?");
  EXPECT_EQ(Printable("cut \xe4\xbd"), "cut ??");
  EXPECT_EQ(Printable("overlong \xc0\xaf"), "overlong ??");
  EXPECT_EQ(Printable("surrogate \xed\xa0\x80"), "surrogate ???");
  EXPECT_EQ(Printable("beyond \xf4\x90\x80\x80"), "beyond ????");
  EXPECT_EQ(Printable("\x80\xff"), "??");
}

}  // namespace
}  // namespace waitscope
