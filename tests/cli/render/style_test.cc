#include "cli/render/style.h"

#include <gtest/gtest.h>

#include "cli/render/report.h"

namespace waitscope::cli {
namespace {

TEST(Style, PaintsOnlyWhenAsked) {
  EXPECT_EQ(Paint({.color = false}, Hue::kLock, "x"), "x");
  EXPECT_EQ(Paint({.color = true}, Hue::kPlain, "x"), "x");
  EXPECT_EQ(Paint({.color = true}, Hue::kLock, "x"), "\x1b[38;5;134mx\x1b[0m");
}

TEST(Style, EveryWaitClassHasAHueOfItsKind) {
  EXPECT_EQ(HueOfClass("commit"), HueOfClass("disk"));
  EXPECT_EQ(HueOfClass("preempted"), HueOfClass("woken"));
  EXPECT_NE(HueOfClass("lock"), HueOfClass("network"));
  EXPECT_EQ(HueOfClass("never heard of"), Hue::kOther);
}

TEST(Style, ControlCharactersBecomeQuestionMarks) {
  EXPECT_EQ(Printable("a\x1b[2Jb\n\x7f"), "a?[2Jb??");
  EXPECT_EQ(Printable("na\xc3\xafve"), "na\xc3\xafve");
  EXPECT_EQ(Printable("\xc2\x9b"
                      "31mC1"),
            "??31mC1");
}

TEST(Style, WidthCountsCharactersAndCutsBetweenThem) {
  EXPECT_EQ(DisplayWidth("na\xc3\xafve"), 5);
  EXPECT_EQ(Truncated("na\xc3\xafve text", 5), "na\xc3\xaf..");
  EXPECT_EQ(Truncated("short", 5), "short");
  EXPECT_EQ(Truncated("longer", 1), ".");
}

TEST(Style, WrapsAtSpacesAndKeepsLeadingOnes) {
  EXPECT_EQ(Wrapped({.width = 10}, " aaa bbb ccc", 2), " aaa bbb\n  ccc");
}

}  // namespace
}  // namespace waitscope::cli
