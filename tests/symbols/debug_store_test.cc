#include "agent/symbols/debug_store.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/symbols/sample_process.h"

namespace waitscope {
namespace {

namespace fs = std::filesystem;
using testing::SamplePath;
using testing::ScratchDirectory;

constexpr char kBuildId[] = "abcdef0123456789abcdef0123456789abcdef01";

// As it came from a server: a file of our own.
std::string Came(const ScratchDirectory& scratch) {
  std::string file = scratch.path() + "/came";
  fs::copy_file(SamplePath("debug/.build-id/ab/cdef0123456789abcdef0123456789abcdef01.debug"), file,
                fs::copy_options::overwrite_existing);
  return file;
}

size_t FilesBelow(const std::string& directory) {
  size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    files += entry.is_regular_file();
  }
  return files;
}

TEST(DebugStore, KeepsADebugFileWhereDebuggersLook) {
  const ScratchDirectory scratch;
  const DebugStore store = *DebugStore::Open(scratch.path() + "/a/store", 64 << 20);
  const std::string file = Came(scratch);
  const uint64_t bytes = fs::file_size(file);
  EXPECT_EQ(*store.Keep(file, kBuildId), bytes);
  EXPECT_TRUE(
      fs::exists(store.directory() + "/.build-id/ab/cdef0123456789abcdef0123456789abcdef01.debug"));
  EXPECT_FALSE(fs::exists(file));
}

TEST(DebugStore, KeepsNothingThatIsNotTheDebugFileAskedFor) {
  const ScratchDirectory scratch;
  const DebugStore store = *DebugStore::Open(scratch.path() + "/store", 64 << 20);
  EXPECT_FALSE(store.Keep(Came(scratch), std::string(40, 'a')).ok());
  EXPECT_FALSE(store.Keep(scratch.Write("text", "<html>login</html>"), kBuildId).ok());
  EXPECT_FALSE(store.Keep(scratch.Write("cut", std::string("\177ELF\2\1\1", 7)), kBuildId).ok());
  EXPECT_FALSE(store.Keep(scratch.path() + "/nowhere", kBuildId).ok());
  EXPECT_EQ(FilesBelow(store.directory()), 0u);
}

TEST(DebugStore, KeepsNothingOverAQuarterOfItsRoom) {
  const ScratchDirectory scratch;
  const DebugStore store = *DebugStore::Open(scratch.path() + "/store", 4096);
  EXPECT_FALSE(store.Keep(Came(scratch), kBuildId).ok());
  EXPECT_EQ(FilesBelow(store.directory()), 0u);
}

TEST(DebugStore, MakesRoomByRemovingTheOldest) {
  const ScratchDirectory scratch;
  const DebugStore store = *DebugStore::Open(scratch.path(), 4000);
  const fs::path directory = scratch.path() + "/.build-id/";
  const auto now = fs::file_time_type::clock::now();
  for (const int age : {1, 2, 3, 4}) {
    const fs::path file = directory / std::to_string(age);
    std::ofstream(file) << std::string(900, 'x');
    fs::last_write_time(file, now - std::chrono::hours(age));
  }
  store.MakeRoom();
  EXPECT_FALSE(fs::exists(directory / "4"));
  EXPECT_EQ(FilesBelow(scratch.path()), 3u);
}

TEST(DebugStore, SaysWhereItCannotWrite) {
  const ScratchDirectory scratch;
  const std::string file = scratch.Write("file", "");
  const absl::Status status = DebugStore::Open(file + "/store", 4000).status();
  EXPECT_NE(status.message().find(file), std::string::npos) << status;
}

}  // namespace
}  // namespace waitscope
