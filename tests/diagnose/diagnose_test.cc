// What holds for every finding: its identity, its time, who was asked about.
#include "agent/diagnose/diagnose.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "agent/diagnose/fold.h"
#include "tests/diagnose/made_machine.h"

namespace waitscope {
namespace {

using testing::IsEmpty;

MadeMachine Committing() {
  MadeMachine machine;
  machine.AddWait(machine.AddThread(10, 10, "db"),
                  {.cls = WAIT_commit, .syscall = __NR_fsync, .ns = 7 * kSecond, .count = 900});
  return machine;
}

bool Everybody(uint32_t) { return true; }

TEST(Diagnose, AConditionThatLastsKeepsItsId) {
  MadeMachine machine = Committing();
  const Findings first = Diagnose(machine.snapshot(), Everybody);
  machine.snapshot().begin_ns += kSecond;
  machine.snapshot().end_ns += kSecond;
  const Findings second = Diagnose(machine.snapshot(), Everybody);
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(second[0].id, first[0].id);
}

TEST(Diagnose, AFindingSaysHowLongItsProcessLeavesRequestsUnread) {
  MadeMachine machine = Committing();
  EXPECT_EQ(Diagnose(machine.snapshot(), Everybody)[0].impact.unread_request_age_p99_ns, 0u);
  machine.snapshot().unread[{10, 5432}].ages.Add(300 * kMillisecond, 20);
  const uint64_t age_ns =
      Diagnose(machine.snapshot(), Everybody)[0].impact.unread_request_age_p99_ns;
  EXPECT_NEAR(static_cast<double>(age_ns), 300e6, 20e6);
}

TEST(Diagnose, OnlyWhatWasAskedForIsTold) {
  MadeMachine machine = Committing();
  EXPECT_THAT(Diagnose(machine.snapshot(), [](uint32_t pid) { return pid == 11; }), IsEmpty());
}

TEST(Diagnose, AMomentIsTooShortToJudge) {
  MadeMachine machine = Committing();
  machine.snapshot().end_ns = machine.snapshot().begin_ns + kMillisecond;
  EXPECT_THAT(Diagnose(machine.snapshot(), Everybody), IsEmpty());
}

TEST(Diagnose, AnEmptyMachineIsHealthy) {
  EXPECT_THAT(Diagnose(MadeMachine().snapshot(), Everybody), IsEmpty());
}

TEST(Diagnose, APoolThatGrowsBecauseItIsStarvedHasOneSickness) {
  Finding starved{.id = "a", .condition = "thread-pool-starvation", .pid = 10};
  Finding growing{.id = "b", .condition = "thread-exhaustion", .pid = 10};
  Finding elsewhere{.id = "c", .condition = "thread-exhaustion", .pid = 20};
  const Findings told = FoldExplained({growing, elsewhere, starved});
  ASSERT_EQ(told.size(), 2u);
  const auto cause = std::ranges::find(told, "thread-pool-starvation", &Finding::condition);
  ASSERT_NE(cause, told.end());
  ASSERT_EQ(cause->evidence.size(), 1u);
  EXPECT_EQ(cause->evidence[0].kind, "explains");
  EXPECT_EQ(cause->evidence[0].object, "thread-exhaustion");
}

TEST(Diagnose, WhatNobodyNeedActOnExplainsNothingThatSomebodyShould) {
  const Finding queue{
      .id = "a", .condition = "backend-wait", .severity = Severity::kInfo, .pid = 20};
  Finding server{
      .id = "b", .condition = "backend-wait", .severity = Severity::kCritical, .pid = 10};
  server.evidence.push_back({.kind = "thread", .pid = 20, .role = "answers"});
  const Findings told = FoldExplained({queue, server});
  ASSERT_EQ(told.size(), 2u);
  EXPECT_TRUE(std::ranges::all_of(told, [](const Finding& finding) {
    return finding.pid == 10 || finding.severity == Severity::kInfo;
  }));
}

TEST(Diagnose, WhatTwoRulesTellIsToldOnceByTheSurer) {
  const Finding unsure{.id = "a", .condition = "thread-pool-starvation", .confidence = 0.8};
  const Finding sure{.id = "a", .condition = "thread-pool-starvation", .confidence = 0.9};
  const Findings told = FoldExplained({unsure, sure});
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].confidence, 0.9);
  EXPECT_THAT(told[0].evidence, IsEmpty());
}

TEST(Diagnose, EveryFindingSaysWhatToDoAndHowToCheck) {
  MadeMachine machine = Committing();
  const Findings findings = Diagnose(machine.snapshot(), Everybody);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_FALSE(findings[0].summary.empty());
  EXPECT_FALSE(findings[0].advice.empty());
  EXPECT_EQ(findings[0].evidence.back().kind, "check");
}

}  // namespace
}  // namespace waitscope
