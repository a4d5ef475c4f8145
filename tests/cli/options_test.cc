#include "cli/options.h"

#include <gtest/gtest.h>

namespace waitscope::cli {
namespace {

const std::vector<std::string> kFormats = {"text", "json", "svg", "speedscope", "pprof", "folded"};

TEST(Options, TheFilesNameMeansTheFormat) {
  EXPECT_EQ(*ChooseFormat({"", ""}, kFormats), "text");
  EXPECT_EQ(*ChooseFormat({"", "a.svg"}, kFormats), "svg");
  EXPECT_EQ(*ChooseFormat({"", "a.speedscope.json"}, kFormats), "speedscope");
  EXPECT_EQ(*ChooseFormat({"", "a.json"}, kFormats), "json");
  EXPECT_EQ(*ChooseFormat({"", "a.pb.gz"}, kFormats), "pprof");
  EXPECT_EQ(*ChooseFormat({"", "a.out"}, kFormats), "text");
  EXPECT_EQ(*ChooseFormat({"folded", "a.svg"}, kFormats), "folded");
}

TEST(Options, ANameThatMeansAnotherViewsFormatIsRefused) {
  EXPECT_EQ(ChooseFormat({"", "a.svg"}, {"text", "json"}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(Options, TargetsBecomeFlagsAgain) {
  TargetOptions target;
  EXPECT_TRUE(target.IsWholeMachine());
  target.pids = {1, 2};
  target.containers = {"abc"};
  EXPECT_EQ(TargetFlags(target), " --pid 1 --pid 2 --container abc");
  EXPECT_FALSE(target.IsWholeMachine());
}

}  // namespace
}  // namespace waitscope::cli
