#include "agent/symbols/debug_fetcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <future>

#include "absl/strings/str_cat.h"
#include "tests/symbols/sample_process.h"

namespace waitscope {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::SamplePath;
using testing::ScratchDirectory;

constexpr char kBuildId[] = "abcdef0123456789abcdef0123456789abcdef01";

class DebugFetcherTest : public ::testing::Test {
 protected:
  DebugFetcher::Fetch Answering(const absl::StatusOr<std::string>& answer) {
    return [this, answer](const std::string& build_id, const std::atomic<bool>&) {
      asked_.push_back(build_id);
      return answer;
    };
  }

  void Start(DebugFetcher::Fetch fetch, DebugFetcher::Options options = {}) {
    fetcher_ = std::make_unique<DebugFetcher>(*DebugStore::Open(scratch_.path(), 64 << 20),
                                              std::move(fetch), options);
  }

  DebugFetcher::Stats After(uint64_t answers) {
    while (fetcher_->stats().asked < answers) std::this_thread::yield();
    return fetcher_->stats();
  }

  std::string Came() const {
    std::string file = scratch_.path() + "/came";
    std::filesystem::copy_file(
        SamplePath("debug/.build-id/ab/cdef0123456789abcdef0123456789abcdef01.debug"), file);
    return file;
  }

  const ScratchDirectory scratch_;
  std::vector<std::string> asked_;  // read when the answer was counted
  std::unique_ptr<DebugFetcher> fetcher_;
};

TEST_F(DebugFetcherTest, AFileThatCameIsCountedAndTold) {
  Start(Answering(Came()));
  EXPECT_EQ(fetcher_->arrivals(), 0u);
  fetcher_->Want(kBuildId);
  const DebugFetcher::Stats stats = After(1);
  EXPECT_EQ(stats.found, 1u);
  EXPECT_GT(stats.bytes, 1000u);
  EXPECT_EQ(fetcher_->arrivals(), 1u);
  EXPECT_THAT(fetcher_->TakeArrived(), ElementsAre(kBuildId));
  EXPECT_THAT(fetcher_->TakeArrived(), ElementsAre());
}

TEST_F(DebugFetcherTest, AFileThatIsMissingIsNotAskedForAgain) {
  Start(Answering(absl::NotFoundError("no server has it")));
  for (int times = 0; times < 3; ++times) fetcher_->Want("aa11");
  After(1);
  fetcher_->Want("aa11");
  fetcher_->Want("bb22");
  EXPECT_EQ(After(2).missing, 2u);
  EXPECT_THAT(asked_, ElementsAre("aa11", "bb22"));
  EXPECT_EQ(fetcher_->arrivals(), 0u);
}

TEST_F(DebugFetcherTest, AnAnswerStandsOnlySoLong) {
  Start(Answering(absl::NotFoundError("no server has it")), {.stands_ns = 0});
  fetcher_->Want("aa11");
  After(1);
  fetcher_->Want("aa11");
  EXPECT_EQ(After(2).missing, 2u);
}

TEST_F(DebugFetcherTest, WhatIsUnavailableIsAskedForThriceMoreUnasked) {
  Start(Answering(absl::UnavailableError("Connection refused")), {.retry_ns = 1000});
  fetcher_->Want("aa11");
  EXPECT_EQ(After(4).failed, 4u);
  EXPECT_EQ(fetcher_->stats().waiting, 0u);
  EXPECT_THAT(fetcher_->stats().last_failure, HasSubstr("Connection refused"));
  fetcher_->Want("aa11");  // and then no more
  fetcher_->Want("bb22");
  After(8);
  EXPECT_THAT(asked_, ElementsAre("aa11", "aa11", "aa11", "aa11", "bb22", "bb22", "bb22", "bb22"));
}

TEST_F(DebugFetcherTest, AFileThatComesAtTheSecondTryIsThere) {
  Start(
      [came = Came(), first = true](const std::string&, const std::atomic<bool>&) mutable {
        if (!std::exchange(first, false)) return absl::StatusOr<std::string>(came);
        return absl::StatusOr<std::string>(absl::UnavailableError("Connection refused"));
      },
      {.retry_ns = 1000});
  fetcher_->Want(kBuildId);
  const DebugFetcher::Stats stats = After(2);
  EXPECT_EQ(stats.found, 1u);
  EXPECT_FALSE(stats.failing);
  EXPECT_THAT(stats.last_failure, HasSubstr("Connection refused"));
  EXPECT_THAT(fetcher_->TakeArrived(), ElementsAre(kBuildId));
}

TEST_F(DebugFetcherTest, WhatIsTooLargeIsNotAskedForAgain) {
  Start(Answering(absl::ResourceExhaustedError("the file is too large")), {.retry_ns = 1000});
  fetcher_->Want("aa11");
  EXPECT_TRUE(After(1).failing);
  EXPECT_EQ(fetcher_->stats().waiting, 0u);
}

TEST_F(DebugFetcherTest, WhatIsNotTheFileAskedForIsAFailure) {
  Start(Answering(scratch_.Write("page", "<html>login</html>")));
  fetcher_->Want(kBuildId);
  EXPECT_THAT(After(1).last_failure, HasSubstr("not the debug file"));
  EXPECT_EQ(fetcher_->stats().failed, 1u);
  EXPECT_EQ(fetcher_->arrivals(), 0u);
}

TEST_F(DebugFetcherTest, ASlowServerMakesNobodyWaitAndTheQueueDoesNotGrow) {
  std::promise<void> begun;
  std::promise<void> released;
  std::shared_future<void> release = released.get_future().share();
  Start(
      [&, first = true](const std::string&, const std::atomic<bool>&) mutable {
        if (std::exchange(first, false)) begun.set_value();
        release.wait();
        return absl::StatusOr<std::string>(absl::NotFoundError("no"));
      },
      {.max_waiting = 8});
  fetcher_->Want("aa00");
  begun.get_future().wait();
  for (int number = 0; number < 100; ++number) fetcher_->Want(absl::StrCat("aa11", number));
  EXPECT_EQ(fetcher_->stats().waiting, 8u);
  released.set_value();
  EXPECT_EQ(After(8).waiting, 0u);
  fetcher_->Want("aa1199");  // it was forgotten then
  EXPECT_EQ(After(9).missing, 9u);
}

TEST_F(DebugFetcherTest, AtTheEndAFetchUnderWayIsGivenUp) {
  std::promise<void> begun;
  Start([&](const std::string&, const std::atomic<bool>& give_up) {
    begun.set_value();
    while (!give_up) std::this_thread::yield();
    return absl::StatusOr<std::string>(absl::UnavailableError("the agent is stopping"));
  });
  fetcher_->Want("aa11");
  fetcher_->Want("bb22");
  begun.get_future().wait();
  fetcher_.reset();
}

}  // namespace
}  // namespace waitscope
