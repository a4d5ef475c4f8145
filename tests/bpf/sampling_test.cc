#include "bpf/sampling.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "bpf/blkio.h"

namespace waitscope {
namespace {

constexpr uint64_t kPeriod = 1'000'000;

TEST(Sampling, TellsEveryWaitOfAtLeastThePeriod) {
  EXPECT_TRUE(sample_chosen(kPeriod, kPeriod, 0xffffffff));
  EXPECT_TRUE(sample_chosen(kPeriod * 5, kPeriod, 0xffffffff));
}

TEST(Sampling, WithPeriodZeroTellsEverything) {
  EXPECT_TRUE(sample_chosen(0, 0, 0xffffffff));
  EXPECT_TRUE(sample_chosen(1, 0, 0xffffffff));
}

TEST(Sampling, NeverTellsAnEmptyWait) { EXPECT_FALSE(sample_chosen(0, kPeriod, 0)); }

// A sample whose late hook was skipped has its stack only from the entry that it waited in.
TEST(Sampling, AnEntryIsTheSameUntilTheThreadWasElsewhere) {
  const kernel_entry waited = kernel_entry_of(0x401000, 0x7ffe1000, 0x7ffe1040, 3);
  EXPECT_TRUE(same_entry(&waited, &waited));
  const kernel_entry restarted = kernel_entry_of(0x401000 - 2, 0x7ffe1000, 0x7ffe1040, 3);
  EXPECT_TRUE(same_entry(&waited, &restarted)) << "a signal set the call to be made again";
  for (const kernel_entry& other : {kernel_entry_of(0x401008, 0x7ffe1000, 0x7ffe1040, 3),
                                    kernel_entry_of(0x401000, 0x7ffe0ff0, 0x7ffe1040, 3),
                                    kernel_entry_of(0x401000, 0x7ffe1000, 0x7ffe1080, 3),
                                    kernel_entry_of(0x401000, 0x7ffe1000, 0x7ffe1040, 4)}) {
    EXPECT_FALSE(same_entry(&waited, &other));
  }
}

TEST(Sampling, WeightedByTheInverseOfItsChanceIsUnbiased) {
  std::mt19937_64 random(1);
  std::exponential_distribution<double> length(1.0 / 40'000);
  double truth = 0;
  double estimate = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    const uint64_t ns = 1 + static_cast<uint64_t>(length(random));
    truth += static_cast<double>(ns);
    if (!sample_chosen(ns, kPeriod, static_cast<uint32_t>(random()))) continue;
    estimate += static_cast<double>(ns) / std::min(1.0, static_cast<double>(ns) / kPeriod);
  }
  // docs/definitions.md: the error is about sqrt(T * S); four of those.
  EXPECT_NEAR(estimate, truth, 4 * std::sqrt(kPeriod * truth));
}

TEST(Sampling, TheCostOfBeingToldWeighsNothing) {
  constexpr uint64_t kQueued = 20'000;
  constexpr uint64_t kCost = 10'000;
  std::mt19937_64 random(1);
  std::exponential_distribution<double> length(1.0 / 40'000);
  double truth = 0;
  double estimate = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    const uint64_t wake_ns = 1 + static_cast<uint64_t>(length(random));
    const auto draw = static_cast<uint32_t>(random());
    const bool chosen_at_waking = sample_chosen(wake_ns, kPeriod, draw);
    const uint64_t on_ns = wake_ns + kQueued + (chosen_at_waking ? kCost : 0);
    const uint64_t told_ns = told_until(0, wake_ns, on_ns, kPeriod, chosen_at_waking ? kCost : 0);
    truth += static_cast<double>(wake_ns);
    if (!sample_chosen(told_ns, kPeriod, draw)) continue;
    estimate += static_cast<double>(wake_ns) *
                std::max(1.0, static_cast<double>(kPeriod) / static_cast<double>(told_ns));
  }
  EXPECT_NEAR(estimate, truth, 4 * std::sqrt(kPeriod * truth));
}

TEST(Sampling, WhatIsToldInAnyCaseKeepsItsLength) {
  EXPECT_EQ(told_until(0, 10, 500, 0, 100), 500) << "every wait is told";
  EXPECT_EQ(told_until(0, kPeriod, kPeriod + 500, kPeriod, 100), kPeriod + 500);
  EXPECT_EQ(told_until(0, 400, 500, kPeriod, 60), 440);
  EXPECT_EQ(told_until(0, 400, 500, kPeriod, 65'535), 400) << "a waker that was held up";
  EXPECT_EQ(told_until(0, 0, 500, kPeriod, 60), 500) << "nobody saw the waking";
}

// A thread whose stacks can only be taken before its waits.
class EarlyStacks {
 public:
  void Wait(uint64_t length_ns) {
    now_ns_ += 5'000;
    const auto draw = static_cast<uint32_t>(random_());
    const bool taken = early_stack_due(&spent_ns_, now_ns_, kPeriod, draw) != 0;
    taken_ += taken ? 1 : 0;
    now_ns_ += length_ns;
    if (!sample_chosen(length_ns, kPeriod, draw)) return;
    told_ns_ += std::max(length_ns, kPeriod);
    without_ns_ += taken ? 0 : std::max(length_ns, kPeriod);
  }
  void Naps(int count, uint64_t mean_ns) {
    std::exponential_distribution<double> length(1.0 / static_cast<double>(mean_ns));
    for (int i = 0; i < count; ++i) Wait(static_cast<uint64_t>(length(random_)));
  }
  double Without() const {
    return static_cast<double>(without_ns_) / static_cast<double>(told_ns_);
  }
  double TakenInPeriod() const { return taken_ / (static_cast<double>(now_ns_) / kPeriod); }
  uint64_t Taken() const { return taken_; }

 private:
  std::mt19937_64 random_{1};
  uint64_t now_ns_ = 1'000'000'000;
  __u64 spent_ns_ = 0;
  uint64_t taken_ = 0;
  uint64_t told_ns_ = 0;
  uint64_t without_ns_ = 0;
};

TEST(EarlyStack, IsThereForNearlyAllTheTimeOfAThreadThatNapsWithoutEnd) {
  for (const uint64_t mean_ns : {20'000, 75'000, 150'000}) {
    EarlyStacks thread;
    thread.Naps(1'000'000, mean_ns);
    EXPECT_LT(thread.Without(), 0.002) << mean_ns;
  }
}

TEST(EarlyStack, IsTakenEightTimesInAPeriodAtMostHoweverOftenAThreadWaits) {
  EarlyStacks thread;
  thread.Naps(1'000'000, 2'000);
  EXPECT_LE(thread.TakenInPeriod(), EARLY_STACKS * 1.2);
}

TEST(EarlyStack, IsThereForTheLongWaitBehindABurstOfShortOnes) {
  EarlyStacks thread;
  for (int i = 0; i < 1000; ++i) {
    thread.Naps(50, 20'000);
    thread.Wait(20 * kPeriod);
  }
  EXPECT_LT(thread.Without(), 0.001);
}

TEST(EarlyStack, OfWaitsThatAreTooManyGoesToThoseThatAreSoonestTold) {
  __u64 spent_ns = 0;
  uint64_t now_ns = 1'000'000'000;
  while (early_stack_due(&spent_ns, now_ns, kPeriod, 0) != 0) {
  }
  now_ns += kPeriod;
  EXPECT_FALSE(early_stack_due(&spent_ns, now_ns, kPeriod, 0xffffffff));
  EXPECT_TRUE(early_stack_due(&spent_ns, now_ns, kPeriod, 0));
}

TEST(EarlyStack, IsTakenBeforeEveryWaitWhenAllAreTold) {
  __u64 spent_ns = 0;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(early_stack_due(&spent_ns, 1'000'000'000, 0, 0xffffffff));
  }
}

TEST(EarlyStack, IsThereFromTheFirstMomentOfAMachine) {
  __u64 spent_ns = 0;
  EXPECT_TRUE(early_stack_due(&spent_ns, 4 * kPeriod, kPeriod, 0xffffffff));
}

TEST(BlockDevice, IsBusyWhileARequestIsInFlight) {
  device_totals d{};
  device_issued(&d, 100);
  device_issued(&d, 150);
  block_event first{
      .op = BLOCK_read, .bytes = 4096, .insert_ns = 90, .issue_ns = 100, .complete_ns = 200};
  device_completed(&d, &first);
  block_event second{
      .op = BLOCK_write, .bytes = 512, .insert_ns = 150, .issue_ns = 150, .complete_ns = 260};
  device_completed(&d, &second);
  device_issued(&d, 1000);
  EXPECT_EQ(d.busy_ns, 160u);
  EXPECT_EQ(d.in_flight, 1);
  EXPECT_EQ(d.ops[BLOCK_read].requests, 1u);
  EXPECT_EQ(d.ops[BLOCK_read].queue_ns, 10u);
  EXPECT_EQ(d.ops[BLOCK_read].device_ns, 100u);
  EXPECT_EQ(d.ops[BLOCK_write].bytes, 512u);
}

TEST(BlockOp, ComesFromTheLowByteOfTheFlags) {
  EXPECT_EQ(block_op_of(0), BLOCK_read);
  EXPECT_EQ(block_op_of(0x801), BLOCK_write);
  EXPECT_EQ(block_op_of(0x40002), BLOCK_flush);
  EXPECT_EQ(block_op_of(3), BLOCK_discard);
  EXPECT_EQ(block_op_of(34), BLOCK_other);
}

}  // namespace
}  // namespace waitscope
