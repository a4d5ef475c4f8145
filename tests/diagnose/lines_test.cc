// Threads that stand in line, each parked at a word of its own, and others who only look like it.
#include "agent/diagnose/lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/diagnose/made_machine.h"

namespace waitscope {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr uint64_t kBegin = 100 * kSecond;
constexpr uint32_t kFirst = 11;

class LineTest : public testing::Test {
 protected:
  static ThreadKey KeyOf(uint32_t tid) { return {10, tid, kSecond}; }
  static wait_object WordOf(uint32_t tid) { return Futex(0x9000 + 64ULL * tid, kConditionOp); }

  void AddWorkers(uint32_t count) {
    for (uint32_t tid = kFirst; tid < kFirst + count; ++tid) {
      machine_.AddThread(10, tid, "worker-" + std::to_string(tid));
    }
  }

  // `waiter` parks from `off_ns` to `wake_ns` after the window's begin, when `waker` ends that.
  void Park(uint32_t waiter, uint32_t waker, uint64_t off_ns, uint64_t wake_ns,
            const std::vector<std::string>& frames = {"Parker::park", "lock"}) {
    machine_.AddWait(KeyOf(waiter), {.cls = WAIT_lock,
                                     .syscall = __NR_futex,
                                     .ns = wake_ns - off_ns,
                                     .count = 1,
                                     .object = WordOf(waiter),
                                     .waker = KeyOf(waker),
                                     .user_frames = frames});
    machine_.snapshot().unparks.push_back({.wake_ns = kBegin + wake_ns,
                                           .pid = 10,
                                           .waiter = waiter,
                                           .waker = waker,
                                           .word = WordOf(waiter).id,
                                           .user_stack = machine_.Stack(frames),
                                           .off_ns = kBegin + off_ns,
                                           .on_ns = kBegin + wake_ns + 50'000});
    std::ranges::sort(machine_.snapshot().unparks);
  }

  // Round and round: each has it for `hold_ns`, lets the next one in, and comes back after
  // `rest_ns`.
  void HandOver(uint32_t count, uint64_t hold_ns, uint64_t rest_ns, uint32_t holders = 1) {
    AddWorkers(count);
    const uint64_t rounds = kWindow / hold_ns;
    for (uint64_t turn = 0; turn < rounds * holders; ++turn) {
      const uint64_t wake_ns = (1 + turn / holders) * hold_ns;
      const uint64_t wait_ns = (count / holders - 1) * hold_ns - rest_ns;
      if (wake_ns < wait_ns) continue;
      const auto waiter = static_cast<uint32_t>(kFirst + (turn + holders) % count);
      const auto waker = static_cast<uint32_t>(kFirst + turn % count);
      Park(waiter, waker, wake_ns - wait_ns, wake_ns);
    }
  }

  void AskBackend(uint32_t tid, uint64_t ns, double count) {
    machine_.AddWait(KeyOf(tid), {.cls = WAIT_network,
                                  .syscall = __NR_recvfrom,
                                  .ns = ns,
                                  .count = count,
                                  .object = Connection(static_cast<uint16_t>(50000 + tid), 5432)});
  }

  MadeMachine machine_;
};

TEST_F(LineTest, WhoLetsTheNextOneInWhenItIsDoneHoldsALock) {
  HandOver(6, 50 * kMillisecond, 2 * kMillisecond);
  machine_.AddWait(KeyOf(kFirst), {.cls = WAIT_sleep,
                                   .syscall = __NR_clock_nanosleep,
                                   .ns = kSecond,
                                   .count = 20,
                                   .user_frames = {"nanosleep", "write_report"}});
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].condition, "lock-contention");
  EXPECT_EQ(findings[0].severity, Severity::kCritical);
  EXPECT_EQ(findings[0].threads.size(), 6u);
  EXPECT_THAT(findings[0].summary, HasSubstr("it was kept for 50 ms"));
  EXPECT_THAT(findings[0].evidence, Contains(Field(&Evidence::role, "lock holder")));
  EXPECT_THAT(findings[0].evidence, Contains(Field(&Evidence::frames, Contains("write_report"))));
}

TEST_F(LineTest, SessionsOfADatabaseWaitForEachOthersRows) {
  machine_.AddThread(10, 10, "mariadbd");
  HandOver(4, 400 * kMillisecond, kMillisecond);
  EXPECT_THAT(machine_.Conditions(), ElementsAre("database-lock"));
}

TEST_F(LineTest, WhoIsLetInTwoAtATimeAndThenWaitsForABackendHasAConnection) {
  HandOver(6, 100 * kMillisecond, 2 * kMillisecond, 2);
  for (uint32_t tid = kFirst; tid < kFirst + 6; ++tid) AskBackend(tid, 2600 * kMillisecond, 26);
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].condition, "connection-pool-exhaustion");
  EXPECT_THAT(findings[0].summary, HasSubstr("10.0.0.5:5432"));
}

TEST_F(LineTest, ALimitOfTwoAtATimeIsNobodysSickness) {
  HandOver(6, 100 * kMillisecond, 2 * kMillisecond, 2);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(LineTest, WhoWaitsAgainAtOnceOnlyTakesTurns) {
  HandOver(6, 50 * kMillisecond, 0);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(LineTest, WhoParksElsewhereAfterwardsDoesNotOnlyTakeTurns) {
  HandOver(6, 50 * kMillisecond, 20'000);
  for (Unpark& unpark : machine_.snapshot().unparks) {
    if (unpark.waiter % 2 == 0) unpark.user_stack = machine_.Stack({"Parker::park", "other"});
  }
  EXPECT_THAT(machine_.Conditions(), IsEmpty()) << "each at one place, if not the same";
}

TEST_F(LineTest, WorkersWokenByWhoHandsOutWorkAreIdle) {
  AddWorkers(4);
  machine_.AddThread(10, 10, "server");
  for (uint64_t turn = 4; turn < 80; ++turn) {
    const uint64_t now = turn * 100 * kMillisecond;
    Park(static_cast<uint32_t>(kFirst + turn % 4), 10, now - 350 * kMillisecond, now);
  }
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

// The first of a burst is woken by who hands it out, and it wakes the next one at once.
TEST_F(LineTest, WorkersThatPassABurstOnToEachOtherAreIdle) {
  AddWorkers(5);
  for (uint64_t burst = 1; burst < 16; ++burst) {
    const uint64_t now = burst * 500 * kMillisecond;
    for (uint32_t i = 0; i < 5; ++i) {
      Park(kFirst + i, i == 0 ? 10 : kFirst + i - 1, now - 300 * kMillisecond, now + i * 60'000);
    }
  }
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

// Each round another thread comes last, wakes the next one, and that one the next.
TEST_F(LineTest, ABarrierIsNoLock) {
  AddWorkers(4);
  for (uint64_t round = 1; round < 40; ++round) {
    const uint64_t now = round * 200 * kMillisecond;
    for (uint32_t i = 1; i < 4; ++i) {
      const auto waiter = static_cast<uint32_t>(kFirst + (round + i) % 4);
      const auto waker = static_cast<uint32_t>(kFirst + (round + i - 1) % 4);
      Park(waiter, waker, now - 100 * kMillisecond, now + i * 60'000);
    }
  }
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

// The first of them waits for a timer, wakes the next one and does what is due.
TEST_F(LineTest, WorkersOfTimersThatTakeTheLeadInTurnAreIdle) {
  AddWorkers(6);
  for (uint64_t turn = 6; turn < 150; ++turn) {
    const uint64_t now = turn * 50 * kMillisecond;
    const auto leader = static_cast<uint32_t>(kFirst + turn % 6);
    Park(leader, 0, now + kMillisecond, now + 48 * kMillisecond);
    Park(static_cast<uint32_t>(kFirst + (turn + 1) % 6), leader, now - 240 * kMillisecond,
         now + 49 * kMillisecond);
  }
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

// A statement that sleeps inside a transaction waits for time to pass, at a condition of its own.
TEST_F(LineTest, WhoSleepsAtAnotherWordMeanwhileStillHoldsTheLock) {
  HandOver(4, 300 * kMillisecond, 2 * kMillisecond);
  const std::vector<Unpark> line = machine_.snapshot().unparks;
  for (const Unpark& in : line) {
    machine_.snapshot().unparks.push_back({.wake_ns = in.on_ns + 290 * kMillisecond,
                                           .pid = 10,
                                           .waiter = in.waiter,
                                           .word = in.word + 0x1000,
                                           .off_ns = in.on_ns + kMillisecond,
                                           .on_ns = in.on_ns + 291 * kMillisecond});
  }
  std::ranges::sort(machine_.snapshot().unparks);
  EXPECT_THAT(machine_.Conditions(), ElementsAre("lock-contention"));
}

TEST_F(LineTest, WorkersOfAnExecutorThatHandTasksToEachOtherAreIdle) {
  HandOver(6, 50 * kMillisecond, 2 * kMillisecond);
  const StackId home = machine_.Stack(
      {"Parker::park", "java.util.concurrent.ThreadPoolExecutor.getTask", "start_thread"});
  for (Unpark& unpark : machine_.snapshot().unparks) unpark.user_stack = home;
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(LineTest, APlaceWhereOthersEndWaitsTooIsAQueue) {
  HandOver(6, 50 * kMillisecond, 2 * kMillisecond);
  machine_.AddThread(10, 10, "server");
  for (uint64_t i = 0; i < machine_.snapshot().unparks.size(); i += 2) {
    machine_.snapshot().unparks[i].waker = 10;
  }
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(LineTest, TasksThatFollowEachOtherNowAndThenKeepNobodyWaiting) {
  AddWorkers(4);
  for (uint64_t turn = 4; turn < 80; ++turn) {
    const uint64_t now = turn * 100 * kMillisecond;
    const auto waiter = static_cast<uint32_t>(kFirst + turn % 4);
    const auto waker = static_cast<uint32_t>(kFirst + (turn - 1) % 4);
    // Woken 90 ms ago by who had its task 10 ms before that: nobody had it meanwhile.
    Park(waiter, waker, now - 390 * kMillisecond, now);
    machine_.snapshot().unparks.back().on_ns += 90 * kMillisecond;
  }
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

}  // namespace
}  // namespace waitscope
