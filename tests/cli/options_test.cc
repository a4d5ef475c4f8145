#include "cli/options.h"

#include <gtest/gtest.h>

namespace waitscope::cli {
namespace {

TEST(Options, TargetsBecomeFlagsAgain) {
  TargetOptions target;
  EXPECT_TRUE(target.IsWholeMachine());
  target.pids = {1, 2};
  target.containers = {"abc"};
  EXPECT_EQ(TargetFlags(target), " --pid 1 --pid 2 --container abc");
  EXPECT_FALSE(target.IsWholeMachine());
}

TEST(Options, NamesAreAsLongAsTheKernelKeepsThem) {
  TargetOptions target;
  target.comms = {"gnome-terminal-server", "sh"};
  EXPECT_EQ(ToTarget(target).comms(0), "gnome-terminal-");
  EXPECT_EQ(ToTarget(target).comms(1), "sh");
}

TEST(Options, FlagsAreQuotedForAShell) {
  TargetOptions target;
  target.comms = {"nginx", "pool 1", "it's", "\x1b[2J"};
  EXPECT_EQ(TargetFlags(target), " --comm nginx --comm 'pool 1' --comm 'it'\\''s' --comm '?[2J'");
}

}  // namespace
}  // namespace waitscope::cli
