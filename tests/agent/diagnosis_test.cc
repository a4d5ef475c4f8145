#include "agent/diagnosis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/diagnose/made_machine.h"

namespace waitscope {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

MadeMachine Committing() {
  MadeMachine machine;
  machine.AddWait(machine.AddThread(10, 10, "db"),
                  {.cls = WAIT_commit, .syscall = __NR_fsync, .ns = 7 * kSecond, .count = 900});
  machine.AddThread(20, 20, "web");
  return machine;
}

TEST(Diagnosis, ATargetHearsOfItsOwnProcessesOnly) {
  const Snapshot snapshot = Committing().snapshot();
  EXPECT_THAT(DiagnoseTarget(snapshot, Target()), SizeIs(1));
  EXPECT_THAT(DiagnoseTarget(snapshot, Target{.pids = {10}}), SizeIs(1));
  EXPECT_THAT(DiagnoseTarget(snapshot, Target{.comms = {"db"}}), SizeIs(1));
  EXPECT_THAT(DiagnoseTarget(snapshot, Target{.pids = {20}}), IsEmpty());
}

TEST(Diagnosis, PartsOfALongTimeBecomeOneFinding) {
  MadeMachine machine = Committing();
  Findings all;
  KeepFindings(DiagnoseTarget(machine.snapshot(), Target()), all);
  const uint64_t first_begin_ns = all.at(0).begin_ns;
  machine.snapshot().begin_ns += kWindow;
  machine.snapshot().end_ns += kWindow;
  KeepFindings(DiagnoseTarget(machine.snapshot(), Target()), all);
  ASSERT_THAT(all, SizeIs(1));
  EXPECT_EQ(all[0].begin_ns, first_begin_ns);
  EXPECT_EQ(all[0].end_ns, machine.snapshot().end_ns);
}

// As the publisher does with each window.
void Close(StandingDiagnosis& standing, History& history, const Snapshot& window) {
  standing.BeforeAppending(window);
  history.Append(window);
  standing.AfterAppending(history);
}

Snapshot QuietAfter(uint64_t begin_ns, uint64_t length_ns) {
  Snapshot quiet;
  quiet.begin_ns = begin_ns;
  quiet.end_ns = begin_ns + length_ns;
  return quiet;
}

Findings All(const StandingDiagnosis& standing) { return standing.log().Between(0, UINT64_MAX); }

TEST(StandingDiagnosis, RemembersSinceWhenAndUntilWhen) {
  History history({});
  StandingDiagnosis standing;
  MadeMachine machine = Committing();
  const uint64_t begin_ns = machine.snapshot().begin_ns;
  Close(standing, history, machine.snapshot());
  machine.snapshot().begin_ns += kWindow;
  machine.snapshot().end_ns += kWindow;
  Close(standing, history, machine.snapshot());
  const uint64_t end_ns = machine.snapshot().end_ns;
  ASSERT_THAT(All(standing), SizeIs(1));
  EXPECT_TRUE(All(standing)[0].lasting);
  EXPECT_EQ(All(standing)[0].begin_ns, begin_ns);

  Close(standing, history, QuietAfter(end_ns, kWindow));
  ASSERT_THAT(All(standing), SizeIs(1));
  EXPECT_FALSE(All(standing)[0].lasting);
  EXPECT_EQ(All(standing)[0].end_ns, end_ns);
  EXPECT_EQ(standing.cost().looks, 2u);  // the second window was like the first
}

TEST(StandingDiagnosis, LooksAtOneWindowInSixHoweverAlikeTheyAre) {
  History history({});
  StandingDiagnosis standing;
  MadeMachine machine = Committing();
  for (int window = 0; window < 12; ++window) {
    Close(standing, history, machine.snapshot());
    machine.snapshot().begin_ns += kWindow;
    machine.snapshot().end_ns += kWindow;
  }
  EXPECT_EQ(standing.cost().looks, 2u);
  ASSERT_THAT(All(standing), SizeIs(1));
  EXPECT_EQ(All(standing)[0].end_ns, machine.snapshot().begin_ns);
}

TEST(StandingDiagnosis, ShortWindowsAreLookedAtTogether) {
  History history({});
  StandingDiagnosis standing;
  MadeMachine machine = Committing();
  machine.snapshot().end_ns = machine.snapshot().begin_ns + 2 * kSecond;
  Close(standing, history, machine.snapshot());
  EXPECT_EQ(standing.cost().looks, 1u);
  Close(standing, history, QuietAfter(machine.snapshot().end_ns, 2 * kSecond));
  EXPECT_EQ(standing.cost().looks, 1u);
  Close(standing, history, QuietAfter(machine.snapshot().end_ns + 2 * kSecond, 2 * kSecond));
  EXPECT_EQ(standing.cost().looks, 2u);
}

Finding Named(const std::string& id, uint64_t begin_ns, uint64_t end_ns) {
  Finding finding;
  finding.id = id;
  finding.begin_ns = begin_ns;
  finding.end_ns = end_ns;
  return finding;
}

TEST(FindingLog, ACaseThatComesBackIsAnotherOne) {
  FindingLog log;
  log.Keep({Named("a", 0, 10)}, 10);
  log.Keep({}, 20);
  log.Keep({Named("a", 20, 30)}, 30);
  const Findings all = log.Between(0, 100);
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_TRUE(all[0].lasting);
  EXPECT_EQ(all[0].begin_ns, 20u);
  EXPECT_EQ(all[1].end_ns, 10u);
}

TEST(FindingLog, TellsOfATimeOnlyWhatOverlapsIt) {
  FindingLog log;
  log.Keep({Named("over", 0, 10), Named("lasts", 0, 10)}, 10);
  log.Keep({Named("lasts", 10, 20)}, 20);
  EXPECT_THAT(log.Between(0, 5), SizeIs(2));
  const Findings later = log.Between(15, 40);
  ASSERT_THAT(later, SizeIs(1));
  EXPECT_EQ(later[0].id, "lasts");
  EXPECT_EQ(later[0].begin_ns, 0u);
}

TEST(FindingLog, ForgetsWhatEndedBeforeHistoryBegins) {
  FindingLog log;
  log.Keep({Named("over", 0, 10), Named("lasts", 0, 10)}, 10);
  log.Keep({Named("lasts", 10, 20)}, 20);
  log.ForgetBefore(15);
  ASSERT_THAT(log.Between(0, 100), SizeIs(1));
  EXPECT_EQ(log.Between(0, 100)[0].id, "lasts");
}

TEST(FindingLog, GivesALaterLookTheBeginningOfWhatHasLastedSince) {
  FindingLog log;
  log.Keep({Named("a", 0, 10)}, 10);
  Findings found = {Named("a", 8, 16), Named("b", 8, 16)};
  log.Date(found);
  EXPECT_EQ(found[0].begin_ns, 0u);
  EXPECT_EQ(found[1].begin_ns, 8u);
}

TEST(FindingLog, HasABound) {
  FindingLog log;
  for (uint64_t i = 0; i < 2000; ++i) log.Keep({Named(std::to_string(i), i, i + 1)}, i + 1);
  EXPECT_LE(log.Between(0, UINT64_MAX).size(), 512u);
  EXPECT_GT(log.bytes(), 0u);
}

}  // namespace
}  // namespace waitscope
