#include "agent/os/landlock.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <functional>
#include <string>

#include "tests/symbols/sample_process.h"

namespace waitscope {
namespace {

using testing::ScratchDirectory;

constexpr int kNoLimits = 255;

// What `action` fails with in a process with these limits; 0: it does not.
int ErrorOf(const FileLimits& limits, const std::function<int()>& action) {
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (!LimitFiles(limits)) _exit(kNoLimits);
    _exit(action() < 0 ? errno : 0);
  }
  int status = -1;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

class LimitFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (ErrorOf({}, [] { return 0; }) == kNoLimits) GTEST_SKIP() << "the kernel has no Landlock";
  }

  int ErrorOfOpening(const std::string& path, int flags) const {
    return ErrorOf(limits_, [&] { return open(path.c_str(), flags, 0600); });
  }

  const ScratchDirectory scratch_;
  const std::string inside_ = scratch_.Write("inside/file", "text");
  const std::string outside_ = scratch_.Write("outside/file", "text");
  const std::string listed_ = scratch_.Write("listed", "text");
  const FileLimits limits_{.read = {listed_, scratch_.path() + "/missing"},
                           .write = scratch_.path() + "/inside"};
};

TEST_F(LimitFilesTest, InItsDirectoryAProcessWritesCreatesAndRemoves) {
  EXPECT_EQ(ErrorOfOpening(scratch_.path() + "/inside/new", O_CREAT | O_WRONLY), 0);
  EXPECT_EQ(ErrorOfOpening(inside_, O_RDWR | O_TRUNC), 0);
  const std::string below = scratch_.path() + "/inside/below";
  EXPECT_EQ(ErrorOf(limits_, [&] { return mkdir(below.c_str(), 0700); }), 0);
  EXPECT_EQ(ErrorOf(limits_, [&] { return rmdir(below.c_str()); }), 0);
  EXPECT_EQ(ErrorOf(limits_, [&] { return rename(inside_.c_str(), (inside_ + "2").c_str()); }), 0);
  EXPECT_EQ(ErrorOf(limits_, [&] { return unlink((inside_ + "2").c_str()); }), 0);
}

TEST_F(LimitFilesTest, OutsideOfItAProcessWritesCreatesAndRemovesNothing) {
  EXPECT_EQ(ErrorOfOpening(scratch_.path() + "/outside/new", O_CREAT | O_WRONLY), EACCES);
  EXPECT_EQ(ErrorOfOpening(outside_, O_WRONLY), EACCES);
  EXPECT_EQ(ErrorOf(limits_, [&] { return unlink(outside_.c_str()); }), EACCES);
  EXPECT_NE(ErrorOf(limits_, [&] { return rename(inside_.c_str(), outside_.c_str()); }), 0);
  EXPECT_FALSE(std::filesystem::exists(scratch_.path() + "/outside/new"));
}

TEST_F(LimitFilesTest, WhatIsListedIsReadAndNothingElse) {
  EXPECT_EQ(ErrorOfOpening(listed_, O_RDONLY), 0);
  EXPECT_EQ(ErrorOfOpening(listed_, O_WRONLY), EACCES);
  EXPECT_EQ(ErrorOfOpening(outside_, O_RDONLY), EACCES);
}

TEST_F(LimitFilesTest, ALinkThatIsListedIsReadWhereverItLeads) {
  const std::string link = scratch_.path() + "/link";
  std::filesystem::create_symlink(outside_, link);
  EXPECT_EQ(ErrorOf({.read = {link}, .write = ""},
                    [&] { return open(link.c_str(), O_RDONLY | O_CLOEXEC); }),
            0);
}

TEST_F(LimitFilesTest, NoProgramIsRun) {
  EXPECT_EQ(
      ErrorOf({.read = {"/"}, .write = "/"}, [] { return execl("/bin/true", "true", nullptr); }),
      EACCES);
}

}  // namespace
}  // namespace waitscope
