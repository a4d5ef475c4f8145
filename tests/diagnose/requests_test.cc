// Processes that are asked for something: who of them answers, sleeps, or waits for itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "tests/diagnose/made_machine.h"

namespace waitscope {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class RequestTest : public testing::Test {
 protected:
  RequestTest() : main_(machine_.AddThread(10, 10, "server")) {
    machine_.AddCalls(main_, __NR_accept4, 30);
  }
  ThreadKey AddSleeper() {
    const ThreadKey thread = machine_.AddThread(10, 20, "server");
    machine_.AddWait(
        thread,
        {.cls = WAIT_sleep, .syscall = __NR_clock_nanosleep, .ns = 7 * kSecond, .count = 70});
    return thread;
  }
  // Finds nothing after every other sleep.
  void TakeWhatCame(const ThreadKey& thread, int error = EAGAIN) {
    machine_.AddCalls(thread, __NR_recvfrom, 70);
    machine_.AddCalls(thread, __NR_sendto, 35);
    machine_.snapshot().syscalls.at({thread, __NR_recvfrom}).errors = 35;
    machine_.snapshot().errnos[{thread.pid, __NR_recvfrom, error}] = 35;
  }
  void ParkForGood(uint32_t tid, const std::string& function) {
    const ThreadKey worker = machine_.AddThread(10, tid, "python3");
    const wait_object word = Futex(0x6000 + 64ULL * tid, kConditionOp);
    machine_.AddWait(worker, {.cls = WAIT_lock,
                              .syscall = __NR_futex,
                              .ns = kWindow,
                              .object = word,
                              .user_frames = {"sem_wait", function, "_worker"}});
    OpenWait wait;
    wait.cls = WAIT_lock;
    wait.ns = 5 * kWindow;
    wait.object = word;
    machine_.snapshot().threads.at(worker).open_wait = wait;
  }

  // It sleeps 40 times, and always finds something.
  void LoopOverSelect(uint64_t turns) {
    const ThreadKey loop = machine_.AddThread(20, 20, "loop");
    machine_.AddWait(
        loop, {.cls = WAIT_sleep, .syscall = __NR_clock_nanosleep, .ns = kWindow, .count = 40});
    machine_.AddCalls(loop, __NR_pselect6, turns);
    machine_.AddCalls(loop, __NR_read, 40);
    machine_.AddCalls(loop, __NR_write, 40);
    machine_.AddLoop(loop, kWindow / turns, turns);
    UnreadWindow& port = machine_.snapshot().unread[{20, 8080}];
    port.reads = 40;
    port.ages.Add(200 * kMillisecond, 40);
  }

  const std::string kFutureOfCpp =
      "std::__atomic_futex_unsigned_base::_M_futex_wait_until(unsigned int*, unsigned int)";
  MadeMachine machine_;
  ThreadKey main_;
};

TEST_F(RequestTest, ASleepBetweenReceivingAndSendingIsTold) {
  const ThreadKey thread = AddSleeper();
  machine_.AddCalls(thread, __NR_recvfrom, 70);
  machine_.AddCalls(thread, __NR_sendto, 70);
  EXPECT_THAT(machine_.Conditions(), ElementsAre("blocking-sleep"));
}

TEST_F(RequestTest, AHousekeeperThatReadsFilesAndWritesALogAnswersNobody) {
  const ThreadKey thread = AddSleeper();
  machine_.AddCalls(thread, __NR_read, 70);
  machine_.AddCalls(thread, __NR_write, 70);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(RequestTest, ASenderOfNewsIsAskedForNothing) {
  machine_.AddCalls(AddSleeper(), __NR_sendto, 70);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(RequestTest, ALoopThatSleepsForATickAndThenTakesWhatCameKeepsNobodyWaiting) {
  TakeWhatCame(AddSleeper());
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(RequestTest, AHandlerThatSleepsIsToldThoughItsClientsReset) {
  TakeWhatCame(AddSleeper(), ECONNRESET);
  EXPECT_THAT(machine_.Conditions(), ElementsAre("blocking-sleep"));
}

TEST_F(RequestTest, AHandlerThatSleepsIsToldThoughItTakesTillNothingIsLeft) {
  const ThreadKey thread = AddSleeper();
  TakeWhatCame(thread);
  machine_.AddCalls(thread, __NR_poll, 70);
  EXPECT_THAT(machine_.Conditions(), ElementsAre("blocking-sleep"));
}

TEST_F(RequestTest, AHandlerThatSleepsIsToldThoughAnotherThreadPollsForIt) {
  TakeWhatCame(AddSleeper());
  machine_.AddCalls(main_, __NR_epoll_wait, 70);
  EXPECT_THAT(machine_.Conditions(), ElementsAre("blocking-sleep"));
}

TEST_F(RequestTest, ALoopOverSelectThatSleepsForEachRequestIsToldThoughItNeverWaitsAtIt) {
  LoopOverSelect(25);
  EXPECT_THAT(machine_.Conditions(), ElementsAre("blocking-sleep"));
}

TEST_F(RequestTest, ALoopThatLooksWhatLiesThereAfterEachSleepKeepsNobodyWaiting) {
  LoopOverSelect(40);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(RequestTest, APollerThatAsksOthersMaySleep) {
  const ThreadKey thread = AddSleeper();
  machine_.AddCalls(thread, __NR_recvfrom, 70);
  machine_.AddCalls(thread, __NR_sendto, 70);
  machine_.AddWait(thread, {.cls = WAIT_network,
                            .syscall = __NR_recvfrom,
                            .ns = 300 * kMillisecond,
                            .count = 70,
                            .object = Connection(41000, 5432)});
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(RequestTest, APoolThatWaitsForItselfWhileRequestsComeIsStarved) {
  for (uint32_t tid = 11; tid < 15; ++tid) ParkForGood(tid, "Future.result");
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].condition, "thread-pool-starvation");
  EXPECT_THAT(findings[0].summary, HasSubstr("results of other tasks"));
}

TEST_F(RequestTest, APoolThatWaitsForStdFuturesWhileRequestsAreReadAndNotAnsweredIsStarved) {
  for (uint32_t tid = 11; tid < 15; ++tid) ParkForGood(tid, kFutureOfCpp);
  machine_.AddCalls(main_, __NR_recvfrom, 30);
  EXPECT_THAT(machine_.Conditions(), ElementsAre("thread-pool-starvation"));
}

TEST_F(RequestTest, ThreadsThatWaitForTheEndBesideOneThatWritesAnswersAreIdle) {
  for (uint32_t tid = 11; tid < 13; ++tid) ParkForGood(tid, kFutureOfCpp);
  machine_.AddCalls(main_, __NR_read, 30);
  machine_.AddCalls(main_, __NR_write, 30);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(RequestTest, APoolThatNeverMovesWhileNobodyReadsRequestsIsStarved) {
  for (uint32_t tid = 11; tid < 15; ++tid) ParkForGood(tid, "Unsafe_Park");
  EXPECT_THAT(machine_.Conditions(), ElementsAre("thread-pool-starvation"));
}

TEST_F(RequestTest, ACompilerThatReadsAFileNowAndThenReadsNoRequests) {
  for (uint32_t tid = 11; tid < 15; ++tid) ParkForGood(tid, "Unsafe_Park");
  machine_.AddCalls(machine_.AddThread(10, 30, "C1 CompilerThre"), __NR_read, 4);
  EXPECT_THAT(machine_.Conditions(), ElementsAre("thread-pool-starvation"));
}

TEST_F(RequestTest, AnIdlePoolBesideSomebodyWhoAnswersIsIdle) {
  for (uint32_t tid = 11; tid < 15; ++tid) ParkForGood(tid, "Unsafe_Park");
  machine_.AddCalls(main_, __NR_read, 30);
  machine_.AddCalls(main_, __NR_write, 30);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(RequestTest, AnIdlePoolBesideAReceiverThatNeverAnswersIsIdle) {
  for (uint32_t tid = 11; tid < 15; ++tid) ParkForGood(tid, "Unsafe_Park");
  machine_.AddCalls(main_, __NR_recvfrom, 30);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(RequestTest, OneWorkerAtItsQueueCanStillHelpTheOthers) {
  for (uint32_t tid = 11; tid < 15; ++tid) ParkForGood(tid, "Future.result");
  const ThreadKey idle = machine_.AddThread(10, 15, "python3");
  machine_.AddWait(idle, {.cls = WAIT_lock,
                          .syscall = __NR_futex,
                          .ns = kWindow,
                          .count = 20,
                          .object = Futex(0x5000, kConditionOp),
                          .waker = main_});
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

}  // namespace
}  // namespace waitscope
