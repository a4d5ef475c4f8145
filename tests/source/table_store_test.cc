#include "agent/source/table_store.h"

#include <gmock/gmock.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <filesystem>
#include <memory>

#include "agent/unwind/elf_image.h"
#include "tests/source/unwind_arrays.h"

namespace waitscope {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kSecond = 1'000'000'000;

// The arrays of the kernel side, with room for one and a half tables of this test's own program,
// whose copies stand for the files that processes have mapped.
class TableStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "making BPF maps takes root";
    ASSERT_NE(mkdtemp(directory_.data()), nullptr);
    const UnwindTable table = TableOf(fs::read_symlink("/proc/self/exe"));
    offset_ = table.segments.front().file_offset;
    arrays_.emplace(table.rows.size() * 3 / 2, table.page_first_row.size() * 3);
    auto maps = UnwindMaps::Open(arrays_->fds());
    ASSERT_TRUE(maps.ok()) << maps.status();
    maps_ = std::make_unique<UnwindMaps>(*std::move(maps));
    auto builder = TableBuilder::Start();
    ASSERT_TRUE(builder.ok()) << builder.status();
    builder_ = *std::move(builder);
    store_ = std::make_unique<TableStore>(*maps_, *builder_);
  }

  void TearDown() override { fs::remove_all(directory_); }

  static UnwindTable TableOf(const std::string& path) {
    const auto file = OpenFile(path);
    RuleDictionary rules;
    return *BuildUnwindTable(*ElfImage::FromFile(file->fd.get()), rules);
  }

  // As a process has it mapped that has just been met.
  TextMapping MapCopy(const std::string& name) {
    const std::string path = directory_ + "/" + name;
    fs::copy_file("/proc/self/exe", path);
    struct stat about {};
    stat(path.c_str(), &about);
    files_.push_back(std::make_shared<MappedFile>(MappedFile{.inode = about.st_ino, .path = path}));
    return {.start = 0x10000000, .end = 0x10001000, .offset = offset_, .file = files_.back()};
  }

  uint8_t TypeOf(const TextMapping& mapping) {
    return static_cast<uint8_t>(store_->Describe(mapping, getpid()).type);
  }

  void AwaitBuilder() const {
    pollfd built{.fd = builder_->fd(), .events = POLLIN, .revents = 0};
    poll(&built, 1, -1);
  }

  // Adopts all that is awaited. How many files that were.
  size_t Build(uint64_t now_ns, std::optional<FileHolder> other_holder = std::nullopt) {
    size_t adopted = 0;
    while (store_->awaits_tables()) {
      AwaitBuilder();
      adopted += store_->AdoptBuilt([&](const MappedFile*) { return other_holder; }, now_ns).size();
    }
    return adopted;
  }

  uint64_t offset_ = 0;  // of the program's code
  std::string directory_ = "/tmp/table_store_test_XXXXXX";
  std::optional<UnwindArrays> arrays_;
  std::unique_ptr<UnwindMaps> maps_;
  std::unique_ptr<TableBuilder> builder_;
  std::unique_ptr<TableStore> store_;
  std::vector<std::shared_ptr<const MappedFile>> files_;  // the tracker's list of names
};

TEST_F(TableStoreTest, AFileIsUnwoundOnceItsTableIsBuilt) {
  const TextMapping mapping = MapCopy("program");
  EXPECT_EQ(TypeOf(mapping), UNWIND_MAPPING_no_table);
  EXPECT_EQ(Build(0), 1u);
  EXPECT_EQ(TypeOf(mapping), UNWIND_MAPPING_table);
}

TEST_F(TableStoreTest, AFileThatFindsNoRoomIsBuiltWhenAnotherHasGone) {
  auto first = std::make_unique<TextMapping>(MapCopy("first"));
  TypeOf(*first);
  Build(0);
  const TextMapping second = MapCopy("second");
  TypeOf(second);
  Build(0);
  ASSERT_EQ(TypeOf(second), UNWIND_MAPPING_no_table);
  ASSERT_TRUE(store_->is_crowded());

  first.reset();
  store_->RetryCrowdedOut(3 * kSecond);
  maps_->Collect(6 * kSecond);
  Build(6 * kSecond);
  EXPECT_EQ(TypeOf(second), UNWIND_MAPPING_table);
  EXPECT_FALSE(store_->is_crowded());
}

TEST_F(TableStoreTest, AnotherTryWaitsForThePauseToPass) {
  const TextMapping first = MapCopy("first");
  const TextMapping second = MapCopy("second");
  TypeOf(first);
  TypeOf(second);
  Build(0);
  ASSERT_TRUE(store_->is_crowded());
  store_->RetryCrowdedOut(kSecond);
  EXPECT_FALSE(store_->awaits_tables());
  store_->RetryCrowdedOut(3 * kSecond);
  EXPECT_TRUE(store_->awaits_tables());
}

TEST_F(TableStoreTest, AFileThatIsStillMappedKeepsItsTable) {
  const TextMapping mapping = MapCopy("program");
  TypeOf(mapping);
  Build(0);
  const TextMapping other = MapCopy("other");
  TypeOf(other);
  Build(0);
  store_->RetryCrowdedOut(3 * kSecond);
  store_->KeepRoom(3 * kSecond);
  EXPECT_EQ(TypeOf(mapping), UNWIND_MAPPING_table);
  EXPECT_EQ(store_->stats().evicted, 0u);
}

TEST_F(TableStoreTest, AFileThatNobodyHasMappedKeepsItsTableWhileThereIsRoom) {
  TypeOf(MapCopy("program"));
  Build(0);
  ASSERT_LT(maps_->rows_used(), maps_->rows_size() / 4 * 3);
  store_->KeepRoom(0);
  EXPECT_EQ(store_->stats().evicted, 0u);
}

TEST_F(TableStoreTest, RoomThatWasGivenUpIsNotUsedWhileSomebodyMayStillReadIt) {
  TypeOf(MapCopy("first"));
  Build(0);
  const TextMapping second = MapCopy("second");
  TypeOf(second);
  Build(0);  // makes room, which is free only later
  ASSERT_EQ(store_->stats().evicted, 1u);
  maps_->Collect(kSecond);
  store_->RetryCrowdedOut(10 * kSecond);
  Build(10 * kSecond);
  EXPECT_EQ(TypeOf(second), UNWIND_MAPPING_no_table);
}

TEST_F(TableStoreTest, AReplacedFileIsBuiltAnew) {
  const TextMapping mapping = MapCopy("program");
  TypeOf(mapping);
  Build(0);
  EXPECT_FALSE(store_->Revalidate(mapping, getpid(), 2 * kSecond));
  fs::last_write_time(mapping.file->path, fs::file_time_type::clock::now());
  EXPECT_TRUE(store_->Revalidate(mapping, getpid(), 4 * kSecond));
  EXPECT_EQ(TypeOf(mapping), UNWIND_MAPPING_no_table) << "what is built is of other bytes";
}

TEST_F(TableStoreTest, AFileReplacedWhileItsTableIsBuiltIsBuiltAnew) {
  const TextMapping mapping = MapCopy("program");
  TypeOf(mapping);
  AwaitBuilder();
  fs::last_write_time(mapping.file->path, fs::file_time_type::clock::now());
  EXPECT_FALSE(store_->Revalidate(mapping, getpid(), 2 * kSecond)) << "nothing is known of it yet";
  Build(2 * kSecond);
  EXPECT_TRUE(store_->Revalidate(mapping, getpid(), 2 * kSecond));
}

TEST_F(TableStoreTest, AFileLetGoWhileItsTableIsBuiltIsNotGivenUpBefore) {
  const TextMapping kept = MapCopy("kept");
  const TextMapping crowded = MapCopy("crowded");
  TypeOf(kept);
  TypeOf(crowded);
  Build(0);
  ASSERT_TRUE(store_->is_crowded());

  TypeOf(MapCopy("brief"));
  store_->RetryCrowdedOut(3 * kSecond);
  EXPECT_TRUE(store_->Awaits(files_.back().get()));
  EXPECT_EQ(Build(3 * kSecond), 2u);
}

TEST_F(TableStoreTest, AFileThatTheFirstHolderHasNoMoreIsOpenedByAnother) {
  const TextMapping mapping = MapCopy("program");
  const auto file = OpenFile(mapping.file->path);
  void* const code = mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, file->fd.get(), 0);
  ASSERT_NE(code, MAP_FAILED);
  fs::remove(mapping.file->path);
  const auto start = std::bit_cast<uint64_t>(code);
  const FileHolder other{static_cast<uint32_t>(getpid()), start, start + 4096};

  TypeOf(mapping);
  EXPECT_EQ(Build(0, other), 1u);
  EXPECT_EQ(TypeOf(mapping), UNWIND_MAPPING_table);
  munmap(code, 4096);
}

TEST_F(TableStoreTest, AFileThatNobodyCanOpenIsNotAwaitedForEver) {
  const TextMapping mapping = MapCopy("program");
  fs::remove(mapping.file->path);
  TypeOf(mapping);
  EXPECT_EQ(Build(0, FileHolder{static_cast<uint32_t>(getpid()), 0x1000, 0x2000}), 1u);
  EXPECT_EQ(store_->stats().unreadable, 1u);
}

}  // namespace
}  // namespace waitscope
