#include "cli/render/table.h"

#include <gtest/gtest.h>

namespace waitscope::cli {
namespace {

TEST(Table, AlignsAndLeavesNoTrailingSpaces) {
  Table table({{"N"}, {"NAME", Align::kLeft}, {"LAST", Align::kLeft}});
  table.Add({{"1"}, {"a"}, {""}});
  table.Add({{"100"}, {"long name"}, {"x"}});
  EXPECT_EQ(table.Render({}),
            "  N  NAME       LAST\n"
            "  1  a\n"
            "100  long name  x\n");
}

TEST(Table, GapsNarrowFirstThenAColumnThatGivesWay) {
  Table table({{"NAME", Align::kLeft, true}, {"N"}});
  table.Add({{"a name far too long for this line"}, {"12"}});
  EXPECT_EQ(table.Render({.width = 20}),
            "NAME               N\n"
            "a name far too .. 12\n");
}

TEST(Table, ColorDoesNotDisturbTheLiningUp) {
  Table table({{"A"}, {"B"}});
  table.Add({{"1", Hue::kLock}, {"22", Hue::kDisk}});
  EXPECT_EQ(table.Lines(80)[1][1].text, "1");
  EXPECT_EQ(table.Lines(80)[1][1].hue, Hue::kLock);
  EXPECT_EQ(table.Render({.color = true}).find("\x1b[38;5;134m1\x1b[0m") != std::string::npos,
            true);
}

TEST(Table, ShortRowsAreFilledUp) {
  Table table({{"A"}, {"B"}});
  table.Add({{"1"}});
  EXPECT_EQ(table.Render({}), "A  B\n1\n");
}

}  // namespace
}  // namespace waitscope::cli
