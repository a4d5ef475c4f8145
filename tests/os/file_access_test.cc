#include "agent/os/file_access.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "tests/symbols/sample_process.h"

namespace waitscope {
namespace {

using testing::ScratchDirectory;

TEST(FileAccess, OpensRegularFilesOnly) {
  const ScratchDirectory directory;
  const std::string fifo = directory.path() + "/fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_TRUE(OpenFile(directory.Write("plain", "text")).ok());
  EXPECT_FALSE(OpenFile(fifo).ok());
  EXPECT_FALSE(OpenFile("/dev/null").ok());
  EXPECT_FALSE(OpenFile(directory.path()).ok());
  EXPECT_FALSE(OpenFile(directory.path() + "/missing").ok());
}

TEST(FileAccess, LetsNoLinkLeadOutOfARoot) {
  const ScratchDirectory root;
  root.Write("lib/real.so", "inside");
  std::filesystem::create_symlink("/lib/real.so", root.path() + "/lib/link.so");
  std::filesystem::create_symlink("/etc/passwd", root.path() + "/lib/passwd");
  std::filesystem::create_symlink("../../../../etc/passwd", root.path() + "/lib/climb");
  const absl::StatusOr<OpenedFile> inside = OpenFileInRoot(root.path(), "/lib/link.so");
  ASSERT_TRUE(inside.ok()) << inside.status();
  EXPECT_EQ(inside->key.size, 6u);
  EXPECT_FALSE(OpenFileInRoot(root.path(), "/lib/passwd").ok());
  EXPECT_FALSE(OpenFileInRoot(root.path(), "/lib/climb").ok());
}

// A process in a made-up /proc: its mapping leads to `mapped`, its root has `named`.
class OpenMappedTest : public ::testing::Test {
 protected:
  OpenMappedTest() {
    std::filesystem::create_directories(home_ + "/map_files");
    std::filesystem::create_hard_link(mapped_, home_ + "/map_files/7f00-8f00");
  }

  // The size of what is opened: 6 of what is mapped, 5 of what has its name. 0: nothing is.
  uint64_t Opened(const MappedPlace& place, IsTheFile is_the_file) const {
    const absl::StatusOr<OpenedFile> file = OpenMapped(place, host_, is_the_file);
    return file.ok() ? file->key.size : 0;
  }

  static bool IsNamed(const FileKey& /*key*/, FoundBy by) { return by == FoundBy::kName; }
  static bool IsAny(const FileKey& /*key*/, FoundBy /*by*/) { return true; }

  const ScratchDirectory scratch_;
  const std::string home_ = scratch_.path() + "/proc/7";
  const std::string host_ = scratch_.path() + "/host";
  const std::string mapped_ = scratch_.Write("mapped", "mapped");
  const std::string named_ = scratch_.Write("proc/7/root/lib/real.so", "named");
  const std::string ours_ = scratch_.Write("host/lib/real.so", "ours");
  MappedPlace place_{home_, 0x7f00, 0x8f00, "/lib/real.so"};
};

TEST_F(OpenMappedTest, TheVeryFileThatIsMappedComesFirst) { EXPECT_EQ(Opened(place_, IsAny), 6u); }

TEST_F(OpenMappedTest, AFileThatIsNotTheOneIsLookedForByNameAsTheProcessSeesIt) {
  EXPECT_EQ(Opened(place_, IsNamed), 5u);
}

TEST_F(OpenMappedTest, AFileThatTheProcessDoesNotSeeIsLookedForAsWeSeeIt) {
  std::filesystem::remove(named_);
  EXPECT_EQ(Opened(place_, IsNamed), 4u);
}

TEST_F(OpenMappedTest, OfAProcessThatIsGoneTheNameIsLeft) {
  place_.home.clear();
  EXPECT_EQ(Opened(place_, IsAny), 4u);
}

TEST_F(OpenMappedTest, AFileWithoutANameIsOpenedByItsMappingOnly) {
  place_.path.clear();
  EXPECT_EQ(Opened(place_, IsAny), 6u);
  EXPECT_EQ(Opened(place_, IsNamed), 0u);
}

TEST(FileAccess, TellsRewrittenFilesApart) {
  const ScratchDirectory directory;
  const FileKey before = OpenFile(directory.Write("file", "one"))->key;
  const FileKey after = OpenFile(directory.Write("file", "three"))->key;
  EXPECT_EQ(before.inode, after.inode);
  EXPECT_FALSE(before == after);
}

TEST(FileAccess, BearsTimesThatOverflow) {
  const ScratchDirectory directory;
  const std::string path = directory.Write("file", "text");
  const timespec times[2] = {{0, UTIME_NOW}, {INT64_MAX, 999'999'999}};
  ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  EXPECT_TRUE(OpenFile(path).ok());
}

TEST(FileAccess, ReadsAtMostTheBytesAskedFor) {
  const ScratchDirectory directory;
  const std::string path = directory.Write("file", std::string(200'000, 'x'));
  EXPECT_EQ(ReadText(path, 100'000)->size(), 100'000u);
  EXPECT_EQ(ReadText(path, 1'000'000)->size(), 200'000u);
  EXPECT_FALSE(ReadText(directory.path() + "/missing", 10).has_value());
}

}  // namespace
}  // namespace waitscope
