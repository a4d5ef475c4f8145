#include "cli/render/diff.h"

#include <gtest/gtest.h>

#include "tests/cli/golden.h"

namespace waitscope::cli {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

DiffSide Monday() {
  return {"monday.wslog",
          {{"api;main;load;read", 2 * kSecond}, {"api;main;gone", kSecond}, {"api;same", kSecond}},
          {{"network", 2 * kSecond}, {"lock", 2 * kSecond}},
          10 * kSecond};
}

DiffSide Tuesday() {
  return {
      "tuesday.wslog",
      {{"api;main;load;read", 12 * kSecond}, {"api;main;new", kSecond}, {"api;same", 2 * kSecond}},
      {{"network", 13 * kSecond}, {"lock", 2 * kSecond}},
      20 * kSecond};
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

TEST(Diff, FoldedHasBothColumns) {
  EXPECT_EQ(RenderDiffFolded({"a", {{"x", 1}, {"y", 2}}, {}, 0}, {"b", {{"y", 3}}, {}, 0}),
            "x 1 0\ny 2 3\n");
}

TEST(Diff, SvgKeepsWhatVanished) {
  const std::string svg = RenderDiffSvg(Monday(), Tuesday());
  ExpectGolden("diff.svg", svg);
  EXPECT_NE(svg.find("gone: 1.0 s -&gt; 0, -1.0 s"), std::string::npos);
}

}  // namespace
}  // namespace waitscope::cli
