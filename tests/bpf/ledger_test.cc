// Drives the ledger code that the kernel runs.
#include "bpf/ledger.h"

#include <gtest/gtest.h>

#include <numeric>

namespace waitscope {
namespace {

class Thread {
 public:
  Thread& BornAt(uint64_t now) {
    ledger_open(&ledger_, now, THREAD_blocked, WAIT_other, -1);
    ledger_first_wakeup(&ledger_, now);
    return *this;
  }
  Thread& SeededAt(uint64_t now, thread_state state) {
    ledger_open(&ledger_, now, state, WAIT_poll, -1);
    return *this;
  }
  Thread& RunsAt(uint64_t now) {
    wait_ = {};
    ledger_switch_in(&ledger_, now, epoch_, &wait_);
    return *this;
  }
  Thread& BlocksAt(uint64_t now, wait_class cls) {
    ledger_blocked(&ledger_, now, cls, 1);
    return *this;
  }
  Thread& PreemptedAt(uint64_t now) {
    ledger_preempted(&ledger_, now);
    return *this;
  }
  Thread& WokenAt(uint64_t now) {
    ledger_waking(&ledger_, now);
    return *this;
  }
  Thread& DiesAt(uint64_t now) {
    ledger_dead(&ledger_, now);
    return *this;
  }
  Thread& RecoversSwitchInAt(uint64_t now, uint64_t ran_ns) {
    wait_ = {};
    ledger_recover_switch_in(&ledger_, now, ran_ns, epoch_, &wait_);
    return *this;
  }
  Thread& RecoversSwitchOutAt(uint64_t now, uint64_t ran_ns) {
    ledger_recover_switch_out(&ledger_, now, ran_ns);
    return *this;
  }
  Thread& InWindow(uint32_t epoch) {
    epoch_ = epoch;
    return *this;
  }

  const ledger& totals() const { return ledger_; }
  const closed_wait& wait() const { return wait_; }
  uint64_t Accounted(uint64_t now) const {
    const uint64_t blocked =
        std::accumulate(std::begin(ledger_.blocked_ns), std::end(ledger_.blocked_ns), uint64_t{0});
    const uint64_t open = ledger_.state == THREAD_dead ? 0 : now - ledger_.since_ns;
    return ledger_.running_ns + ledger_.woken_ns + ledger_.preempted_ns + blocked + open;
  }

 private:
  ledger ledger_{};
  closed_wait wait_{};
  uint32_t epoch_ = 1;
};

TEST(Ledger, SplitsAWaitAtItsWaking) {
  const Thread thread =
      Thread().BornAt(0).RunsAt(10).BlocksAt(100, WAIT_sleep).WokenAt(160).RunsAt(170);
  EXPECT_EQ(thread.totals().running_ns, 90u);
  EXPECT_EQ(thread.totals().blocked_ns[WAIT_sleep], 60u);
  EXPECT_EQ(thread.totals().blocked_count[WAIT_sleep], 1u);
  EXPECT_EQ(thread.totals().woken_ns, 10u + 10u);
  EXPECT_EQ(thread.wait().off_ns, 100u);
  EXPECT_EQ(thread.wait().wake_ns, 160u);
  EXPECT_EQ(thread.wait().on_ns, 170u);
}

TEST(Ledger, AWakingThatOvertookTheSwitchOutMakesTheWaitRunnableFromTheStart) {
  const Thread thread =
      Thread().BornAt(0).RunsAt(10).WokenAt(99).BlocksAt(100, WAIT_lock).RunsAt(130);
  EXPECT_EQ(thread.totals().blocked_ns[WAIT_lock], 0u);
  EXPECT_EQ(thread.totals().woken_ns, 10u + 30u);
  EXPECT_EQ(thread.wait().wake_ns, 100u);
}

TEST(Ledger, AWakingBeforeTheSleepDoesNotHideTheOneThatEndsIt) {
  const Thread thread =
      Thread().BornAt(0).RunsAt(10).WokenAt(50).BlocksAt(100, WAIT_lock).WokenAt(120).RunsAt(130);
  EXPECT_EQ(thread.totals().blocked_ns[WAIT_lock], 20u);
}

TEST(Ledger, AWakingLongBeforeTheSleepIsNotTheOneThatEndsIt) {
  const Thread thread =
      Thread().BornAt(0).RunsAt(10).WokenAt(50).BlocksAt(5'000'000, WAIT_sleep).RunsAt(35'000'000);
  EXPECT_EQ(thread.totals().blocked_ns[WAIT_sleep], 30'000'000u);
  EXPECT_EQ(thread.totals().unsplit_count, 1u);
}

TEST(Ledger, AnUnseenWakingIsNotGuessed) {
  const Thread thread = Thread().BornAt(0).RunsAt(10).BlocksAt(100, WAIT_pipe).RunsAt(170);
  EXPECT_EQ(thread.totals().blocked_ns[WAIT_pipe], 70u);
  EXPECT_EQ(thread.totals().unsplit_ns, 70u);
  EXPECT_EQ(thread.totals().unsplit_count, 1u);
  EXPECT_EQ(thread.wait().wake_ns, 0u);
}

TEST(Ledger, ASecondWakingChangesNothing) {
  const Thread thread =
      Thread().BornAt(0).RunsAt(0).BlocksAt(100, WAIT_pipe).WokenAt(110).WokenAt(150).RunsAt(170);
  EXPECT_EQ(thread.totals().blocked_ns[WAIT_pipe], 10u);
}

TEST(Ledger, AWakingIsForgottenOnceTheThreadRuns) {
  const Thread thread = Thread()
                            .BornAt(0)
                            .RunsAt(0)
                            .BlocksAt(100, WAIT_pipe)
                            .WokenAt(110)
                            .RunsAt(120)
                            .BlocksAt(200, WAIT_pipe)
                            .RunsAt(300);
  EXPECT_EQ(thread.totals().unsplit_ns, 100u);
}

TEST(Ledger, PreemptionIsRunnableNotBlocked) {
  const Thread thread = Thread().BornAt(0).RunsAt(0).PreemptedAt(50).RunsAt(80);
  EXPECT_EQ(thread.totals().preempted_ns, 30u);
  EXPECT_EQ(thread.totals().preempted_count, 1u);
  EXPECT_TRUE(thread.wait().preempted);
}

TEST(Ledger, RunQueueLatencyCountsWokenAndPreemptedAlike) {
  const Thread thread = Thread()
                            .BornAt(0)
                            .RunsAt(0)
                            .PreemptedAt(1'000'000)
                            .RunsAt(3'000'000)
                            .BlocksAt(4'000'000, WAIT_sleep)
                            .WokenAt(5'000'000)
                            .RunsAt(6'000'000);
  EXPECT_EQ(thread.totals().runq[hist_bucket(2'000'000)], 1u);
  EXPECT_EQ(thread.totals().runq[hist_bucket(1'000'000)], 1u);
  EXPECT_EQ(thread.totals().runq_max_ns, 2'000'000u);
}

TEST(Ledger, TheLongestRunQueueWaitStartsAnewInEachWindow) {
  Thread thread;
  thread.BornAt(0).RunsAt(0).PreemptedAt(100).RunsAt(900).InWindow(2).PreemptedAt(1000).RunsAt(
      1010);
  EXPECT_EQ(thread.totals().runq_max_ns, 10u);
  EXPECT_EQ(thread.totals().runq_max_epoch, 2u);
}

TEST(Ledger, EveryNanosecondIsInExactlyOneState) {
  Thread thread;
  thread.BornAt(1000);
  uint64_t now = 1000;
  uint64_t step = 7;
  for (int i = 0; i < 1000; ++i) {
    step = (step * 31 + 17) % 101;
    thread.RunsAt(now += step);
    if (i % 3 == 0) {
      thread.PreemptedAt(now += step);
    } else {
      if (i % 7 == 0) thread.WokenAt(now);
      thread.BlocksAt(now += step, static_cast<wait_class>(i % WAIT_CLASS_COUNT));
      if (i % 5 != 0) thread.WokenAt(now += step);
    }
    ASSERT_EQ(thread.Accounted(now), now - 1000);
  }
  thread.RunsAt(now + 5).DiesAt(now + 55);
  EXPECT_EQ(thread.Accounted(now + 55), now + 55 - 1000);
}

TEST(Ledger, TheSequenceIsEvenWheneverNobodyWrites) {
  const Thread thread = Thread().BornAt(0).RunsAt(0).PreemptedAt(1).RunsAt(2).DiesAt(3);
  EXPECT_EQ(thread.totals().seq % 2, 0u);
  EXPECT_GT(thread.totals().seq, 0u);
}

TEST(Ledger, AThreadThatGoesOnAsAnotherBeginsAnew) {
  ledger l{};
  ledger_open(&l, 100, THREAD_running, WAIT_other, -1);
  ledger_blocked(&l, 150, WAIT_disk, 0);
  closed_wait wait{};
  ledger_switch_in(&l, 200, 1, &wait);
  ledger_restart(&l, 220);
  EXPECT_EQ(l.state, THREAD_running);
  EXPECT_EQ(l.born_ns, 220u);
  EXPECT_EQ(l.running_ns + l.blocked_ns[WAIT_disk] + l.blocked_count[WAIT_disk], 0u);
  EXPECT_EQ(l.seq % 2, 0u);
  ledger_dead(&l, 250);
  EXPECT_EQ(l.running_ns, 30u);
}

TEST(Ledger, AThreadSeenRunningFirstHasNoWaitToClose) {
  const Thread thread = Thread().SeededAt(100, THREAD_running).RunsAt(150);
  EXPECT_FALSE(thread.wait().closed);
}

TEST(Ledger, AMissedSwitchInIsPutBackFromTheRunTime) {
  const Thread thread =
      Thread().BornAt(0).RunsAt(0).PreemptedAt(100).RecoversSwitchInAt(500, 150).BlocksAt(
          500, WAIT_sleep);
  EXPECT_EQ(thread.totals().preempted_ns, 250u);
  EXPECT_EQ(thread.totals().running_ns, 100u + 150u);
  EXPECT_EQ(thread.Accounted(600), 600u);
  EXPECT_TRUE(thread.wait().closed);
  EXPECT_EQ(thread.wait().on_ns, 350u);
}

TEST(Ledger, AMissedSwitchOutIsPutBackFromTheRunTime) {
  const Thread thread =
      Thread().BornAt(0).RunsAt(0).RecoversSwitchOutAt(900, 300).WokenAt(800).RunsAt(900);
  EXPECT_EQ(thread.totals().running_ns, 300u);
  EXPECT_EQ(thread.totals().blocked_ns[WAIT_other], 500u);
  EXPECT_EQ(thread.totals().woken_ns, 100u);
}

TEST(Ledger, ARunTimeLongerThanTheGapIsCutToIt) {
  const Thread thread =
      Thread().BornAt(0).RunsAt(0).PreemptedAt(100).RecoversSwitchInAt(500, 9999).PreemptedAt(500);
  EXPECT_EQ(thread.totals().running_ns, 100u + 400u);
  EXPECT_EQ(thread.Accounted(500), 500u);
}

}  // namespace
}  // namespace waitscope
