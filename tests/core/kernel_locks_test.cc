#include "agent/core/kernel_locks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace waitscope {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

class KernelLocks : public testing::Test {
 protected:
  // So many waits so far, 1 ms each.
  static kernel_lock_event Reading(uint64_t at_ns, uint64_t waits) {
    kernel_lock_event event{};
    event.pid = 10;
    event.lock_kind = KERNEL_LOCK_rwsem;
    event.role = KERNEL_LOCK_ROLE_mmap;
    event.lock = 0xffff888000001000;
    event.owner = {10, 11, 1};
    event.at_ns = at_ns;
    event.waits = waits;
    event.wait_ns = waits * 1'000'000;
    event.wait_max_ns = 1'000'000;
    return event;
  }

  std::map<KernelLockKey, KernelLockWindow> Close() {
    Snapshot snapshot;
    stage_.Close(snapshot);
    return snapshot.kernel_locks;
  }

  KernelLockStage stage_;
};

TEST_F(KernelLocks, AWindowHasTheWaitsBetweenItsReadings) {
  stage_.Fold(Reading(1, 10));
  Close();
  stage_.Fold(Reading(3, 25));
  stage_.Fold(Reading(2, 20));
  const auto locks = Close();
  ASSERT_THAT(locks, SizeIs(1));
  const auto& [key, window] = *locks.begin();
  EXPECT_EQ(key.owner, (ThreadKey{10, 11, 1}));
  EXPECT_EQ(key.role, KERNEL_LOCK_ROLE_mmap);
  EXPECT_EQ(window, (KernelLockWindow{15, 15'000'000, 1'000'000}));
}

TEST_F(KernelLocks, ALockThatNobodyWaitedForIsNotTold) {
  stage_.Fold(Reading(1, 10));
  Close();
  stage_.Fold(Reading(2, 10));
  EXPECT_THAT(Close(), IsEmpty());
}

TEST_F(KernelLocks, TotalsThatBeginAnewCountWhole) {
  stage_.Fold(Reading(1, 10));
  Close();
  stage_.Fold(Reading(2, 4));
  EXPECT_EQ(Close().begin()->second.waits, 4u);
}

TEST_F(KernelLocks, TotalsOfAnotherGenerationCountWholeHoweverLargeTheyAre) {
  stage_.Fold(Reading(1, 10));
  Close();
  kernel_lock_event anew = Reading(2, 14);
  anew.generation = 1;
  stage_.Fold(anew);
  EXPECT_EQ(Close().begin()->second.waits, 14u);
}

TEST_F(KernelLocks, ALockNotHeardOfForAWindowBeginsAnew) {
  stage_.Fold(Reading(1, 10));
  Close();
  Close();
  stage_.Fold(Reading(2, 12));
  EXPECT_EQ(Close().begin()->second.waits, 12u);
}

TEST_F(KernelLocks, TheLongestWaitIsNoLongerThanAllOfThem) {
  kernel_lock_event first = Reading(1, 1);
  first.wait_ns = first.wait_max_ns = 50'000'000;
  stage_.Fold(first);
  Close();
  kernel_lock_event later = first;
  later.at_ns = 2;
  later.waits += 2;
  later.wait_ns += 3'000'000;
  stage_.Fold(later);
  EXPECT_EQ(Close().begin()->second.wait_max_ns, 3'000'000u);
}

TEST_F(KernelLocks, ABaselineLetsAnotherFoldGoOnFromHere) {
  stage_.Fold(Reading(1, 10));
  Close();
  KernelLockStage other;
  stage_.Baseline([&](const Event& event) { other.Fold(std::get<kernel_lock_event>(event)); });
  Snapshot before;
  other.Close(before);
  other.Fold(Reading(2, 13));
  Snapshot window;
  other.Close(window);
  EXPECT_EQ(window.kernel_locks.begin()->second.waits, 3u);
}

}  // namespace
}  // namespace waitscope
