#include "agent/source/kernel_lock_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace waitscope {
namespace {

using testing::HasSubstr;

constexpr uint64_t kSecond = 1'000'000'000;

class KernelLockWatchTest : public testing::Test {
 protected:
  // Until nothing is under way.
  void Settle(uint64_t now_ns) {
    do watch_.Follow(now_ns);
    while (watch_.loading());
  }

  KernelLockWatch::Load Prepare() {
    ++attempts_;
    return [status = status_]() -> absl::StatusOr<KernelLockWatch::Programs> {
      if (!status.ok()) return status;
      return KernelLockWatch::Programs();
    };
  }

  absl::Status status_;
  int attempts_ = 0;
  KernelLockWatch watch_{[this] { return Prepare(); }};
};

TEST_F(KernelLockWatchTest, NothingIsLoadedBeforeSomebodyWantsIt) {
  Settle(1);
  EXPECT_EQ(attempts_, 0);
  watch_.Want(true, 2);
  Settle(2);
  EXPECT_EQ(attempts_, 1);
  EXPECT_TRUE(watch_.watching());
  EXPECT_EQ(watch_.WhyNot(), "");
  watch_.Want(false, 3);
  EXPECT_FALSE(watch_.watching());
}

TEST_F(KernelLockWatchTest, WhatIsRefusedIsTriedAgainAfterAGrowingPause) {
  status_ = absl::InternalError("no memory");
  watch_.Want(true, 0);
  Settle(0);
  EXPECT_THAT(watch_.WhyNot(), HasSubstr("no memory"));
  Settle(kSecond - 1);
  EXPECT_EQ(attempts_, 1);
  Settle(kSecond);
  Settle(3 * kSecond - 1);
  EXPECT_EQ(attempts_, 2);
  Settle(3 * kSecond);
  EXPECT_EQ(attempts_, 3);
}

TEST_F(KernelLockWatchTest, ARefusalIsForgottenOnceTheyAreThere) {
  status_ = absl::InternalError("no memory");
  watch_.Want(true, 0);
  Settle(0);
  status_ = absl::OkStatus();
  Settle(kSecond);
  EXPECT_TRUE(watch_.watching());
  EXPECT_EQ(watch_.WhyNot(), "");
}

TEST_F(KernelLockWatchTest, AskingAgainDoesNotShortenThePause) {
  status_ = absl::InternalError("no memory");
  watch_.Want(true, 0);
  Settle(0);
  watch_.Want(false, 1);
  EXPECT_THAT(watch_.WhyNot(), HasSubstr("no memory"));
  watch_.Want(true, 2);
  Settle(2);
  EXPECT_EQ(attempts_, 1);
}

TEST_F(KernelLockWatchTest, WhatComesWhenNobodyWantsItAnyMoreIsLetGo) {
  watch_.Want(true, 0);
  watch_.Want(false, 1);
  Settle(2);
  EXPECT_FALSE(watch_.watching());
}

TEST(RetryPauseTest, GrowsToFiveMinutes) {
  RetryPause pause;
  for (int times = 0; times < 20; ++times) pause.Failed(0);
  EXPECT_FALSE(pause.IsDue(299 * kSecond));
  EXPECT_TRUE(pause.IsDue(300 * kSecond));
}

}  // namespace
}  // namespace waitscope
