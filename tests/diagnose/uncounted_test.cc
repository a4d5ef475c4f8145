// Pools in findings that nobody asked for: system calls were not counted, so other things must
// prove that somebody waits for a pool.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/diagnose/made_server.h"

namespace waitscope {
namespace {

using testing::Contains;
using testing::Not;

class UncountedPoolTest : public MadeServer {
 protected:
  // Somebody of another process waits for what the worker sends.
  void IsAnsweredBy(uint32_t tid, double answers) {
    machine_.AddWait(machine_.AddThread(20, 20 + tid, "client"),
                     {.cls = WAIT_network,
                      .syscall = __NR_recvfrom,
                      .ns = 7900 * kMillisecond,
                      .count = answers,
                      .object = Connection(static_cast<uint16_t>(50000 + tid), 8080),
                      .waker = AddWorker(tid)});
  }
};

TEST_F(UncountedPoolTest, ThreadsThatPollBesideAServerAreNoPool) {
  AcceptConnections();
  for (uint32_t tid = 11; tid < 14; ++tid) AskBackend(tid, 7900 * kMillisecond, 16);
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].condition, "backend-wait");
  EXPECT_EQ(findings[0].severity, Severity::kInfo);
}

TEST_F(UncountedPoolTest, APoolIsStarvedWhenSomebodyWaitedForItsAnswers) {
  AcceptConnections();
  for (uint32_t tid = 11; tid < 15; ++tid) {
    AskBackend(tid, 7900 * kMillisecond, 10);
    IsAnsweredBy(tid, 10);
  }
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].condition, "thread-pool-starvation");
  EXPECT_EQ(findings[0].severity, Severity::kCritical);
}

TEST_F(UncountedPoolTest, ThreadsThatWaitForEachQuestionHaveAConnectionEach) {
  machine_.snapshot().listening.insert(8080);
  for (uint32_t tid = 11; tid < 15; ++tid) {
    AskBackend(tid, 7500 * kMillisecond, 10);
    IsAnsweredBy(tid, 10);
    machine_.AddWait(AddWorker(tid),
                     {.cls = WAIT_network,
                      .syscall = __NR_recvfrom,
                      .ns = 100 * kMillisecond,
                      .count = 10,
                      .object = Connection(8080, static_cast<uint16_t>(50000 + tid))});
  }
  EXPECT_THAT(machine_.Conditions(), Not(Contains("thread-pool-starvation")));
}

}  // namespace
}  // namespace waitscope
