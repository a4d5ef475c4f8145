// Event loops: which threads are one, and what holds them up.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/diagnose/made_machine.h"

namespace waitscope {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class LoopTest : public testing::Test {
 protected:
  // A server that answers ten requests a second by turns.
  ThreadKey AddServer() {
    const ThreadKey loop = machine_.AddThread(10, 10, "python3");
    machine_.AddCalls(loop, __NR_epoll_wait, 160);
    machine_.AddCalls(loop, __NR_recvfrom, 80);
    machine_.AddCalls(loop, __NR_sendto, 80);
    return loop;
  }

  MadeMachine machine_;
};

TEST_F(LoopTest, ASleepInACallbackIsASynchronousCall) {
  const ThreadKey loop = AddServer();
  machine_.AddLoop(loop, 300 * kMillisecond, 10);
  machine_.AddWait(loop, {.cls = WAIT_sleep,
                          .syscall = __NR_clock_nanosleep,
                          .ns = 3 * kSecond,
                          .count = 10,
                          .user_frames = {"clock_nanosleep", "handle"}});
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].condition, "event-loop-blocked");
  EXPECT_EQ(findings[0].severity, Severity::kCritical);
  EXPECT_THAT(findings[0].summary, HasSubstr("by a synchronous call (sleeping)"));
  EXPECT_THAT(findings[0].evidence[0].frames, ElementsAre("clock_nanosleep", "handle"));
}

TEST_F(LoopTest, ComputingInACallbackIsNamedAsThat) {
  const ThreadKey loop = AddServer();
  machine_.AddLoop(loop, 300 * kMillisecond, 10);
  machine_.AddRunning(loop, 3 * kSecond, {"sha256", "handle"});
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_THAT(findings[0].summary, HasSubstr("CPU-bound callback"));
}

TEST_F(LoopTest, ShortTurnsAreHealthyHoweverMany) {
  const ThreadKey loop = AddServer();
  machine_.AddLoop(loop, 20 * kMillisecond, 300);
  machine_.AddRunning(loop, 6 * kSecond);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(LoopTest, OneLongTurnIsNoSickness) {
  const ThreadKey loop = AddServer();
  machine_.AddLoop(loop, 300 * kMillisecond, 1);
  machine_.AddRunning(loop, 300 * kMillisecond);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(LoopTest, ATimerThreadThatTouchesNoConnectionIsNoLoop) {
  const ThreadKey timer = machine_.AddThread(10, 11, "timer");
  machine_.AddCalls(timer, __NR_epoll_wait, 20);
  machine_.AddLoop(timer, 300 * kMillisecond, 20);
  machine_.AddRunning(timer, 6 * kSecond);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(LoopTest, ThreadsThatPollByTurnsForAllOfThemAreNoLoops) {
  wait_object network{};
  network.kind = OBJECT_anon;
  network.fd = 4;
  for (uint32_t tid = 10; tid < 14; ++tid) {
    const ThreadKey thread = machine_.AddThread(10, tid, "goserver");
    machine_.AddCalls(thread, __NR_epoll_pwait, 160);
    machine_.AddCalls(thread, __NR_read, 80);
    machine_.AddCalls(thread, __NR_write, 80);
    machine_.AddLoop(thread, 300 * kMillisecond, 10);
    machine_.AddWait(thread, {.cls = WAIT_poll,
                              .syscall = __NR_epoll_pwait,
                              .ns = kSecond,
                              .count = 20,
                              .object = network});
  }
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(LoopTest, ABackendOfPostgresWorksForOneClientOnly) {
  const ThreadKey backend = machine_.AddThread(10, 10, "postgres");
  machine_.AddCalls(backend, __NR_epoll_wait, 20);
  machine_.AddCalls(backend, __NR_recvfrom, 20);
  machine_.AddCalls(backend, __NR_sendto, 20);
  machine_.AddLoop(backend, 300 * kMillisecond, 20);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(LoopTest, ALoopInsideACallBlocksTheLoopAroundIt) {
  const ThreadKey loop = AddServer();
  machine_.AddCalls(loop, __NR_epoll_create1, 20);
  wait_object own{};
  own.kind = OBJECT_anon;
  own.fd = 13;
  wait_object nested = own;
  nested.fd = 21;
  machine_.AddWait(
      loop,
      {.cls = WAIT_poll, .syscall = __NR_epoll_pwait, .ns = kSecond, .count = 30, .object = own});
  machine_.AddWait(loop, {.cls = WAIT_poll,
                          .syscall = __NR_epoll_pwait,
                          .ns = 5 * kSecond,
                          .count = 20,
                          .object = nested});
  EXPECT_THAT(machine_.Conditions(), ElementsAre("event-loop-blocked"));
}

TEST_F(LoopTest, AnInnerLoopIsKnownEvenWhenItsOwnNeverWaits) {
  const ThreadKey loop = AddServer();
  machine_.AddCalls(loop, __NR_epoll_create1, 20);
  wait_object nested{};
  nested.kind = OBJECT_anon;
  nested.fd = 21;
  machine_.AddWait(loop, {.cls = WAIT_poll,
                          .syscall = __NR_epoll_pwait,
                          .ns = 5 * kSecond,
                          .count = 20,
                          .object = nested});
  EXPECT_THAT(machine_.Conditions(), ElementsAre("event-loop-blocked"));
}

TEST_F(LoopTest, AServerThatComesRoundOnlyThreeTimesIsALoopStill) {
  const ThreadKey loop = machine_.AddThread(10, 10, "node");
  machine_.AddCalls(loop, __NR_epoll_pwait, 3);
  machine_.AddCalls(loop, __NR_read, 12);
  machine_.AddCalls(loop, __NR_write, 12);
  machine_.AddLoop(loop, 2500 * kMillisecond, 3);
  machine_.AddRunning(loop, 7 * kSecond);
  EXPECT_THAT(machine_.Conditions(), ElementsAre("event-loop-blocked"));
}

TEST_F(LoopTest, AWorkerOfOneClientMayTakeItsTime) {
  const ThreadKey worker = machine_.AddThread(10, 10, "worker");
  machine_.AddCalls(worker, __NR_epoll_wait, 3);
  machine_.AddCalls(worker, __NR_recvfrom, 3);
  machine_.AddCalls(worker, __NR_sendto, 3);
  machine_.AddLoop(worker, 2500 * kMillisecond, 3);
  machine_.AddRunning(worker, 7 * kSecond);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(LoopTest, ManySmallCommitsInEachTurnAddUp) {
  const ThreadKey loop = AddServer();
  machine_.AddLoop(loop, 45 * kMillisecond, 80);
  for (uint64_t file = 0; file < 40; ++file) {
    machine_.AddWait(loop, {.cls = WAIT_commit,
                            .syscall = __NR_fsync,
                            .ns = 75 * kMillisecond,
                            .count = 60,
                            .object = FileNamed("file" + std::to_string(file)),
                            .user_frames = {"fsync", "commit"}});
  }
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].condition, "event-loop-blocked");
  EXPECT_THAT(findings[0].summary, HasSubstr("by a synchronous call (waiting for the disk)"));
  EXPECT_THAT(findings[0].evidence[0].frames, ElementsAre("fsync", "commit"));
}

TEST_F(LoopTest, ShortWaitsInFewTurnsAreHealthy) {
  const ThreadKey loop = AddServer();
  machine_.AddLoop(loop, 45 * kMillisecond, 20);
  machine_.AddWait(loop, {.cls = WAIT_disk, .syscall = __NR_pread64, .ns = kSecond, .count = 100});
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(LoopTest, AWorkerThatIsFedByItsOwnProcessMayComputeForLong) {
  const ThreadKey main = machine_.AddThread(10, 10, "node");
  const ThreadKey worker = machine_.AddThread(10, 11, "node");
  machine_.AddCalls(worker, __NR_epoll_pwait, 60);
  machine_.AddCalls(worker, __NR_read, 60);
  machine_.AddCalls(worker, __NR_write, 60);
  machine_.AddLoop(worker, 150 * kMillisecond, 30);
  machine_.AddRunning(worker, 5 * kSecond);
  machine_.AddWait(worker, {.cls = WAIT_poll,
                            .syscall = __NR_epoll_pwait,
                            .ns = 2 * kSecond,
                            .count = 30,
                            .waker = main});
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(LoopTest, AnInnerLoopMayWaitAFewTimesForItsChild) {
  const ThreadKey loop = AddServer();
  machine_.AddCalls(loop, __NR_epoll_create1, 20);
  wait_object nested{};
  nested.kind = OBJECT_anon;
  nested.fd = 21;
  machine_.AddWait(loop, {.cls = WAIT_poll,
                          .syscall = __NR_epoll_pwait,
                          .ns = 5 * kSecond,
                          .count = 55,
                          .longest_ns = 260 * kMillisecond,
                          .object = nested});
  EXPECT_THAT(machine_.Conditions(), ElementsAre("event-loop-blocked"));
}

TEST_F(LoopTest, WithoutCountedCallsItsWaitsTell) {
  const ThreadKey loop = machine_.AddThread(10, 10, "python3");
  machine_.AddWait(loop,
                   {.cls = WAIT_poll, .syscall = __NR_epoll_wait, .ns = kSecond, .count = 40});
  machine_.AddWait(
      loop, {.cls = WAIT_sleep, .syscall = __NR_clock_nanosleep, .ns = 3 * kSecond, .count = 10});
  EXPECT_THAT(machine_.Conditions(), ElementsAre("event-loop-blocked"));
}

}  // namespace
}  // namespace waitscope
