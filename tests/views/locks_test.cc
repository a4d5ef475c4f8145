// Rows of locks: their kinds, their waits, and who keeps them.
#include "agent/views/locks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/diagnose/made_machine.h"

namespace waitscope {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

class LockRowsTest : public testing::Test {
 protected:
  ThreadKey Add(uint32_t tid, const std::string& comm = "shop") {
    return machine_.AddThread(10, tid, comm);
  }
  void WaitFor(const ThreadKey& thread, wait_object word, uint64_t ns, double count,
               const ThreadKey& waker = {}) {
    machine_.AddWait(thread, {.cls = WAIT_lock,
                              .syscall = __NR_futex,
                              .ns = ns,
                              .count = count,
                              .object = word,
                              .waker = waker});
  }
  ThreadKey AddSleepingHolder() {
    const ThreadKey holder = Add(11);
    machine_.AddWait(holder, {.cls = WAIT_sleep,
                              .syscall = __NR_clock_nanosleep,
                              .ns = 7 * kSecond,
                              .count = 100,
                              .user_frames = {"nanosleep", "write_report"}});
    WaitFor(holder, Futex(0x7000, kMutexOp), kSecond, 10);
    return holder;
  }
  const std::vector<LockRow>& Rows() {
    view_ = std::make_unique<MachineView>(machine_.snapshot());
    rows_ = LockRows(*view_, [](const ProcessView&) { return true; });
    return rows_;
  }

  MadeMachine machine_;
  std::unique_ptr<MachineView> view_;
  std::vector<LockRow> rows_;
};

TEST_F(LockRowsTest, TheOwnerWordNamesTheHolderAndWhatItWaitsForMeanwhile) {
  const ThreadKey holder = AddSleepingHolder();
  for (uint32_t tid = 12; tid < 15; ++tid) {
    WaitFor(Add(tid), Futex(0x7000, kMutexOp), 6 * kSecond, 50, {10, 12, kSecond});
  }
  machine_.snapshot().lock_owners[{10, 0x7000, 11}] = 20;
  machine_.snapshot().lock_owners[{10, 0x7000, 12}] = 4;
  ASSERT_THAT(Rows(), SizeIs(1));
  const LockRow& row = rows_[0];
  EXPECT_EQ(row.kind, LockKind::kMutex);
  ASSERT_NE(row.holder.thread, nullptr);
  EXPECT_EQ(row.holder.thread->key(), holder);
  EXPECT_TRUE(row.holder.by_owner_word);
  EXPECT_EQ(row.holder.seen, 20u);
  EXPECT_EQ(row.holder.looks, 24u);
  EXPECT_DOUBLE_EQ(row.held_at_most_ns, 7.0 * kSecond);
  ASSERT_THAT(row.holder_waits, SizeIs(1));
  EXPECT_EQ(row.holder_waits[0].nature, Nature::kSleep);
}

TEST_F(LockRowsTest, WithoutAnOwnerWordTheBusiestWakerIsNamed) {
  const ThreadKey holder = AddSleepingHolder();
  WaitFor(Add(12), Futex(0x7000, kMutexOp), 7 * kSecond, 50, holder);
  const LockRow& row = Rows().at(0);
  ASSERT_NE(row.holder.thread, nullptr);
  EXPECT_EQ(row.holder.thread->key(), holder);
  EXPECT_FALSE(row.holder.by_owner_word);
  EXPECT_EQ(row.holder.seen, 50u);
}

TEST_F(LockRowsTest, OneThreadAtAWordThatNobodyHoldsIsIdleWhateverTheOperation) {
  WaitFor(Add(11), Futex(0x7000, kMutexOp), kWindow, 0);
  EXPECT_THAT(Rows(), IsEmpty());
}

TEST_F(LockRowsTest, AHolderNobodySawIsUnknown) {
  for (uint32_t tid = 11; tid < 13; ++tid) {
    WaitFor(Add(tid), Futex(0x7000, kMutexOp), kWindow, 0);
  }
  EXPECT_EQ(Rows().at(0).holder.thread, nullptr);
}

TEST_F(LockRowsTest, WaitsAreCountedByLength) {
  WaitFor(Add(11), Futex(0x7000, kMutexOp), 4 * kSecond, 101, Add(12));
  machine_.snapshot().lock_waits[{10, 0x7000}].Add(10 * kMillisecond, 100);
  machine_.snapshot().lock_waits[{10, 0x7000}].Add(3 * kSecond, 3);
  machine_.snapshot().lock_waits[{10, 0x8000}].Add(9 * kSecond, 1000);
  machine_.snapshot().lock_waits[{20, 0x7000}].Add(9 * kSecond, 1000);
  const LockRow& row = Rows().at(0);
  EXPECT_EQ(row.waits.Count(), 103u);
  EXPECT_NEAR(static_cast<double>(row.waits.QuantileNs(0.5)), 10e6, 0.7e6);
  EXPECT_NEAR(static_cast<double>(row.waits.QuantileNs(0.99)), 3e9, 0.2e9);
}

TEST_F(LockRowsTest, OneThreadThatParksAloneIsIdle) {
  WaitFor(Add(11), Futex(0x7000, kConditionOp), kWindow, 0);
  EXPECT_THAT(Rows(), IsEmpty());
}

TEST_F(LockRowsTest, WordsToParkAtComeLastAndHaveNoHolder) {
  const ThreadKey producer = Add(11);
  for (uint32_t tid = 12; tid < 16; ++tid) {
    WaitFor(Add(tid), Futex(0x9000, kConditionOp), 7 * kSecond, 100, producer);
  }
  WaitFor(Add(16), Futex(0x7000, kMutexOp), kSecond, 10, producer);
  ASSERT_THAT(Rows(), SizeIs(2));
  EXPECT_EQ(rows_[0].kind, LockKind::kMutex);
  EXPECT_EQ(rows_[1].kind, LockKind::kPark);
  EXPECT_EQ(rows_[1].holder.thread, nullptr);
}

TEST_F(LockRowsTest, AConditionThatWaitersHandOnIsALock) {
  for (uint32_t tid = 11; tid < 16; ++tid) Add(tid);
  for (uint32_t tid = 11; tid < 16; ++tid) {
    WaitFor({10, tid, kSecond}, Futex(0x7000, kConditionOp), 6 * kSecond, 60,
            {10, tid == 11 ? 12U : 11U, kSecond});
  }
  EXPECT_EQ(Rows().at(0).kind, LockKind::kHandedOn);
}

TEST_F(LockRowsTest, TheInterpretersLockAndFileLocksAreTold) {
  for (uint32_t tid = 11; tid < 14; ++tid) {
    WaitFor(Add(tid, "python3"), Futex(0xa5b740, kTimedOp), 5 * kSecond, 1000);
  }
  machine_.AddWait(Add(14, "python3"), {.cls = WAIT_lock,
                                        .syscall = __NR_flock,
                                        .ns = kSecond,
                                        .count = 2,
                                        .object = FileNamed("db.sqlite")});
  ASSERT_THAT(Rows(), SizeIs(2));
  EXPECT_EQ(rows_[0].kind, LockKind::kInterpreter);
  EXPECT_EQ(rows_[1].kind, LockKind::kFileLock);
  EXPECT_EQ(rows_[1].name, "file db.sqlite");
}

}  // namespace
}  // namespace waitscope
