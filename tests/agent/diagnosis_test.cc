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

TEST(StandingDiagnosis, LooksAgainWhenEnoughTimeHasPassedAndForgetsWhatIsOver) {
  History history({});
  MadeMachine machine = Committing();
  const uint64_t end_ns = machine.snapshot().end_ns;
  history.Append(machine.snapshot());
  StandingDiagnosis standing;
  EXPECT_THAT(standing.At(history, end_ns), SizeIs(1));
  Snapshot quiet;
  quiet.begin_ns = end_ns;
  quiet.end_ns = end_ns + kWindow;
  history.Append(quiet);
  EXPECT_THAT(standing.At(history, end_ns + kSecond), SizeIs(1));
  EXPECT_THAT(standing.At(history, end_ns + kWindow), IsEmpty());
}

}  // namespace
}  // namespace waitscope
