#include "agent/source/table_builder.h"

#include <gmock/gmock.h>
#include <poll.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <optional>
#include <semaphore>
#include <string>
#include <thread>
#include <utility>

namespace waitscope {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

WantedFile Wanted(const std::string& name) {
  return {.file = std::make_shared<MappedFile>(MappedFile{.inode = 1, .path = name}),
          .holder = {.pid = 1, .start = 0x1000, .end = 0x2000}};
}

// A builder to which files are large by name, and where one that is held is in work until it is
// let go.
class TableBuilderTest : public testing::Test {
 protected:
  void SetUp() override {
    auto builder = TableBuilder::Start(
        [this](WantedFile& wanted, uint64_t most) { return Build(wanted, most); });
    ASSERT_TRUE(builder.ok()) << builder.status();
    builder_ = *std::move(builder);
  }

  std::optional<BuiltFile> Build(WantedFile& wanted, uint64_t most) {
    if (wanted.file->path.starts_with("large") && most < UINT64_MAX) {
      wanted.opened.emplace();
      return std::nullopt;
    }
    if (wanted.opened) ++still_open_;
    if (wanted.file->path.ends_with("held")) {
      in_work_.release();
      let_go_.acquire();
    }
    ++built_;
    return BuiltFile{.file = wanted.file};
  }

  void Hold(const std::string& name = "held") {
    builder_->Want(Wanted(name));
    in_work_.acquire();
  }

  // The next `count` files that are built, in that order.
  std::vector<std::string> Built(size_t count) {
    std::vector<std::string> names;
    while (names.size() < count) {
      pollfd built{.fd = builder_->fd(), .events = POLLIN, .revents = 0};
      poll(&built, 1, -1);
      for (const BuiltFile& file : builder_->TakeBuilt()) names.push_back(file.file->path);
    }
    return names;
  }

  std::binary_semaphore in_work_{0};
  std::binary_semaphore let_go_{0};
  std::atomic<size_t> built_ = 0;
  std::atomic<size_t> still_open_ = 0;  // when their turn came
  std::unique_ptr<TableBuilder> builder_;
};

TEST_F(TableBuilderTest, BuildsInTheOrderOfWanting) {
  for (const char* name : {"a", "b", "c"}) builder_->Want(Wanted(name));
  EXPECT_THAT(Built(3), ElementsAre("a", "b", "c"));
  EXPECT_THAT(builder_->TakeBuilt(), SizeIs(0));
}

TEST_F(TableBuilderTest, ALargeFileKeepsNoSmallOneWaiting) {
  Hold("large, held");
  builder_->Want(Wanted("large"));
  builder_->Want(Wanted("small"));
  EXPECT_THAT(Built(1), ElementsAre("small"));
  let_go_.release();
  EXPECT_THAT(Built(2), ElementsAre("large, held", "large"));
}

TEST_F(TableBuilderTest, FewOfAThousandLargeFilesAreKeptOpenUntilTheirTurn) {
  Hold("large, held");
  for (int i = 0; i < 1000; ++i) builder_->Want(Wanted("large"));
  builder_->Want(Wanted("small"));
  EXPECT_THAT(Built(1), ElementsAre("small")) << "the large ones stand in line by now";
  let_go_.release();
  EXPECT_THAT(Built(1001), SizeIs(1001));
  EXPECT_EQ(still_open_, 1u + 32u) << "with the one that was in work";
}

TEST_F(TableBuilderTest, WhatAStackNeedsComesFirst) {
  Hold();
  WantedFile needed = Wanted("needed");
  const auto file = needed.file;
  builder_->Want(Wanted("a"));
  builder_->Want(Wanted("b"));
  builder_->Want(std::move(needed));
  builder_->Hasten({{.start = 0x1000, .end = 0x2000, .offset = 0, .file = file}});
  let_go_.release();
  EXPECT_THAT(Built(4), ElementsAre("held", "needed", "a", "b"));
}

TEST_F(TableBuilderTest, WhatIsBuiltAndNotTakenIsBounded) {
  for (int i = 0; i < 40; ++i) builder_->Want(Wanted("file"));
  while (built_ < 16) std::this_thread::yield();
  builder_.reset();
  EXPECT_EQ(built_, 16u) << "the rest is left when the builder ends";
}

TEST_F(TableBuilderTest, GoesOnWhenWhatWasBuiltIsTaken) {
  for (int i = 0; i < 40; ++i) builder_->Want(Wanted("file"));
  EXPECT_THAT(Built(40), SizeIs(40));
}

TEST_F(TableBuilderTest, EndsWithTheFileInWork) {
  Hold();
  std::thread late([this] { let_go_.release(); });
  builder_.reset();
  EXPECT_EQ(built_, 1u);
  late.join();
}

TEST_F(TableBuilderTest, BuildsAfterGivingBackMemory) {
  builder_->GiveBackMemory();
  builder_->Want(Wanted("a"));
  EXPECT_THAT(Built(1), ElementsAre("a"));
}

TEST(BuildFile, SaysWhenAFileCannotBeOpened) {
  WantedFile wanted = Wanted("/nowhere");
  const auto built = BuildFile(wanted, UINT64_MAX);
  ASSERT_TRUE(built.has_value());
  EXPECT_EQ(built->key, std::nullopt);
  EXPECT_FALSE(built->table.has_value());
}

TEST(BuildFile, LeavesAFileWithMoreCodeThanAskedForAndKeepsItOpen) {
  const std::string program = testing::TempDir() + "/table_builder_test.program";
  std::filesystem::copy_file("/proc/self/exe", program,
                             std::filesystem::copy_options::overwrite_existing);
  const auto file = OpenFile(program);
  ASSERT_TRUE(file.ok()) << file.status();
  WantedFile wanted{
      .file = std::make_shared<MappedFile>(MappedFile{.inode = file->key.inode, .path = program}),
      .holder = {}};
  EXPECT_FALSE(BuildFile(wanted, 4096).has_value());
  std::filesystem::remove(program);
  const auto built = BuildFile(wanted, UINT64_MAX);
  ASSERT_TRUE(built.has_value());
  EXPECT_TRUE(built->table.has_value());
}

TEST(BuildFile, BuildsTheCodeThatTheKernelGivesEveryProcess) {
  WantedFile wanted = Wanted(std::string(kVdso));
  const auto built = BuildFile(wanted, UINT64_MAX);
  ASSERT_TRUE(built.has_value() && built->table.has_value());
  for (const uint32_t row : built->table->rows) {
    EXPECT_LT(unwind_row_rule(row), built->rules.rules().size());
  }
}

}  // namespace
}  // namespace waitscope
