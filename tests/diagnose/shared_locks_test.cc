// Locks that processes keep in memory that they share.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/diagnose/made_machine.h"

namespace waitscope {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr uint32_t kSharedOp = 0x109;  // FUTEX_WAIT_BITSET | CLOCK_REALTIME, not PRIVATE
constexpr uint64_t kWord = 0x7f0000001000;

class SharedLocksTest : public testing::Test {
 protected:
  SharedLocksTest() {
    for (uint32_t pid = 10; pid < 14; ++pid)
      workers_.push_back(machine_.AddThread(pid, pid, "worker"));
  }

  void Wait(const ThreadKey& waiter, const ThreadKey& waker, uint32_t op = kSharedOp,
            uint64_t ns = 6 * kSecond) {
    machine_.AddWait(waiter, {.cls = WAIT_child,
                              .syscall = __NR_futex,
                              .ns = ns,
                              .count = 24,
                              .object = Futex(kWord, op),
                              .waker = waker,
                              .user_frames = {"sem_wait", "work"}});
  }
  // Each ends the waits of the next one.
  void WaitInTurn(uint32_t op = kSharedOp) {
    for (size_t at = 0; at < workers_.size(); ++at) {
      Wait(workers_[at], workers_[(at + 1) % workers_.size()], op);
    }
  }
  void WaitInSemop(const ThreadKey& waiter, const ThreadKey& waker) {
    machine_.AddWait(waiter, {.cls = WAIT_lock,
                              .syscall = __NR_semop,
                              .ns = 6 * kSecond,
                              .count = 24,
                              .waker = waker,
                              .user_frames = {"semop", "work"}});
  }
  void WaitInSemop(const std::vector<ThreadKey>& in_turn) {
    for (size_t at = 0; at < in_turn.size(); ++at) {
      WaitInSemop(in_turn[at], in_turn[(at + 1) % in_turn.size()]);
    }
  }
  void SpendTheRest(wait_class cls, int32_t syscall, const wait_object& object = {}) {
    for (const ThreadKey& worker : workers_) {
      machine_.AddWait(worker, {.cls = cls,
                                .syscall = syscall,
                                .ns = 1900 * kMillisecond,
                                .count = 24,
                                .object = object,
                                .user_frames = {"clock_nanosleep", "report"}});
    }
  }

  MadeMachine machine_;
  std::vector<ThreadKey> workers_;
};

TEST_F(SharedLocksTest, ProcessesThatHandALockOnToEachOtherStandInLine) {
  WaitInTurn();
  SpendTheRest(WAIT_sleep, __NR_clock_nanosleep);
  const Findings findings = machine_.Diagnosed();
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0].condition, "lock-contention");
  EXPECT_EQ(findings[0].severity, Severity::kCritical);
  EXPECT_THAT(findings[0].summary, HasSubstr("which 4 processes share"));
}

TEST_F(SharedLocksTest, ProcessesThatHandASemaphoreOfSystemVOnStandInLine) {
  WaitInSemop(workers_);
  SpendTheRest(WAIT_sleep, __NR_clock_nanosleep);
  const Findings findings = machine_.Diagnosed();
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0].condition, "lock-contention");
  EXPECT_THAT(findings[0].summary, HasSubstr("a System V semaphore, which 4 processes share"));
}

TEST_F(SharedLocksTest, TwoSemaphoresOfSystemVAreTwoLines) {
  std::vector<ThreadKey> others;
  for (uint32_t pid = 20; pid < 24; ++pid) others.push_back(machine_.AddThread(pid, pid, "other"));
  WaitInSemop(workers_);
  WaitInSemop(others);
  SpendTheRest(WAIT_sleep, __NR_clock_nanosleep);
  workers_ = others;
  SpendTheRest(WAIT_sleep, __NR_clock_nanosleep);
  EXPECT_THAT(machine_.Diagnosed(), SizeIs(2));
}

TEST_F(SharedLocksTest, WhoWaitsInSemopUntilSomebodyPostsIsIdle) {
  const ThreadKey waker = machine_.AddThread(20, 20, "poster");
  for (const ThreadKey& waiter : workers_) WaitInSemop(waiter, waker);
  SpendTheRest(WAIT_sleep, __NR_clock_nanosleep);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(SharedLocksTest, WorkersThatTakeTurnsAtAPipeAreIdle) {
  WaitInTurn();
  wait_object pipe{};
  pipe.kind = OBJECT_pipe;
  SpendTheRest(WAIT_pipe, __NR_read, pipe);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(SharedLocksTest, ASemaphoreThatLetsTwoInIsALimit) {
  for (size_t at = 0; at < workers_.size(); ++at) {
    Wait(workers_[at], workers_[(at + 1) % workers_.size()], kSharedOp, 4 * kSecond);
  }
  SpendTheRest(WAIT_sleep, __NR_clock_nanosleep);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(SharedLocksTest, ASemaphoreThatSomebodyElsePostsIsAQueue) {
  const ThreadKey producer = machine_.AddThread(20, 20, "producer");
  for (const ThreadKey& each : workers_) Wait(each, producer);
  SpendTheRest(WAIT_sleep, __NR_clock_nanosleep);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(SharedLocksTest, PrivateWordsAtOneAddressAreDifferentWords) {
  WaitInTurn(kConditionOp);
  SpendTheRest(WAIT_sleep, __NR_clock_nanosleep);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(SharedLocksTest, JoinsAreEndedByWhoeverExits) {
  const ThreadKey exits = machine_.AddThread(10, 30, "worker");
  Wait(workers_[0], exits);
  SpendTheRest(WAIT_sleep, __NR_clock_nanosleep);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

}  // namespace
}  // namespace waitscope
