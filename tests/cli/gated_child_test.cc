#include "cli/gated_child.h"

#include <errno.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace waitscope::cli {
namespace {

Interrupts* TheInterrupts() {
  static Interrupts interrupts;
  return &interrupts;
}

int RunToEnd(const std::vector<std::string>& command) {
  absl::StatusOr<GatedChild> child = GatedChild::Start(command);
  EXPECT_TRUE(child.ok()) << child.status();
  EXPECT_EQ(child->Release(), 0);
  return child->Wait(TheInterrupts());
}

TEST(GatedChild, PassesTheExitCodeOn) {
  EXPECT_EQ(RunToEnd({"true"}), 0);
  EXPECT_EQ(RunToEnd({"sh", "-c", "exit 7"}), 7);
  EXPECT_EQ(RunToEnd({"sh", "-c", "kill -9 $$"}), 137);
}

TEST(GatedChild, DoesNothingBeforeItsRelease) {
  std::string path = std::filesystem::temp_directory_path() / "waitscope-gate-XXXXXX";
  const int fd = mkstemp(path.data());
  ASSERT_GE(fd, 0);
  close(fd);
  {
    absl::StatusOr<GatedChild> child = GatedChild::Start({"sh", "-c", "echo ran > " + path});
    ASSERT_TRUE(child.ok());
    usleep(100'000);
    EXPECT_EQ(std::filesystem::file_size(path), 0U);
    EXPECT_EQ(child->Release(), 0);
    EXPECT_EQ(child->Wait(TheInterrupts()), 0);
  }
  EXPECT_GT(std::filesystem::file_size(path), 0U);
  std::filesystem::remove(path);
}

TEST(GatedChild, NeverReleasedItNeverRuns) {
  absl::StatusOr<GatedChild> child = GatedChild::Start({"sh", "-c", "kill -9 $PPID"});
  ASSERT_TRUE(child.ok());
}

TEST(GatedChild, ACommandThatIsNotThereIsTold) {
  absl::StatusOr<GatedChild> missing = GatedChild::Start({"/nowhere/command"});
  EXPECT_EQ(missing->Release(), ENOENT);
  absl::StatusOr<GatedChild> not_executable = GatedChild::Start({"/etc/passwd"});
  EXPECT_EQ(not_executable->Release(), EACCES);
}

TEST(GatedChild, SignalsSentToUsReachIt) {
  TheInterrupts();
  absl::StatusOr<GatedChild> child = GatedChild::Start(
      {"sh", "-c", "trap 'exit 3' TERM; kill -TERM $PPID; while :; do sleep 0.05; done"});
  ASSERT_TRUE(child.ok());
  EXPECT_EQ(child->Release(), 0);
  EXPECT_EQ(child->Wait(TheInterrupts()), 3);
  EXPECT_TRUE(TheInterrupts()->Pending());
  TheInterrupts()->Forget();
}

}  // namespace
}  // namespace waitscope::cli
