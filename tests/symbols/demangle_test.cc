#include "agent/symbols/demangle.h"

#include <gtest/gtest.h>

#include <string>

namespace waitscope {
namespace {

TEST(Demangle, LeavesPlainNamesAlone) {
  EXPECT_EQ(Demangler().Demangle("do_sys_poll"), "do_sys_poll");
  EXPECT_EQ(Demangler().Demangle(""), "");
  EXPECT_EQ(Demangler().Demangle("_Znonsense"), "_Znonsense");
}

TEST(Demangle, ReadsCppNames) {
  EXPECT_EQ(Demangler().Demangle("_ZN6sample4BetaEPKci"), "sample::Beta(char const*, int)");
  EXPECT_EQ(Demangler().Demangle("_ZN3FooD1Ev"), "Foo::~Foo()");
}

TEST(Demangle, DropsTheHashOfRustNames) {
  EXPECT_EQ(Demangler().Demangle("_ZN4core3fmt9Formatter3pad17h0123456789abcdefE"),
            "core::fmt::Formatter::pad");
  EXPECT_EQ(
      Demangler().Demangle("_ZN60_$LT$alloc..string..String$u20$as$u20$core..fmt..Display$GT$3fmt"
                           "17h0123456789abcdefE"),
      "<alloc::string::String as core::fmt::Display>::fmt");
}

TEST(Demangle, ReadsTheNewerRustScheme) {
  EXPECT_EQ(Demangler().Demangle("_RNvC6_123foo3bar"), "123foo::bar");
}

// Each type names the one before it twice, so the whole text would have 2^60 words.
std::string Bomb() {
  std::string name = "_Z1f1a1bIS_S_E";
  const std::string digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  std::string last = "S1_";
  for (int depth = 2; depth < 36; ++depth) {
    name.append("S0_I").append(last).append(last).append("E");
    last = {'S', digits[static_cast<size_t>(depth)], '_'};
  }
  return name;
}

TEST(Demangle, GivesUpOnNamesThatExplode) {
  Demangler demangler;
  for (int repeat = 0; repeat < 300; ++repeat) EXPECT_EQ(demangler.Demangle(Bomb()), Bomb());
}

TEST(Demangle, LeavesEnormousNamesAlone) {
  const std::string name = "_ZN" + std::string(1 << 20, '1') + "E";
  EXPECT_EQ(Demangler().Demangle(name), name);
}

}  // namespace
}  // namespace waitscope
