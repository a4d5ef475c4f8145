// Locks whose holders wait for work, and those whose holders only look as if they did.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpf/sides.h"
#include "tests/diagnose/made_machine.h"

namespace waitscope {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

class IdleHolderTest : public testing::Test {
 protected:
  static constexpr uint64_t kMutex = 0x7000;
  static constexpr int32_t kEpoll = 4;

  ThreadKey Add(uint32_t tid) { return machine_.AddThread(10, tid, "server"); }
  static ThreadKey Before(uint32_t tid) { return {10, tid == 11 ? 16 : tid - 1, kSecond}; }

  void AwaitLock(const ThreadKey& thread, uint64_t ns, double count) {
    machine_.AddWait(thread, {.cls = WAIT_lock,
                              .syscall = __NR_futex,
                              .ns = ns,
                              .count = count,
                              .object = Futex(kMutex, kMutexOp),
                              .waker = count > 0 ? Before(thread.tid) : ThreadKey()});
    if (count > 0) return;
    machine_.snapshot().threads.at(thread).open_wait =
        OpenWait{.cls = WAIT_lock, .ns = 20 * kSecond, .object = Futex(kMutex, kMutexOp)};
  }
  // Six that stand in line, each in turn for so long at what a call waits for.
  void TakeTurns(const MadeWait& under_lock) {
    for (uint32_t tid = 11; tid < 17; ++tid) Add(tid);
    for (uint32_t tid = 11; tid < 17; ++tid) {
      const ThreadKey thread{10, tid, kSecond};
      AwaitLock(thread, 6600 * kMillisecond, 33);
      machine_.AddWait(thread, under_lock);
      machine_.snapshot().lock_owners[{10, kMutex, tid}] = 4;
    }
  }

  void TakeTurnsAtEpoll() {
    wait_object poll{};
    poll.kind = OBJECT_anon;
    poll.fd = kEpoll;
    TakeTurns({.cls = WAIT_poll,
               .syscall = __NR_epoll_wait,
               .ns = 1300 * kMillisecond,
               .count = 33,
               .object = poll});
  }

  MadeMachine machine_;
};

TEST_F(IdleHolderTest, ThreadsThatAcceptByTurnsDoNotContend) {
  TakeTurns({.cls = WAIT_poll, .syscall = __NR_accept, .ns = 1300 * kMillisecond, .count = 33});
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(IdleHolderTest, ThreadsThatReadOnePipeByTurnsDoNotContend) {
  TakeTurns({.cls = WAIT_pipe,
             .syscall = __NR_read,
             .ns = 1300 * kMillisecond,
             .count = 33,
             .object = FileNamed("pipe:[7]")});
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

// As libcurl does, beside a descriptor to be woken by: which ones they are is not known.
TEST_F(IdleHolderTest, ThreadsThatPollForAnAnswerUnderTheLockContend) {
  TakeTurns({.cls = WAIT_poll, .syscall = __NR_poll, .ns = 1300 * kMillisecond, .count = 33});
  EXPECT_THAT(machine_.Conditions(), ElementsAre("lock-contention"));
}

TEST_F(IdleHolderTest, ThreadsThatWaitByTurnsForClientsAtOneEpollDoNotContend) {
  machine_.snapshot().sides[{10, kEpoll}] = SIDE_listens;
  TakeTurnsAtEpoll();
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(IdleHolderTest, ThreadsWhoseEpollWatchesOnlyWhatTheyAskContend) {
  machine_.snapshot().sides[{10, kEpoll}] = SIDE_asks;
  TakeTurnsAtEpoll();
  EXPECT_THAT(machine_.Conditions(), Contains("lock-contention"));
}

TEST_F(IdleHolderTest, ThreadsThatSleepUnderTheLockContend) {
  TakeTurns(
      {.cls = WAIT_sleep, .syscall = __NR_clock_nanosleep, .ns = 1300 * kMillisecond, .count = 33});
  EXPECT_THAT(machine_.Conditions(), ElementsAre("lock-contention"));
}

TEST_F(IdleHolderTest, ThreadsThatWriteASlowPipeUnderTheLockContend) {
  TakeTurns({.cls = WAIT_pipe,
             .syscall = __NR_write,
             .ns = 1300 * kMillisecond,
             .count = 33,
             .object = FileNamed("pipe:[7]")});
  EXPECT_THAT(machine_.Conditions(), Contains("lock-contention"));
}

TEST_F(IdleHolderTest, AHolderThatSleepsIsToBlameThoughTheOthersAcceptInBetween) {
  for (uint32_t tid = 11; tid < 17; ++tid) Add(tid);
  for (uint32_t tid = 12; tid < 17; ++tid) {
    AwaitLock({10, tid, kSecond}, 4 * kSecond, 33);
    machine_.AddWait(
        {10, tid, kSecond},
        {.cls = WAIT_poll, .syscall = __NR_accept, .ns = 3900 * kMillisecond, .count = 33});
  }
  machine_.AddWait(
      {10, 11, kSecond},
      {.cls = WAIT_sleep, .syscall = __NR_clock_nanosleep, .ns = 7900 * kMillisecond, .count = 80});
  machine_.snapshot().lock_owners[{10, kMutex, 11}] = 7;
  EXPECT_THAT(machine_.Conditions(), ElementsAre("lock-contention"));
}

TEST_F(IdleHolderTest, FollowersOfALeaderToWhomNobodyComesAreNotHung) {
  const ThreadKey leader = Add(11);
  machine_.AddWait(leader, {.cls = WAIT_poll, .syscall = __NR_accept, .ns = kWindow});
  for (uint32_t tid = 12; tid < 15; ++tid) AwaitLock(Add(tid), kWindow, 0);
  machine_.snapshot().lock_owners[{10, kMutex, leader.tid}] = 8;
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

// Four have led meanwhile; the others were not needed yet.
TEST_F(IdleHolderTest, FollowersThatWereNotNeededYetAreNotStarved) {
  for (uint32_t tid = 11; tid < 15; ++tid) {
    const ThreadKey leader = Add(tid);
    AwaitLock(leader, 6 * kSecond, 1);
    machine_.AddWait(leader,
                     {.cls = WAIT_poll, .syscall = __NR_accept, .ns = 2 * kSecond, .count = 1});
    machine_.AddCalls(leader, __NR_accept, 1);
    machine_.AddCalls(leader, __NR_recvfrom, 1);
    machine_.AddCalls(leader, __NR_write, 1);
    machine_.snapshot().lock_owners[{10, kMutex, tid}] = 2;
  }
  for (uint32_t tid = 15; tid < 17; ++tid) AwaitLock(Add(tid), kWindow, 0);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(IdleHolderTest, FollowersOfALeaderThatPausesAreHung) {
  const ThreadKey leader = Add(11);
  machine_.AddWait(leader, {.cls = WAIT_poll, .syscall = __NR_pause, .ns = kWindow});
  for (uint32_t tid = 12; tid < 15; ++tid) AwaitLock(Add(tid), kWindow, 0);
  machine_.snapshot().lock_owners[{10, kMutex, leader.tid}] = 8;
  EXPECT_THAT(machine_.Conditions(), ElementsAre("hung-threads"));
}

TEST_F(IdleHolderTest, WhoWaitsForALockThatItHadBeforeIsNotHungByItself) {
  const ThreadKey waiter = Add(11);
  const ThreadKey owner = Add(12);
  AwaitLock(waiter, 3 * kSecond, 0);
  machine_.snapshot().threads.at(waiter).open_wait->ns = 3 * kSecond;
  machine_.AddRunning(owner, 3 * kSecond);
  machine_.snapshot().lock_owners[{10, kMutex, waiter.tid}] = 5;
  machine_.snapshot().lock_owners[{10, kMutex, owner.tid}] = 3;
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

}  // namespace
}  // namespace waitscope
