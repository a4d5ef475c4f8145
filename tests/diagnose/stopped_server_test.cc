// Servers that were stopped while others wait for them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpf/sides.h"
#include "tests/diagnose/made_machine.h"

namespace waitscope {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::vector<std::string> kStopped{"do_signal_stop", "get_signal"};
const std::vector<std::string> kTraced{"ptrace_stop", "ptrace_signal", "get_signal"};

class StoppedServerTest : public testing::Test {
 protected:
  StoppedServerTest() { Listen(10, SIDE_listens | SIDE_waiting); }

  void Listen(uint32_t pid, uint32_t sides, uint32_t parent = 1) {
    machine_.snapshot().sides[{pid, SidesKey::kWholeProcess}] = sides;
    machine_.snapshot().processes[pid].parent_pid = parent;
  }
  void Hold(uint32_t pid, uint32_t tid, const std::vector<std::string>& kernel_frames,
            uint64_t ns = 20 * kSecond) {
    const ThreadKey thread = machine_.AddThread(pid, tid, "server");
    machine_.AddWait(thread, {.syscall = __NR_futex, .ns = kWindow});
    machine_.snapshot().threads.at(thread).open_wait =
        OpenWait{.ns = ns, .syscall = __NR_futex, .kernel_stack = machine_.Stack(kernel_frames)};
  }

  MadeMachine machine_;
};

TEST_F(StoppedServerTest, WhoIsStoppedWhileClientsWaitIsTold) {
  for (uint32_t tid = 10; tid < 13; ++tid) Hold(10, tid, kStopped);
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].condition, "hung-threads");
  EXPECT_EQ(findings[0].severity, Severity::kCritical);
  EXPECT_THAT(findings[0].summary, HasSubstr("is stopped by a signal, all 3 threads"));
}

TEST_F(StoppedServerTest, EachWayToBeStoppedIsNamed) {
  for (const auto& [function, words] : {std::pair("ptrace_stop.part.0", "a debugger or tracer"),
                                        std::pair("do_freezer_trap", "its frozen cgroup"),
                                        std::pair("get_signal", "a signal or its frozen cgroup")}) {
    Hold(10, 10, {function, "arch_do_signal_or_restart"});
    const Findings findings = machine_.Diagnosed();
    ASSERT_EQ(findings.size(), 1u) << function;
    EXPECT_THAT(findings[0].summary, HasSubstr(words));
  }
}

TEST_F(StoppedServerTest, WhoDiedBeforeIsNotCounted) {
  machine_.snapshot().threads.at(machine_.AddThread(10, 9, "server")).exited = true;
  Hold(10, 10, kStopped);
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_THAT(findings[0].summary, HasSubstr("its only thread "));
}

TEST_F(StoppedServerTest, HeldConnectionsAreOnlyWorthKnowing) {
  Listen(10, SIDE_listens | SIDE_asked);
  Hold(10, 10, kTraced);
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].severity, Severity::kInfo);
}

TEST_F(StoppedServerTest, WhoIsStoppedWithNobodysConnectionHarmsNobody) {
  Listen(10, SIDE_listens);
  Hold(10, 10, kTraced);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(StoppedServerTest, AServerOfWhichADebuggerHoldsOneThreadGoesOn) {
  Hold(10, 10, kTraced);
  machine_.AddRunning(machine_.AddThread(10, 11, "server"), kSecond);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(StoppedServerTest, OneThatWasStoppedForAMomentGoesOn) {
  Hold(10, 10, kTraced, kSecond);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(StoppedServerTest, WhileAWorkerOfSeveralIsLookedAtTheOthersAccept) {
  Listen(10, SIDE_listens | SIDE_waiting, 5);
  Hold(10, 10, kTraced);
  Listen(11, SIDE_listens, 5);
  machine_.AddRunning(machine_.AddThread(11, 11, "server"), kSecond);
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].severity, Severity::kInfo);
}

TEST_F(StoppedServerTest, WhoWaitsForSomethingElseIsNotStopped) {
  Hold(10, 10, {"usb_stor_control_thread", "kthread"});
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

}  // namespace
}  // namespace waitscope
