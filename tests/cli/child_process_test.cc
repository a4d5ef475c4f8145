#include "cli/child_process.h"

#include <errno.h>
#include <gtest/gtest.h>

namespace waitscope::cli {
namespace {

Interrupts* TheInterrupts() {
  static Interrupts interrupts;
  return &interrupts;
}

int RunToEnd(const std::vector<std::string>& command) {
  absl::StatusOr<ChildProcess> child = ChildProcess::Start(command);
  EXPECT_TRUE(child.ok()) << child.status();
  EXPECT_EQ(child->exec_error(), 0);
  return child->Wait(TheInterrupts());
}

TEST(ChildProcess, PassesTheExitCodeOn) {
  EXPECT_EQ(RunToEnd({"true"}), 0);
  EXPECT_EQ(RunToEnd({"sh", "-c", "exit 7"}), 7);
  EXPECT_EQ(RunToEnd({"sh", "-c", "kill -9 $$"}), 137);
}

TEST(ChildProcess, ACommandThatIsNotThereIsTold) {
  absl::StatusOr<ChildProcess> missing = ChildProcess::Start({"/nowhere/command"});
  EXPECT_EQ(missing->exec_error(), ENOENT);
  absl::StatusOr<ChildProcess> not_executable = ChildProcess::Start({"/etc/passwd"});
  EXPECT_EQ(not_executable->exec_error(), EACCES);
}

TEST(ChildProcess, SignalsSentToUsReachIt) {
  TheInterrupts();
  absl::StatusOr<ChildProcess> child = ChildProcess::Start(
      {"sh", "-c", "trap 'exit 3' TERM; kill -TERM $PPID; while :; do sleep 0.05; done"});
  ASSERT_TRUE(child.ok());
  EXPECT_EQ(child->Wait(TheInterrupts()), 3);
  EXPECT_TRUE(TheInterrupts()->Pending());
  TheInterrupts()->Forget();
}

}  // namespace
}  // namespace waitscope::cli
