// Threads of Java that wait for each other's monitors, beside others that only wait.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/diagnose/made_machine.h"

namespace waitscope {
namespace {

using testing::Contains;
using testing::Not;

class JavaDeadlockTest : public testing::Test {
 protected:
  ThreadKey Add(uint32_t tid, const std::string& comm) { return machine_.AddThread(10, tid, comm); }
  void WaitForMonitor(uint32_t tid, const std::string& function, const MadeWait& how) {
    MadeWait wait = how;
    wait.cls = WAIT_lock;
    wait.syscall = __NR_futex;
    wait.object = Futex(0x9000 + 64ULL * tid, kConditionOp);
    wait.user_frames = {"ObjectMonitor::enter(JavaThread*)", function};
    machine_.AddWait(Add(tid, "java"), wait);
  }
  void MarkJava() {
    for (auto& [id, stack] : machine_.snapshot().stacks) {
      for (Frame& frame : stack.frames) {
        if (frame.symbol.starts_with("Shop.")) frame.module = "[jit]";
      }
    }
  }
  void HangInJava() {
    WaitForMonitor(12, "Shop.buy", {.ns = kWindow - 10 * kMillisecond, .count = 8});
    WaitForMonitor(13, "Shop.sell", {.ns = kWindow - 10 * kMillisecond, .count = 8});
    MarkJava();
  }
  void ContendInJava(uint64_t longest_ns) {
    for (uint32_t tid = 14; tid < 18; ++tid) {
      WaitForMonitor(
          tid, "Shop.count",
          {.ns = 6 * kSecond, .count = 60, .longest_ns = longest_ns, .waker = Add(11, "java")});
    }
    MarkJava();
  }

  MadeMachine machine_;
};

TEST_F(JavaDeadlockTest, ADeadlockOfJavaIsToldThoughOthersContendForAnotherMonitor) {
  HangInJava();
  ContendInJava(10 * kMillisecond);
  const Findings findings = machine_.Diagnosed();
  const auto hung = std::ranges::find(findings, "hung-threads", &Finding::condition);
  ASSERT_NE(hung, findings.end());
  EXPECT_EQ(hung->threads.size(), 2u);
  EXPECT_EQ(hung->severity, Severity::kCritical);
}

TEST_F(JavaDeadlockTest, OnePlaceOfJavaWhereNobodyIsLetInIsLessCertain) {
  for (const uint32_t tid : {12U, 13U}) {
    WaitForMonitor(tid, "Shop.transfer", {.ns = kWindow - 10 * kMillisecond, .count = 8});
  }
  MarkJava();
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].condition, "hung-threads");
  EXPECT_EQ(findings[0].severity, Severity::kWarning);
}

TEST_F(JavaDeadlockTest, WhoStandsInALongLineForAMonitorDoesNotHang) {
  HangInJava();
  ContendInJava(5 * kSecond);
  EXPECT_THAT(machine_.Conditions(), Not(Contains("hung-threads")));
}

}  // namespace
}  // namespace waitscope
