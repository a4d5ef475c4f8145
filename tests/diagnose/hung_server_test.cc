// Servers of which nobody moves while clients wait to be let in.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpf/sides.h"
#include "tests/diagnose/made_machine.h"

namespace waitscope {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class HungServerTest : public testing::Test {
 protected:
  HungServerTest() { Listen(10, SIDE_listens | SIDE_waiting); }

  void Listen(uint32_t pid, uint32_t sides, uint32_t parent = 1) {
    machine_.snapshot().sides[{pid, SidesKey::kWholeProcess}] = sides;
    machine_.snapshot().processes[pid].parent_pid = parent;
  }
  // All of the window in one wait.
  void Stick(uint32_t pid, uint32_t tid, wait_class cls = WAIT_lock, int32_t syscall = __NR_futex) {
    const ThreadKey thread = machine_.AddThread(pid, tid, "server");
    const wait_object word =
        cls == WAIT_lock ? Futex(0x9000 + 64ULL * tid, kConditionOp) : wait_object{};
    machine_.AddWait(thread, {.cls = cls, .syscall = syscall, .ns = kWindow, .object = word});
    machine_.snapshot().threads.at(thread).open_wait =
        OpenWait{.cls = cls, .ns = 20 * kSecond, .syscall = syscall, .object = word};
  }
  void SleepByTimetable(uint32_t pid, uint32_t tid) {
    machine_.AddWait(
        machine_.AddThread(pid, tid, "server"),
        {.cls = WAIT_sleep, .syscall = __NR_clock_nanosleep, .ns = kWindow, .count = 4});
  }

  MadeMachine machine_;
};

TEST_F(HungServerTest, NobodyMovesWhileClientsWait) {
  for (uint32_t tid = 11; tid < 15; ++tid) Stick(10, tid);
  Stick(10, 10, WAIT_child);
  SleepByTimetable(10, 15);
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].condition, "hung-threads");
  EXPECT_EQ(findings[0].severity, Severity::kCritical);
  EXPECT_EQ(findings[0].threads.size(), 4u);
  EXPECT_THAT(findings[0].summary, HasSubstr("no thread has moved"));
}

TEST_F(HungServerTest, AnIdleServerHasNobodyWaiting) {
  Listen(10, SIDE_listens);
  for (uint32_t tid = 11; tid < 15; ++tid) Stick(10, tid);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(HungServerTest, WhoPollsMayAcceptNoMoreThanItWants) {
  for (uint32_t tid = 11; tid < 15; ++tid) Stick(10, tid);
  Stick(10, 10, WAIT_poll, __NR_epoll_wait);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(HungServerTest, WhoeverMovesMayBeBusyWithTheOthersWork) {
  for (uint32_t tid = 11; tid < 15; ++tid) Stick(10, tid);
  machine_.AddRunning(machine_.AddThread(10, 10, "server"), 2 * kSecond);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(HungServerTest, AParentWhoseChildrenAcceptIsHealthy) {
  for (uint32_t tid = 10; tid < 13; ++tid) Stick(10, tid);
  Listen(20, SIDE_listens | SIDE_waiting | SIDE_asked, 10);
  machine_.AddRunning(machine_.AddThread(20, 20, "server"), 7 * kSecond);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(HungServerTest, InitMovesForItself) {
  Listen(1, SIDE_listens | SIDE_waiting, 0);
  machine_.AddRunning(machine_.AddThread(1, 1, "systemd"), kSecond);
  for (uint32_t tid = 11; tid < 15; ++tid) Stick(10, tid);
  EXPECT_THAT(machine_.Conditions(), ElementsAre("hung-threads"));
}

TEST_F(HungServerTest, AParentAtWhoseOwnSocketsNobodyWaitsIsNoHelp) {
  Listen(10, SIDE_listens | SIDE_waiting, 5);
  Listen(5, SIDE_listens, 1);
  machine_.AddRunning(machine_.AddThread(5, 5, "manager"), kSecond);
  for (uint32_t tid = 11; tid < 15; ++tid) Stick(10, tid);
  EXPECT_THAT(machine_.Conditions(), ElementsAre("hung-threads"));
}

TEST_F(HungServerTest, AGrandchildMayAccept) {
  for (uint32_t tid = 10; tid < 13; ++tid) Stick(10, tid);
  machine_.AddThread(15, 15, "spawner");
  Listen(15, SIDE_listens, 10);
  Listen(20, SIDE_listens | SIDE_waiting, 15);
  machine_.AddRunning(machine_.AddThread(20, 20, "worker"), 7 * kSecond);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(HungServerTest, WhoWaitsForAPeerOrWasStoppedMayGoOn) {
  for (const wait_class cls : {WAIT_network, WAIT_other, WAIT_fault}) {
    machine_ = MadeMachine();
    Listen(10, SIDE_listens | SIDE_waiting);
    for (uint32_t tid = 11; tid < 15; ++tid) Stick(10, tid);
    Stick(10, 10, cls, __NR_recvfrom);
    EXPECT_THAT(machine_.Conditions(), IsEmpty()) << cls;
  }
}

TEST_F(HungServerTest, WhoWaitsForAChildProcessMayGoOn) {
  for (uint32_t tid = 11; tid < 15; ++tid) Stick(10, tid);
  Stick(10, 10, WAIT_child, __NR_wait4);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(HungServerTest, AChildThatHasLetEverybodyInBeforeTheLookMayAccept) {
  for (uint32_t tid = 10; tid < 13; ++tid) Stick(10, tid);
  Listen(20, SIDE_listens, 10);
  machine_.AddRunning(machine_.AddThread(20, 20, "server"), 7 * kSecond);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(HungServerTest, JavasHelpersAreNotStuck) {
  Stick(10, 11);
  for (const auto& [tid, name] : {std::pair(12U, "Reference Handl"), std::pair(13U, "Finalizer"),
                                  std::pair(14U, "Signal Dispatch")}) {
    Stick(10, tid);
    machine_.AddThread(10, tid, name);
  }
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(HungServerTest, WorkersOfOneThreadThatAreAllStuckAreToldEach) {
  machine_ = MadeMachine();
  for (uint32_t pid = 20; pid < 23; ++pid) {
    Listen(pid, SIDE_listens | SIDE_waiting | SIDE_asked, 10);
    Stick(pid, pid);
  }
  EXPECT_THAT(machine_.Conditions(), ElementsAre("hung-threads", "hung-threads", "hung-threads"));
}

}  // namespace
}  // namespace waitscope
