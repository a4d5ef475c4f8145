#include "agent/source/kernel_lock_watch.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <vector>

namespace waitscope {
namespace {

using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

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
    return [status = status_, waits = waits_.get()]() -> absl::StatusOr<KernelLockWatch::Programs> {
      if (!status.ok()) return status;
      return KernelLockWatch::Programs{.object = nullptr, .waits = UniqueFd(dup(waits))};
    };
  }

  void Watch() {
    watch_.Want(true, 0);
    Settle(0);
    ASSERT_TRUE(watch_.watching());
  }

  // A map with room for eight locks; false where the kernel gives us none.
  bool MakeMap() {
    waits_ = UniqueFd(bpf_map_create(BPF_MAP_TYPE_HASH, "kernel_locks", sizeof(kernel_lock_key),
                                     sizeof(kernel_lock_totals), 8, nullptr));
    return waits_.ok();
  }

  void WaitAtLocks(uint64_t count) {
    for (uint64_t lock = 1; lock <= count; ++lock) {
      const kernel_lock_key key{.lock = lock};
      const kernel_lock_totals totals{.waits = 1};
      ASSERT_EQ(bpf_map_update_elem(waits_.get(), &key, &totals, BPF_ANY), 0);
    }
  }

  // The generation of each lock that is told.
  std::vector<uint16_t> Told() {
    std::vector<uint16_t> generations;
    const absl::Status status = watch_.Read(1, [&](const Event& event) {
      generations.push_back(std::get<kernel_lock_event>(event).generation);
    });
    EXPECT_TRUE(status.ok()) << status;
    return generations;
  }

  UniqueFd waits_;

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

TEST_F(KernelLockWatchTest, AfterAFailedReadTheyAreLetGoAndLoadedAgainAfterAPause) {
  waits_ = UniqueFd(open("/dev/null", O_RDONLY | O_CLOEXEC));  // no map: it cannot be read
  Watch();
  const absl::Status status = watch_.Read(1, [](const Event&) {});
  ASSERT_FALSE(status.ok());
  watch_.GiveUp(status, 1);
  EXPECT_FALSE(watch_.watching());
  EXPECT_THAT(watch_.WhyNot(), HasSubstr(std::string(status.message())));
  EXPECT_TRUE(watch_.Read(2, [](const Event&) {}).ok()) << "there is nothing to read any more";
  Settle(kSecond);
  EXPECT_EQ(attempts_, 1);
  Settle(kSecond + 1);
  EXPECT_TRUE(watch_.watching());
  EXPECT_EQ(watch_.WhyNot(), "");
}

TEST_F(KernelLockWatchTest, LocksAreToldAgainAsTheyAreWhileThereIsRoom) {
  if (!MakeMap()) GTEST_SKIP() << "the kernel gives us no map";
  Watch();
  WaitAtLocks(3);
  const std::vector<uint16_t> first = Told();
  EXPECT_THAT(first, SizeIs(3));
  EXPECT_EQ(Told(), first);
  EXPECT_EQ(Told(), first);
}

TEST_F(KernelLockWatchTest, LocksThatCrowdTheMapAreToldOnceMoreAndBeginAnew) {
  if (!MakeMap()) GTEST_SKIP() << "the kernel gives us no map";
  Watch();
  WaitAtLocks(4);
  const std::vector<uint16_t> crowded = Told();
  ASSERT_THAT(crowded, SizeIs(4));
  EXPECT_EQ(Told(), crowded);
  EXPECT_THAT(Told(), IsEmpty());
  WaitAtLocks(2);
  const std::vector<uint16_t> anew = Told();
  EXPECT_THAT(anew, SizeIs(2));
  EXPECT_THAT(anew, Each(crowded.front() + 1)) << "their totals are others";
}

TEST(RetryPauseTest, GrowsToFiveMinutes) {
  RetryPause pause;
  for (int times = 0; times < 20; ++times) pause.Failed(0);
  EXPECT_FALSE(pause.IsDue(299 * kSecond));
  EXPECT_TRUE(pause.IsDue(300 * kSecond));
}

}  // namespace
}  // namespace waitscope
