#include "agent/core/window_builder.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <random>

#include "agent/core/wire_text.h"
#include "tests/core/debug_string.h"
#include "tests/core/timeline.h"

namespace waitscope {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// A busy second of a small machine: everything the core folds, several times over.
std::vector<Event> BusyWindow(std::vector<Timeline>& threads, std::vector<Event>& log,
                              uint64_t begin_ns, std::mt19937_64& random) {
  log.clear();
  for (Timeline& thread : threads) {
    uint64_t now = begin_ns + 1;
    const auto within = [&](uint64_t limit_ns) { return now += random() % limit_ns; };
    for (int wait = 0; wait < 20; ++wait) {
      const auto cls = static_cast<wait_class>(random() % WAIT_CLASS_COUNT);
      thread.Stacks(1 + random() % 3, 10 + random() % 3).On(FutexAt(random() % 4));
      thread.WokenBy(50, static_cast<uint32_t>(50 + random() % 3), "waker");
      thread.BlockAt(within(kMs), cls).WakeAt(within(5 * kMs)).RunAt(within(kMs));
      thread.PreemptAt(within(kMs)).RunAt(within(kMs)).ReadAt(now);
    }
  }
  for (uint64_t id = 1; id < 14; ++id) log.emplace_back(StackWith(id, 0, {id, id + 1}));
  log.emplace_back(LossOf(LOST_ring_full, begin_ns / kMs));
  return log;
}

class Builder : public testing::Test {
 protected:
  Builder() {
    for (uint32_t tid = 1; tid <= 5; ++tid) {
      threads_.emplace_back(scratch_, 1, tid).Period(kMs).BornAt(0);
    }
  }

  std::vector<Event> Busy(uint64_t begin_ns) {
    return BusyWindow(threads_, scratch_, begin_ns, random_);
  }

  static void FoldInto(WindowBuilder& builder, const std::vector<Event>& events) {
    for (const Event& event : events) builder.Fold(event);
  }

  std::mt19937_64 random_{99};
  std::vector<Event> scratch_;
  std::vector<Timeline> threads_;
};

TEST_F(Builder, FirstTickOpensAndEveryOtherCloses) {
  WindowBuilder builder;
  EXPECT_FALSE(builder.Fold(TickAt(100)));
  const auto first = builder.Fold(TickAt(1100));
  ASSERT_TRUE(first);
  EXPECT_EQ(first->snapshot.begin_ns, 100u);
  EXPECT_EQ(first->snapshot.end_ns, 1100u);
  EXPECT_EQ(first->snapshot.sequence, 1u);
  const auto second = builder.Fold(TickAt(2100));
  EXPECT_EQ(second->snapshot.begin_ns, 1100u);
  EXPECT_EQ(second->snapshot.sequence, 2u);
}

TEST_F(Builder, WhatCameBeforeTheFirstTickIsOnlyTheBaseline) {
  WindowBuilder builder;
  std::vector<Event> log;
  Timeline thread(log, 1, 2);
  thread.BornAt(0).ReadAt(1000);
  log.emplace_back(LossOf(LOST_ring_full, 5));
  log.emplace_back(TickAt(1000));
  thread.ReadAt(1500);
  log.emplace_back(LossOf(LOST_ring_full, 7));
  FoldInto(builder, log);
  const auto window = builder.Fold(TickAt(1500));
  EXPECT_EQ(window->snapshot.threads.at(thread.key()).totals.wall_ns, 500u);
  EXPECT_EQ(window->snapshot.losses[LOST_ring_full], 2u);
}

TEST_F(Builder, OrderWithinAWindowDoesNotMatter) {
  std::vector<Event> first = Busy(0);
  std::vector<Event> second = Busy(1000 * kMs);
  const auto fold = [&] {
    WindowBuilder builder;
    builder.Fold(TickAt(0));
    FoldInto(builder, first);
    std::string text = DebugString(builder.Fold(TickAt(500 * kMs))->snapshot);
    FoldInto(builder, second);
    return text + DebugString(builder.Fold(TickAt(2000 * kMs))->snapshot);
  };
  const std::string expected = fold();
  for (int round = 0; round < 20; ++round) {
    std::ranges::shuffle(first, random_);
    std::ranges::shuffle(second, random_);
    ASSERT_EQ(fold(), expected) << "round " << round;
  }
}

TEST_F(Builder, SwallowsRepeatedTotals) {
  const std::vector<Event> events = Busy(0);
  WindowBuilder once;
  WindowBuilder twice;
  once.Fold(TickAt(0));
  twice.Fold(TickAt(0));
  FoldInto(once, events);
  for (const Event& event : events) {
    twice.Fold(event);
    if (std::holds_alternative<ledger_event>(event)) twice.Fold(event);
    if (std::holds_alternative<loss_event>(event)) twice.Fold(event);
  }
  EXPECT_EQ(DebugString(once.Fold(TickAt(500 * kMs))->snapshot),
            DebugString(twice.Fold(TickAt(500 * kMs))->snapshot));
}

TEST_F(Builder, BaselineLetsAnotherBuilderGoOn) {
  WindowBuilder builder;
  builder.Fold(TickAt(0));
  FoldInto(builder, Busy(0));
  threads_[0].Stacks(2, 11).BlockAt(490 * kMs, WAIT_lock).ReadAt(499 * kMs);  // open at the tick
  threads_[1].BlockAt(490 * kMs).WakeAt(501 * kMs).RunAt(501 * kMs);          // ends after it
  builder.Fold(scratch_[scratch_.size() - 2]);
  builder.Fold(scratch_.back());
  builder.Fold(TickAt(500 * kMs));

  WindowBuilder other;
  builder.Baseline([&](const Event& event) { other.Fold(event); });

  threads_[0].WakeAt(600 * kMs).RunAt(600 * kMs);
  const Event closed = scratch_.back();
  std::vector<Event> next = Busy(1000 * kMs);
  next.push_back(closed);
  FoldInto(builder, next);
  FoldInto(other, next);
  const auto expected = builder.Fold(TickAt(2000 * kMs));
  const auto continued = other.Fold(TickAt(2000 * kMs));
  EXPECT_EQ(DebugString(continued->snapshot), DebugString(expected->snapshot));
  EXPECT_THAT(DebugString(expected->snapshot), HasSubstr("sample 1/2@7 blocked"));
}

TEST_F(Builder, HandsOverTheStacksTheWindowRefersTo) {
  std::vector<Event> log{TickAt(0), StackWith(5, 0, {50, 51}), StackWith(6, 1, {60}),
                         StackWith(9, 1, {90})};
  Timeline thread(log, 1, 2);
  thread.Stacks(5, 6).BornAt(0).BlockAt(10).WakeAt(20).RunAt(20);
  log.emplace_back(TickAt(100));
  const std::vector<Window> windows = FoldAll(log);
  ASSERT_THAT(windows, SizeIs(1));
  ASSERT_THAT(windows[0].stacks, SizeIs(2));
  EXPECT_THAT(windows[0].stacks[0]->addresses, testing::ElementsAre(50, 51));
  EXPECT_EQ(windows[0].stacks[1]->pid, 1u);
  EXPECT_EQ(windows[0].snapshot.losses[LOST_stack_unresolved], 0u);
}

TEST_F(Builder, CountsStacksThatNeverCame) {
  std::vector<Event> log{TickAt(0)};
  Timeline thread(log, 1, 2);
  thread.Stacks(5, 6).BornAt(0).BlockAt(10).WakeAt(20).RunAt(25);
  log.emplace_back(TickAt(100));
  const std::vector<Window> windows = FoldAll(log);
  EXPECT_THAT(windows[0].stacks, IsEmpty());
  EXPECT_EQ(windows[0].snapshot.losses[LOST_stack_unresolved], 2u);
}

}  // namespace
}  // namespace waitscope
