#include "agent/symbols/debuginfod.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "tests/symbols/sample_process.h"

namespace waitscope {
namespace {

using ::testing::ExitedWithCode;
using testing::SamplePath;
using testing::ScratchDirectory;

bool HasLandlock() {
  return syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 1;
}

// From here on capset fails.
void RefuseCapset() {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_capset, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{.len = std::size(filter), .filter = filter};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) _exit(0);
}

// The process that fetches, with a library that creates `file`.
class FetchDebugFileTest : public ::testing::Test {
 protected:
  [[noreturn]] void Fetch(const std::string& file) const {
    const std::string downloads = scratch_.path() + "/download";
    setenv("DEBUGINFOD_CACHE_PATH", downloads.c_str(), 1);
    if (dlopen(SamplePath("made_debuginfod.so").c_str(), RTLD_NOW) == nullptr) _exit(0);
    FetchDebugFile(file);
  }

  const ScratchDirectory scratch_;
  const std::string download_ = scratch_.path() + "/download/file";
  const std::string stray_ = scratch_.path() + "/file";
};

TEST_F(FetchDebugFileTest, CreatesFilesAmongItsDownloads) {
  EXPECT_EXIT(Fetch(download_), ExitedWithCode(0), "");
  EXPECT_TRUE(std::filesystem::exists(download_));
}

TEST_F(FetchDebugFileTest, CreatesNoFileAnywhereElse) {
  if (!HasLandlock()) GTEST_SKIP() << "the kernel has no Landlock";
  EXPECT_EXIT(Fetch(stray_), ExitedWithCode(EACCES), "");
  EXPECT_FALSE(std::filesystem::exists(stray_));
}

TEST_F(FetchDebugFileTest, EndsWhereItCannotGiveUpItsCapabilities) {
  const auto fetch = [this] {
    RefuseCapset();
    Fetch(download_);
  };
  EXPECT_EXIT(fetch(), ExitedWithCode(EPERM), "");
  EXPECT_FALSE(std::filesystem::exists(download_));
}

}  // namespace
}  // namespace waitscope
