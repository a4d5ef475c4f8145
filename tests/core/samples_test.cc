#include "agent/core/samples.h"

#include <gmock/gmock.h>

#include <numeric>
#include <random>

#include "tests/core/timeline.h"

namespace waitscope {
namespace {

using testing::DoubleEq;
using testing::DoubleNear;
using testing::IsEmpty;
using testing::SizeIs;

struct Row {
  SampleKey key;
  SampleValue value;
};

std::vector<Row> RowsOf(const Window& window, SampleState state) {
  std::vector<Row> rows;
  for (const auto& [key, value] : window.snapshot.samples) {
    if (key.state == state) rows.push_back({key, value});
  }
  return rows;
}

double SumNs(const std::vector<Row>& rows) {
  return std::accumulate(rows.begin(), rows.end(), 0.0,
                         [](double sum, const Row& row) { return sum + row.value.ns; });
}

class Samples : public testing::Test {
 protected:
  // Everything so far, closed at `ns`; the log goes on.
  Window Close(uint64_t ns) {
    log_.emplace_back(TickAt(ns));
    return FoldAll(log_).back();
  }

  std::vector<Event> log_{TickAt(0)};
  Timeline thread_{log_, 10, 11};
};

TEST_F(Samples, WaitSplitsAtTheWakeup) {
  thread_.Stacks(5, 6).BornAt(0).BlockAt(100, WAIT_disk).WakeAt(160).RunAt(170);
  const Window window = Close(1000);
  const auto blocked = RowsOf(window, SampleState::kBlocked);
  ASSERT_THAT(blocked, SizeIs(1));
  EXPECT_EQ(blocked[0].key.cls, WAIT_disk);
  EXPECT_EQ(blocked[0].key.kernel_stack, 5u);
  EXPECT_EQ(blocked[0].value.ns, 60);
  EXPECT_EQ(blocked[0].value.count, 1);
  EXPECT_EQ(blocked[0].value.longest_ns, 60u);
  const auto woken = RowsOf(window, SampleState::kWoken);
  ASSERT_THAT(woken, SizeIs(1));
  EXPECT_EQ(woken[0].key.user_stack, 6u);
  EXPECT_EQ(woken[0].value.ns, 10);
}

TEST_F(Samples, WaitsForAFutexAreCountedByLengthWhereTheyEnd) {
  thread_.On(FutexAt(0x7000)).BornAt(0);
  thread_.BlockAt(100, WAIT_lock).WakeAt(100 + 3 * kMs).RunAt(101 + 3 * kMs);
  thread_.BlockAt(10 * kMs, WAIT_lock).ReadAt(12 * kMs);
  const Window first = Close(12 * kMs);
  ASSERT_THAT(first.snapshot.lock_waits, SizeIs(1));
  const auto& [word, waits] = *first.snapshot.lock_waits.begin();
  EXPECT_EQ(word, (LockWordKey{10, 0x7000}));
  EXPECT_EQ(waits.Count(), 1u);
  thread_.WakeAt(50 * kMs).RunAt(50 * kMs);
  const Window second = Close(60 * kMs);
  const Histogram& later = second.snapshot.lock_waits.at(word);
  EXPECT_EQ(later.Count(), 1u);
  EXPECT_NEAR(static_cast<double>(later.QuantileNs(0.5)), 40.0 * kMs, 2.5 * kMs);  // all of it
}

TEST_F(Samples, WaitsForOtherThingsAreNoLockWaits) {
  thread_.BornAt(0).BlockAt(100, WAIT_lock).WakeAt(160).RunAt(170);  // a file's, say
  thread_.On(FutexAt(0x7000)).BlockAt(200, WAIT_child).WakeAt(260).RunAt(270);
  EXPECT_THAT(Close(1000).snapshot.lock_waits, IsEmpty());
}

TEST_F(Samples, LongParksThatASiblingEndsAreKeptInOrderOfTime) {
  wait_object condition = FutexAt(0x7000);
  condition.futex_op = 0x189;  // FUTEX_WAIT_BITSET, as condition variables use it
  thread_.On(condition).BornAt(0).WokenBy(10, 12, "worker");
  thread_.BlockAt(100, WAIT_lock).WakeAt(100 + 3 * kMs).RunAt(200 + 3 * kMs);
  thread_.BlockAt(10 * kMs, WAIT_lock).WakeAt(12 * kMs).RunAt(12 * kMs);
  const std::vector<Unpark> unparks = Close(20 * kMs).snapshot.unparks;
  ASSERT_THAT(unparks, SizeIs(2));
  EXPECT_EQ(unparks[0], (Unpark{.wake_ns = 100 + 3 * kMs,
                                .pid = 10,
                                .waiter = 11,
                                .waker = 12,
                                .word = 0x7000,
                                .off_ns = 100,
                                .on_ns = 200 + 3 * kMs}));
  EXPECT_EQ(unparks[1].wake_ns, 12 * kMs);
}

TEST_F(Samples, ParksThatAreShortOrThatOthersEndAreNotKept) {
  wait_object condition = FutexAt(0x7000);
  condition.futex_op = 0x189;
  thread_.On(condition).BornAt(0).WokenBy(10, 12, "worker");
  thread_.BlockAt(100, WAIT_lock).WakeAt(kMs / 2).RunAt(kMs / 2);
  thread_.WokenBy(20, 20, "other").BlockAt(kMs, WAIT_lock).WakeAt(9 * kMs).RunAt(9 * kMs);
  thread_.WokenBy(10, 12, "worker", WAKER_interrupt);
  thread_.BlockAt(10 * kMs, WAIT_lock).WakeAt(15 * kMs).RunAt(15 * kMs);
  thread_.On(FutexAt(0x7000)).WokenBy(10, 12, "worker");  // a mutex
  thread_.BlockAt(20 * kMs, WAIT_lock).WakeAt(25 * kMs).RunAt(25 * kMs);
  EXPECT_THAT(Close(30 * kMs).snapshot.unparks, IsEmpty());
}

TEST_F(Samples, ParksThatEndByTheClockAreKeptOfThreadsThatSiblingsWakeToo) {
  wait_object condition = FutexAt(0x7000);
  condition.futex_op = 0x189;
  thread_.On(condition).BornAt(0).WokenBy(10, 12, "worker", WAKER_interrupt);
  thread_.BlockAt(100, WAIT_lock).WakeAt(3 * kMs).RunAt(3 * kMs);
  EXPECT_THAT(Close(4 * kMs).snapshot.unparks, IsEmpty());
  thread_.BlockAt(5 * kMs, WAIT_lock).WakeAt(8 * kMs).RunAt(8 * kMs);
  thread_.WokenBy(10, 12, "worker").BlockAt(9 * kMs, WAIT_lock).WakeAt(15 * kMs).RunAt(15 * kMs);
  const std::vector<Unpark> unparks = Close(20 * kMs).snapshot.unparks;
  ASSERT_THAT(unparks, SizeIs(2));
  EXPECT_EQ(unparks[0].waker, 0u);
  EXPECT_EQ(unparks[1].waker, 12u);
}

TEST_F(Samples, UnseenWakeupIsNotGuessed) {
  thread_.BornAt(0).BlockAt(100, WAIT_pipe).RunAt(170);
  const Window window = Close(1000);
  EXPECT_EQ(SumNs(RowsOf(window, SampleState::kBlocked)), 70);
  EXPECT_THAT(RowsOf(window, SampleState::kWoken), IsEmpty());
}

TEST_F(Samples, PreemptionIsAllRunnable) {
  thread_.BornAt(0).PreemptAt(100).RunAt(150);
  const Window window = Close(1000);
  EXPECT_EQ(SumNs(RowsOf(window, SampleState::kPreempted)), 50);
  EXPECT_THAT(window.snapshot.samples, SizeIs(1));
}

TEST_F(Samples, ShortWaitStandsForItsKind) {
  thread_.Period(1000).BornAt(0).BlockAt(100).WakeAt(200).RunAt(350);  // a quarter of T
  const Window window = Close(1000);
  const auto blocked = RowsOf(window, SampleState::kBlocked);
  ASSERT_THAT(blocked, SizeIs(1));
  EXPECT_EQ(blocked[0].value.ns, 400);
  EXPECT_EQ(blocked[0].value.count, 4);
  EXPECT_EQ(SumNs(RowsOf(window, SampleState::kWoken)), 600);
  EXPECT_EQ(window.snapshot.period_ns, 1000u);
}

TEST_F(Samples, EstimateOfManyShortWaitsIsUnbiased) {
  std::mt19937_64 random(7);
  uint64_t now = 0;
  double truth_ns = 0;
  thread_.Period(kMs).BornAt(0);
  for (int wait = 0; wait < 200'000; ++wait) {
    const uint64_t length_ns = 1 + random() % 200'000;
    truth_ns += static_cast<double>(length_ns);
    const size_t before = log_.size();
    thread_.BlockAt(now).WakeAt(now + length_ns).RunAt(now + length_ns);
    now += length_ns + 1000;
    if (random() % kMs >= length_ns) log_.resize(before);  // not chosen
  }
  const double estimate_ns = SumNs(RowsOf(Close(now + kMs), SampleState::kBlocked));
  const double error_ns = std::sqrt(static_cast<double>(kMs) * truth_ns);
  EXPECT_THAT(estimate_ns, DoubleNear(truth_ns, 4 * error_ns));
}

TEST_F(Samples, ShortWaitBelongsToTheWindowItEndsIn) {
  thread_.Period(1000).BornAt(0).BlockAt(900).ReadAt(1000);
  EXPECT_THAT(Close(1000).snapshot.samples, IsEmpty());
  thread_.WakeAt(1100).RunAt(1100);
  EXPECT_EQ(SumNs(RowsOf(Close(2000), SampleState::kBlocked)), 1000);  // 200 ns, chosen 1 in 5
}

TEST_F(Samples, OpenWaitIsListedUpToTheReading) {
  thread_.Period(100).Stacks(5, 6).On(FutexAt(0xf)).BornAt(0).BlockAt(300, WAIT_lock).ReadAt(990);
  const Window window = Close(1000);
  const auto rows = RowsOf(window, SampleState::kBlocked);
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_TRUE(rows[0].key.open);
  EXPECT_EQ(rows[0].key.kernel_stack, 5u);
  EXPECT_EQ(rows[0].key.user_stack, 6u);
  EXPECT_EQ(window.snapshot.objects.at(rows[0].key.object).id, 0xfu);
  EXPECT_EQ(rows[0].value.ns, 690);
  EXPECT_EQ(rows[0].value.count, 0);
  EXPECT_EQ(rows[0].value.longest_ns, 690u);
}

TEST_F(Samples, LongWaitAddsOnlyWhatNoWindowHasListed) {
  thread_.Period(100).Stacks(5, 6).BornAt(0).BlockAt(300, WAIT_lock).ReadAt(990);
  Close(1000);
  thread_.ReadAt(1990);
  const auto middle = RowsOf(Close(2000), SampleState::kBlocked);
  ASSERT_THAT(middle, SizeIs(1));
  EXPECT_EQ(middle[0].value.ns, 1000);
  thread_.WakeAt(2300).RunAt(2350).ReadAt(2990);
  const Window last = Close(3000);
  const auto rows = RowsOf(last, SampleState::kBlocked);
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_FALSE(rows[0].key.open);
  EXPECT_EQ(rows[0].value.ns, 310);
  EXPECT_EQ(rows[0].value.count, 1);
  EXPECT_EQ(rows[0].value.longest_ns, 2000u);
  EXPECT_EQ(SumNs(RowsOf(last, SampleState::kWoken)), 50);
}

TEST_F(Samples, WaitThatEndedAfterTheReadingIsNotListedAsOpenToo) {
  thread_.Period(100).Stacks(5, 6).BornAt(0).BlockAt(300, WAIT_lock).ReadAt(900);
  thread_.WakeAt(950).RunAt(950);
  const auto rows = RowsOf(Close(1000), SampleState::kBlocked);
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_FALSE(rows[0].key.open);
  EXPECT_EQ(rows[0].value.ns, 650);
}

TEST_F(Samples, WaitThatEndedAfterTheTickIsKeptForTheNextWindow) {
  thread_.Period(100).BornAt(0).BlockAt(800).WakeAt(1001).RunAt(1001);
  EXPECT_THAT(Close(1000).snapshot.samples, IsEmpty());
  EXPECT_EQ(SumNs(RowsOf(Close(2000), SampleState::kBlocked)), 201);
}

TEST_F(Samples, LateWaitIsNotLost) {
  thread_.Period(100).BornAt(0).BlockAt(300).WakeAt(800).RunAt(800);
  const Event late = log_.back();
  log_.pop_back();
  Close(1000);
  log_.push_back(late);
  EXPECT_EQ(SumNs(RowsOf(Close(2000), SampleState::kBlocked)), 500);
}

TEST_F(Samples, WakerAndObjectAreOfTheBlockedPartOnly) {
  thread_.WokenBy(77, 77, "boss").On(FutexAt(0xa0)).BornAt(0).BlockAt(100).WakeAt(150).RunAt(190);
  const Window window = Close(1000);
  const SampleKey blocked = RowsOf(window, SampleState::kBlocked).at(0).key;
  EXPECT_EQ(blocked.waker, (ThreadKey{77, 77, 7}));
  EXPECT_EQ(blocked.context, WAKER_task);
  EXPECT_NE(blocked.object, 0u);
  EXPECT_EQ(window.snapshot.comms.at(blocked.waker), "boss");
  const SampleKey woken = RowsOf(window, SampleState::kWoken).at(0).key;
  EXPECT_EQ(woken.waker, ThreadKey{});
  EXPECT_EQ(woken.object, 0u);
}

TEST_F(Samples, CpuSamplesAddUpByStack) {
  oncpu_event sample{};
  sample.thread = {10, 11, 7};
  sample.period_ns = 10 * kMs;
  sample.user_stack = 3;
  log_.insert(log_.end(), 3, sample);
  const auto rows = RowsOf(Close(kMs), SampleState::kRunning);
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(rows[0].value.ns, 30 * kMs);
  EXPECT_EQ(rows[0].value.count, 3);
}

// Whatever the readings, ticks and delays: over all windows a wait counts its exact length.
TEST_F(Samples, WindowsOfAWaitSumToItsLengthExactly) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    std::mt19937_64 random(seed);
    std::vector<Event> log{TickAt(0)};
    Timeline thread(log, 10, 11);
    thread.Period(100).Stacks(5, 6).BornAt(0);
    uint64_t now = 0;
    uint64_t off_cpu_ns = 0;
    double windows_ns = 0;
    const auto until = [&](uint64_t end) {
      while (now + 1000 < end) {  // the next tick: read, sometimes a wait ends in between
        now += 1000;
        thread.ReadAt(now - random() % 5);
        log.emplace_back(TickAt(now));
      }
      now = end;
    };
    for (int wait = 0; wait < 20; ++wait) {
      now += 1 + random() % 50;
      const uint64_t off = now;
      thread.BlockAt(off);
      until(off + 100 + random() % 4000);
      thread.WakeAt(now);
      until(now + random() % 2000);
      thread.RunAt(now);
      off_cpu_ns += now - off;
    }
    thread.ReadAt(now + 1);
    log.emplace_back(TickAt(now + 1));
    for (const Window& window : FoldAll(log)) {
      for (const auto& [key, value] : window.snapshot.samples) windows_ns += value.ns;
    }
    ASSERT_THAT(windows_ns, DoubleEq(static_cast<double>(off_cpu_ns))) << "seed " << seed;
  }
}

}  // namespace
}  // namespace waitscope
