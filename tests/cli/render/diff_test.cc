#include "cli/render/diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/golden.h"

namespace waitscope::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr uint64_t kSecond = 1'000'000'000;

DiffSide Monday() {
  return {.name = "monday.wslog",
          .stacks = {{"api;main;load;read", 2 * kSecond},
                     {"api;main;gone", kSecond},
                     {"api;same", kSecond}},
          .ns_by_class = {{"network", 2 * kSecond}, {"lock", 2 * kSecond}},
          .duration_ns = 10 * kSecond,
          .host = "web-17"};
}

DiffSide Tuesday() {
  return {.name = "tuesday.wslog",
          .stacks = {{"api;main;load;read", 12 * kSecond},
                     {"api;main;new", kSecond},
                     {"api;same", 2 * kSecond}},
          .ns_by_class = {{"network", 13 * kSecond}, {"lock", 2 * kSecond}},
          .duration_ns = 20 * kSecond,
          .host = "web-17"};
}

TEST(Diff, TimesAreScaledToTheFirstsDuration) {
  DiffSide after = Tuesday();
  ScaleToFirst(Monday(), &after);
  EXPECT_EQ(after.stacks.at("api;main;load;read"), 6 * kSecond);
  EXPECT_EQ(after.ns_by_class.at("lock"), kSecond);
}

TEST(Diff, NothingIsScaledWhenADurationIsUnknown) {
  DiffSide before = Monday();
  before.duration_ns = 0;
  DiffSide after = Tuesday();
  ScaleToFirst(before, &after);
  EXPECT_EQ(after.stacks, Tuesday().stacks);
}

TEST(Diff, TextRanksByWhatChangedMost) {
  DiffSide after = Tuesday();
  ScaleToFirst(Monday(), &after);
  ExpectGolden("diff.txt", RenderDiffText(Monday(), after, {.width = 80}));
}

TEST(Diff, ClassesThatOneSideDoesNotKnowAreNotGone) {
  DiffSide folded{.name = "b.folded", .stacks = Tuesday().stacks};
  const std::string text = RenderDiffText(Monday(), folded, {.width = 80});
  EXPECT_THAT(text, Not(HasSubstr("CLASS")));
  EXPECT_THAT(text, HasSubstr("times are compared as they are"));
}

TEST(Diff, SaysWhatMakesThemHardToCompare) {
  DiffSide after = Tuesday();
  after.host = "db\x1b-2";
  after.lost = "LOST: 12 ring-full";
  const std::string text = RenderDiffText(Monday(), after, {.width = 80});
  EXPECT_THAT(text, HasSubstr("\nof two machines: web-17 and db?-2\n"));
  EXPECT_THAT(text, HasSubstr("\ntuesday.wslog: LOST: 12 ring-full\n"));
}

TEST(Diff, FoldedHasBothColumns) {
  EXPECT_EQ(RenderDiffFolded({.name = "a", .stacks = {{"x", 1}, {"y", 2}}},
                             {.name = "b", .stacks = {{"y", 3}}}),
            "x 1 0\ny 2 3\n");
}

TEST(Diff, SvgKeepsWhatVanished) {
  const std::string svg = RenderDiffSvg(Monday(), Tuesday());
  ExpectGolden("diff.svg", svg);
  EXPECT_NE(svg.find("gone: 1.0 s -&gt; 0, -1.0 s"), std::string::npos);
}

}  // namespace
}  // namespace waitscope::cli
