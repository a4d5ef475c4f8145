#include "cli/output_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>

namespace waitscope::cli {
namespace {

namespace fs = std::filesystem;

class OutputFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string path = fs::temp_directory_path() / "waitscope-output-XXXXXX";
    ASSERT_NE(mkdtemp(path.data()), nullptr);
    directory_ = path;
  }
  void TearDown() override { fs::remove_all(directory_); }

  size_t FilesLeft() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(directory_), {}));
  }

  fs::path directory_;
};

TEST_F(OutputFileTest, AppearsOnlyWhenFinished) {
  absl::StatusOr<OutputFile> file = OutputFile::Create(directory_ / "a");
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE(file->Write("half ").ok());
  EXPECT_FALSE(fs::exists(directory_ / "a"));
  ASSERT_TRUE(file->Write("whole").ok());
  ASSERT_TRUE(file->Finish().ok());
  EXPECT_EQ(*ReadFile(directory_ / "a"), "half whole");
  EXPECT_EQ(FilesLeft(), 1U);
}

TEST_F(OutputFileTest, LeavesNothingWhenGivenUp) {
  {
    absl::StatusOr<OutputFile> file = OutputFile::Create(directory_ / "a");
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE(file->Write("half").ok());
  }
  EXPECT_EQ(FilesLeft(), 0U);
}

TEST_F(OutputFileTest, KeepsTheOldFileUntilTheNewOneIsWhole) {
  ASSERT_TRUE(WriteOutput(directory_ / "a", "old").ok());
  {
    absl::StatusOr<OutputFile> file = OutputFile::Create(directory_ / "a");
    ASSERT_TRUE(file->Write("new").ok());
  }
  EXPECT_EQ(*ReadFile(directory_ / "a"), "old");
}

TEST_F(OutputFileTest, HasTheModeTheUmaskGives) {
  const mode_t old = umask(027);
  ASSERT_TRUE(WriteOutput(directory_ / "a", "x").ok());
  umask(old);
  struct stat info;
  ASSERT_EQ(stat((directory_ / "a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640U);
}

TEST_F(OutputFileTest, AMissingFolderIsNamed) {
  const absl::Status status = WriteOutput(directory_ / "no" / "such", "x");
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("make its folder first"));
}

TEST_F(OutputFileTest, AFullDeviceIsAnError) {
  const absl::Status status = WriteOutput("/dev/full", "x");
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("No space left"));
}

TEST_F(OutputFileTest, DevicesAreWrittenNotReplaced) {
  ASSERT_TRUE(WriteOutput("/dev/null", "x").ok());
  struct stat info;
  ASSERT_EQ(stat("/dev/null", &info), 0);
  EXPECT_TRUE(S_ISCHR(info.st_mode));
}

TEST_F(OutputFileTest, ReadingWhatIsNotThereIsABadFile) {
  EXPECT_EQ(ReadFile(directory_ / "missing").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ReadFile(directory_).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace waitscope::cli
