#include "cli/render/svg.h"

#include <gtest/gtest.h>

namespace waitscope::cli {
namespace {

TEST(Svg, EscapesWhatXmlReserves) {
  EXPECT_EQ(XmlText("a<b> & \"c\""), "a&lt;b&gt; &amp; &quot;c&quot;");
}

TEST(Svg, DropsWhatXmlCannotCarry) {
  EXPECT_EQ(XmlText("a\x01\x1b\n"), "a???");
  EXPECT_EQ(XmlText("\xc3\xa9"), "\xc3\xa9");
  EXPECT_EQ(XmlText("\xc3"), "?");
  EXPECT_EQ(XmlText("\xff\xfe"), "??");
  EXPECT_EQ(XmlText("\xe2\x82(x"),
            "?"
            "?(x");
}

TEST(Svg, MixesColorsWithWhite) {
  EXPECT_EQ(Lightened("#000000", 0.5), "#7f7f7f");
  EXPECT_EQ(Lightened("#ff8000", 0), "#ff8000");
  EXPECT_EQ(Lightened("#123456", 1), "#ffffff");
}

}  // namespace
}  // namespace waitscope::cli
