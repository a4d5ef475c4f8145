#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "cli/render/flame_layout.h"
#include "cli/render/flame_svg.h"
#include "cli/render/speedscope.h"
#include "tests/cli/golden.h"
#include "tests/cli/samples.h"

namespace waitscope::cli {
namespace {

WeightedStack StackOf(const std::vector<std::string>& names, const std::string& wait_class,
                      uint64_t ns) {
  WeightedStack stack;
  for (const std::string& name : names) stack.frames.push_back({name, FrameKind::kUser});
  stack.wait_class = wait_class;
  stack.ns = ns;
  stack.count = 1;
  return stack;
}

TEST(Flame, DrawsTheSampleProfile) {
  ExpectGolden("off-cpu.svg", RenderFlameSvg(SampleProfile(), {}));
}

TEST(Flame, AnEmptyProfileIsStillAPicture) {
  v1::ProfileResponse profile;
  profile.set_kind("lock");
  const std::string svg = RenderFlameSvg(profile, {});
  EXPECT_NE(svg.find("</svg>"), std::string::npos);
}

TEST(Flame, MergesEqualFramesAndKeepsTheirClassesApart) {
  const auto root = MergeStacks({StackOf({"a", "b"}, "lock", 30), StackOf({"a", "c"}, "disk", 50),
                                 StackOf({"a", "b"}, "disk", 10)},
                                "all");
  ASSERT_EQ(root->children.size(), 1U);
  const FlameNode& a = *root->children.begin()->second;
  EXPECT_EQ(a.ns, 90U);
  EXPECT_EQ(a.children.size(), 2U);
  EXPECT_EQ(a.MainClass(), "disk");
}

TEST(Flame, ChildrenStandInsideTheirParents) {
  const auto root =
      MergeStacks({StackOf({"a"}, "lock", 25), StackOf({"b", "c"}, "disk", 75)}, "all");
  const FlameLayout layout = LayOut(*root, 0);
  ASSERT_EQ(layout.boxes.size(), 4U);
  EXPECT_EQ(layout.depth, 2);
  EXPECT_DOUBLE_EQ(layout.boxes[2].left, 0.25);
  EXPECT_DOUBLE_EQ(layout.boxes[3].width, 0.75);
}

TEST(Flame, WhatIsTooNarrowIsCounted) {
  const auto root =
      MergeStacks({StackOf({"a"}, "lock", 999'999), StackOf({"b", "c"}, "disk", 1)}, "all");
  const FlameLayout layout = LayOut(*root, 1e-4);
  EXPECT_EQ(layout.boxes.size(), 2U);
  EXPECT_EQ(layout.hidden, 2U);
}

TEST(Speedscope, IsOneSampledProfileWhoseWeightsAddUp) {
  const auto document = nlohmann::json::parse(RenderSpeedscope(SampleProfile(), {}));
  const auto& profile = document["profiles"][0];
  EXPECT_EQ(profile["unit"], "nanoseconds");
  ASSERT_EQ(profile["samples"].size(), profile["weights"].size());
  uint64_t sum = 0;
  for (const auto& weight : profile["weights"]) sum += weight.get<uint64_t>();
  EXPECT_EQ(sum, profile["endValue"].get<uint64_t>());
  EXPECT_EQ(document["shared"]["frames"][profile["samples"][0][0].get<size_t>()]["name"],
            "orders-api");
}

TEST(Speedscope, SurvivesBrokenUtf8) {
  v1::ProfileResponse profile = SampleProfile();
  profile.mutable_frames(0)->set_symbol("bad\xff");
  EXPECT_TRUE(nlohmann::json::accept(RenderSpeedscope(profile, {Prefix::kNone})));
}

}  // namespace
}  // namespace waitscope::cli
