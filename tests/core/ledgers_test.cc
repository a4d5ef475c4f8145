#include "agent/core/ledgers.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <random>

#include "tests/core/timeline.h"

namespace waitscope {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

class Ledgers : public testing::Test {
 protected:
  // The waits that closed meanwhile are not of interest here.
  void Read(uint64_t ns) {
    thread_.ReadAt(ns);
    readings_.push_back(log_.back());
  }

  void Exit(uint64_t ns) {
    thread_.ExitAt(ns);
    readings_.push_back(log_.back());
  }

  // The next window of everything read since the last call.
  std::map<ThreadKey, ThreadWindow> Close() {
    for (const Event& event : readings_) stage_.Fold(std::get<ledger_event>(event));
    readings_.clear();
    Snapshot snapshot;
    stage_.Close(snapshot);
    return snapshot.threads;
  }

  std::vector<Event> log_;
  std::vector<Event> readings_;
  LedgerStage stage_;
  Timeline thread_{log_, 10, 11};
};

TEST_F(Ledgers, FirstWindowCountsFromBirth) {
  thread_.BornAt(100).BlockAt(130, WAIT_disk).WakeAt(180).RunAt(190);
  Read(200);
  const ThreadWindow window = Close().at(thread_.key());
  EXPECT_TRUE(window.born);
  EXPECT_EQ(window.totals.wall_ns, 100u);
  EXPECT_EQ(window.totals.running_ns, 40u);
  EXPECT_EQ(window.totals.waits[WAIT_disk], (WaitTotal{50, 1}));
  EXPECT_EQ(window.totals.woken_ns, 10u);
  EXPECT_EQ(window.totals.ResidualNs(), 0);
}

TEST_F(Ledgers, LeaderWhosePlaceAnotherThreadTookByExecHasTheTimeOfBoth) {
  thread_.BornAt(0).BlockAt(10, WAIT_lock).WakeAt(100).RunAt(100);
  Exit(100);
  Timeline after_exec(readings_, 10, 11);
  after_exec.BornAt(110).BlockAt(150, WAIT_disk).ReadAt(200);
  std::ranges::reverse(readings_);
  const ThreadWindow both = Close().at(thread_.key());
  EXPECT_EQ(both.totals.wall_ns, 190u);
  EXPECT_EQ(both.totals.waits[WAIT_lock].ns, 90u);
  EXPECT_EQ(both.totals.waits[WAIT_disk].ns, 50u);
  EXPECT_EQ(both.totals.ResidualNs(), 0);
  EXPECT_FALSE(both.exited);
  EXPECT_TRUE(both.open_wait);

  after_exec.ReadAt(300);
  const ThreadWindow later = Close().at(thread_.key());
  EXPECT_EQ(later.totals.wall_ns, 100u);
  EXPECT_TRUE(stage_.Knows(thread_.key()));
}

TEST_F(Ledgers, SeededThreadCountsFromItsSeedingAndIsNotBorn) {
  thread_.SeedAt(100, THREAD_blocked, WAIT_poll);
  Read(160);
  const ThreadWindow window = Close().at(thread_.key());
  EXPECT_FALSE(window.born);
  EXPECT_EQ(window.totals.waits[WAIT_poll], (WaitTotal{60, 0}));
  ASSERT_TRUE(window.open_wait);
  EXPECT_TRUE(window.open_wait->since_before_agent);
}

TEST_F(Ledgers, WaitThroughSeveralWindowsIsSplitByOverlap) {
  thread_.BornAt(0).BlockAt(10, WAIT_lock);
  Read(100);
  EXPECT_EQ(Close().at(thread_.key()).totals.waits[WAIT_lock], (WaitTotal{90, 0}));
  Read(200);
  const ThreadWindow middle = Close().at(thread_.key());
  EXPECT_EQ(middle.totals.waits[WAIT_lock], (WaitTotal{100, 0}));
  EXPECT_EQ(middle.open_wait->ns, 190u);
  thread_.WakeAt(250).RunAt(260);
  Read(300);
  const ThreadWindow last = Close().at(thread_.key());
  EXPECT_EQ(last.totals.waits[WAIT_lock], (WaitTotal{50, 1}));
  EXPECT_EQ(last.totals.woken_ns, 10u);
  EXPECT_EQ(last.totals.running_ns, 40u);
  EXPECT_FALSE(last.open_wait);
}

TEST_F(Ledgers, WokenButNotYetRunningIsRunnable) {
  thread_.BornAt(0).BlockAt(10, WAIT_lock).WakeAt(60);
  Read(100);
  const ThreadWindow window = Close().at(thread_.key());
  EXPECT_EQ(window.totals.waits[WAIT_lock].ns, 50u);
  EXPECT_EQ(window.totals.woken_ns, 40u);
  EXPECT_FALSE(window.open_wait);
}

TEST_F(Ledgers, WakingThatOvertookTheSwitchOutMakesItRunnableFromTheStart) {
  thread_.BornAt(0).WakeAt(9).BlockAt(10, WAIT_lock);
  Read(100);
  const ThreadWindow window = Close().at(thread_.key());
  EXPECT_EQ(window.totals.waits[WAIT_lock].ns, 0u);
  EXPECT_EQ(window.totals.woken_ns, 90u);
  EXPECT_EQ(window.totals.ResidualNs(), 0);
}

TEST_F(Ledgers, WakingOfAThreadThatDidNotSleepDoesNotMakeItsNextSleepRunnable) {
  thread_.BornAt(0).WakeAt(1 * kMs).BlockAt(5 * kMs, WAIT_sleep);
  Read(30 * kMs);
  const ThreadWindow window = Close().at(thread_.key());
  EXPECT_EQ(window.totals.waits[WAIT_sleep].ns, 25 * kMs);
  EXPECT_EQ(window.totals.woken_ns, 0u);
}

TEST_F(Ledgers, NewestOfSeveralRecordsCounts) {
  thread_.BornAt(0);
  Read(50);
  Read(90);
  std::ranges::reverse(readings_);
  readings_.push_back(Event(readings_.front()));
  EXPECT_EQ(Close().at(thread_.key()).totals.wall_ns, 90u);
}

TEST_F(Ledgers, DeadThreadAppearsOnceMoreAndIsForgotten) {
  thread_.BornAt(0);
  Read(50);
  Close();
  Exit(70);
  const ThreadWindow last = Close().at(thread_.key());
  EXPECT_TRUE(last.exited);
  EXPECT_FALSE(last.open_wait);
  EXPECT_EQ(last.totals.running_ns, 20u);
  EXPECT_FALSE(stage_.Knows(thread_.key()));
  EXPECT_THAT(Close(), IsEmpty());
}

TEST_F(Ledgers, StragglingRecordDoesNotReviveTheDead) {
  thread_.BornAt(0);
  Read(50);
  const Event straggler = readings_.front();
  Exit(70);
  EXPECT_THAT(Close(), SizeIs(1));
  readings_.push_back(straggler);
  EXPECT_THAT(Close(), IsEmpty());
}

TEST_F(Ledgers, MissedReadingMovesTheTimeToTheNextWindow) {
  thread_.BornAt(0);
  Read(100);
  Close();
  EXPECT_THAT(Close(), IsEmpty());
  Read(300);
  EXPECT_EQ(Close().at(thread_.key()).totals.running_ns, 200u);
}

TEST_F(Ledgers, SilentThreadIsForgottenAfterTwoWindows) {
  thread_.BornAt(0);
  Read(100);
  Close();
  Close();
  EXPECT_TRUE(stage_.Knows(thread_.key()));
  Close();
  EXPECT_FALSE(stage_.Knows(thread_.key()));
}

TEST_F(Ledgers, RunQueueTurnsAreThoseOfTheWindow) {
  thread_.BornAt(0).PreemptAt(10 * kMs).RunAt(60 * kMs);
  Read(100 * kMs);
  EXPECT_EQ(Close().at(thread_.key()).run_queue_max_ns, 50 * kMs);
  thread_.PreemptAt(110 * kMs).RunAt(113 * kMs);
  Read(200 * kMs);
  const ThreadWindow window = Close().at(thread_.key());
  EXPECT_EQ(window.run_queue.Count(), 1u);
  EXPECT_EQ(window.totals.preempted_ns, 3 * kMs);
  EXPECT_EQ(window.totals.switches_involuntary, 1u);
}

TEST_F(Ledgers, MaximumOfAnEarlierEpochGivesWayToTheHistogram) {
  thread_.Epoch(1).BornAt(0).PreemptAt(10 * kMs).RunAt(60 * kMs);
  Read(100 * kMs);
  Close();
  thread_.PreemptAt(110 * kMs).RunAt(113 * kMs);  // the agent's new epoch was not seen yet
  Read(200 * kMs);
  const ThreadWindow second = Close().at(thread_.key());
  EXPECT_EQ(second.run_queue_max_ns, second.run_queue.CeilingNs());
  thread_.Epoch(3).PreemptAt(210 * kMs).RunAt(212 * kMs);
  Read(300 * kMs);
  EXPECT_EQ(Close().at(thread_.key()).run_queue_max_ns, 2 * kMs);
}

TEST_F(Ledgers, WindowWithoutTurnsHasNoMaximum) {
  thread_.Epoch(1).BornAt(0).PreemptAt(10 * kMs).RunAt(60 * kMs);
  Read(100 * kMs);
  Close();
  Read(200 * kMs);
  EXPECT_EQ(Close().at(thread_.key()).run_queue_max_ns, 0u);
}

// The kernel skipped a switch-out; the next switch-in puts it back. The reading between the two
// had counted on as running.
TEST_F(Ledgers, EventPutBackAfterAReadingBreaksNoWindow) {
  thread_.BornAt(0);
  Read(100);
  EXPECT_EQ(Close().at(thread_.key()).totals.running_ns, 100u);
  ledger_recover_switch_out(&thread_.totals(), 120, 30);  // it ran until 30 and blocked then
  thread_.WakeAt(120).RunAt(120);
  Read(200);
  const StateTotals second = Close().at(thread_.key()).totals;
  EXPECT_EQ(second.wall_ns, 100u);
  EXPECT_EQ(second.ResidualNs(), 0);
  EXPECT_EQ(second.running_ns, 10u) << "80 ran, of which 70 were told before";
  EXPECT_EQ(second.waits[WAIT_other].ns, 90u);
  Read(300);
  EXPECT_EQ(Close().at(thread_.key()).totals.running_ns, 100u);
}

TEST_F(Ledgers, DebtLargerThanAWindowIsMadeGoodLater) {
  thread_.BornAt(0);
  Read(1000);
  Close();
  ledger_recover_switch_out(&thread_.totals(), 1010, 0);
  StateTotals sum;
  sum.running_ns = 1000;
  uint64_t now = 1010;
  for (int window = 0; window < 30; ++window) {
    thread_.WakeAt(now + 10).RunAt(now + 10).BlockAt(now + 60);
    Read(now += 100);
    const StateTotals totals = Close().at(thread_.key()).totals;
    ASSERT_EQ(totals.ResidualNs(), 0);
    sum += totals;
  }
  EXPECT_EQ(sum.running_ns, 30u * 50) << "in the end everything is where it belongs";
}

// Every state, at random times, read at random times: nothing is left over and nothing counted
// twice.
TEST_F(Ledgers, IdentityHoldsInEveryWindowOfARandomLife) {
  std::mt19937_64 random(42);
  uint64_t now = 1000;
  const auto later = [&] { return now += 1 + random() % 1000; };
  thread_.BornAt(now);
  StateTotals sum;
  uint64_t born_ns = now;
  for (int window = 0; window < 200; ++window) {
    for (uint64_t turn = random() % 5; turn > 0; --turn) {
      if (random() % 3 == 0) {
        thread_.PreemptAt(later()).RunAt(later());
        continue;
      }
      thread_.BlockAt(later(), static_cast<wait_class>(random() % WAIT_CLASS_COUNT));
      if (random() % 4 == 0) Read(later());
      thread_.WakeAt(later());
      if (random() % 4 == 0) Read(later());
      thread_.RunAt(later());
    }
    Read(later());
    const ThreadWindow row = Close().at(thread_.key());
    ASSERT_EQ(row.totals.ResidualNs(), 0) << "window " << window;
    sum += row.totals;
  }
  EXPECT_EQ(sum.wall_ns, now - born_ns);
  EXPECT_EQ(sum.ResidualNs(), 0);
}

}  // namespace
}  // namespace waitscope
