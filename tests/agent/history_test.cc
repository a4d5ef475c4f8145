#include "agent/history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace waitscope {
namespace {

using std::chrono::milliseconds;

constexpr uint64_t kSecond = 1'000'000'000;
constexpr ThreadKey kThread{10, 10, 1};

// Window number n: from second n to second n + 1, with one thread that ran all of it.
Snapshot WindowAt(uint64_t number) {
  Snapshot window;
  window.begin_ns = number * kSecond;
  window.end_ns = (number + 1) * kSecond;
  window.wall_clock_end_ns = 1000 * kSecond + window.end_ns;
  window.sequence = number;
  ThreadWindow& thread = window.threads[kThread];
  thread.key = kThread;
  thread.totals.wall_ns = kSecond;
  thread.totals.running_ns = kSecond;
  return window;
}

Stack NamedStack(const std::string& name) { return {.frames = {{.symbol = name}}}; }

TEST(HistoryTest, WindowsOfAStretchAreMergedIntoOne) {
  History history({});
  for (uint64_t i = 0; i < 5; ++i) history.Append(WindowAt(i));
  const auto merged = history.Merged(1 * kSecond, 4 * kSecond);
  ASSERT_TRUE(merged);
  EXPECT_EQ(merged->windows, 3u);
  EXPECT_EQ(merged->begin_ns, 1 * kSecond);
  EXPECT_EQ(merged->end_ns, 4 * kSecond);
  EXPECT_EQ(merged->threads.at(kThread).totals.running_ns, 3 * kSecond);
}

TEST(HistoryTest, NothingIsAnsweredForATimeWithoutWindows) {
  History history({});
  EXPECT_FALSE(history.Merged(0, kSecond));
  EXPECT_FALSE(history.Latest());
  history.Append(WindowAt(7));
  EXPECT_FALSE(history.Merged(0, kSecond));
}

TEST(HistoryTest, OldWindowsLeaveByAge) {
  History history({.time_ns = 3 * kSecond, .bytes = SIZE_MAX});
  for (uint64_t i = 0; i < 100; ++i) history.Append(WindowAt(i));
  EXPECT_EQ(history.Usage().windows, 4u);  // the oldest ended three seconds ago
  EXPECT_EQ(history.Usage().begin_ns, 96 * kSecond);
}

TEST(HistoryTest, OldWindowsLeaveByMemory) {
  constexpr size_t kLimit = 20'000;
  History history({.time_ns = UINT64_MAX / 2, .bytes = kLimit});
  for (uint64_t i = 0; i < 1000; ++i) history.Append(WindowAt(i));
  const HistoryUsage usage = history.Usage();
  EXPECT_LE(usage.bytes, kLimit);
  EXPECT_LT(usage.windows, 900u);
  EXPECT_GE(usage.windows, 5u);
  EXPECT_EQ(usage.sequence, 999u);
}

TEST(HistoryTest, AWindowTooLargeForTheLimitIsStillTheAnswer) {
  History history({.time_ns = kSecond, .bytes = 1});
  history.Append(WindowAt(0));
  history.Append(WindowAt(1));
  EXPECT_EQ(history.Usage().windows, 1u);
  EXPECT_EQ(history.Latest()->sequence, 1u);
}

TEST(HistoryTest, AStackSharedByWindowsIsKeptOnceAndGivenBackByAll) {
  History history({.time_ns = 100 * kSecond, .bytes = SIZE_MAX});
  const std::string name(100'000, 'x');
  for (uint64_t i = 0; i < 50; ++i) {
    Snapshot window = WindowAt(i);
    window.stacks[77] = NamedStack(name);
    history.Append(std::move(window));
  }
  EXPECT_LT(history.Usage().bytes, 50 * name.size());
  EXPECT_EQ(history.Latest()->stacks.at(77).frames[0].symbol, name);
  EXPECT_EQ(history.Merged(0, 2 * kSecond)->stacks.size(), 1u);
}

TEST(HistoryTest, AnAnswerWithTooManyStacksShowsThoseWhereMostTimeWent) {
  History history({.answer_stack_bytes = 10'000});
  Snapshot window = WindowAt(0);
  for (StackId id = 1; id <= 1000; ++id) {
    window.stacks[id] = NamedStack(std::string(100, 'x'));
    window.samples[{.thread = kThread, .kernel_stack = id}].ns = static_cast<double>(id);
  }
  history.Append(std::move(window));
  const Snapshot latest = *history.Latest();
  EXPECT_EQ(latest.stacks.size(), 1000u);
  EXPECT_EQ(latest.stacks.at(1000).frames.size(), 1u);
  EXPECT_TRUE(latest.stacks.at(1).frames.empty());
  EXPECT_FALSE(latest.stacks.at(1).truncated.empty());
}

TEST(HistoryTest, StacksLeaveWithTheLastWindowThatUsedThem) {
  History history({.time_ns = 2 * kSecond, .bytes = SIZE_MAX});
  Snapshot first = WindowAt(0);
  first.stacks[1] = NamedStack(std::string(1'000'000, 'a'));
  history.Append(std::move(first));
  EXPECT_GT(history.Usage().bytes, 1'000'000u);
  for (uint64_t i = 1; i < 10; ++i) history.Append(WindowAt(i));
  EXPECT_LT(history.Usage().bytes, 100'000u);
}

TEST(HistoryTest, ALaterNameOfAStackIsTheOneShown) {
  History history({});
  for (uint64_t i = 0; i < 2; ++i) {
    Snapshot window = WindowAt(i);
    window.stacks[5] = NamedStack(i == 0 ? "" : "named");
    history.Append(std::move(window));
  }
  EXPECT_EQ(history.Merged(0, 2 * kSecond)->stacks.at(5).frames[0].symbol, "named");
}

TEST(HistoryTest, WhatIsHeldBesideTheWindowsCountsAgainstTheLimit) {
  History history({.time_ns = UINT64_MAX / 2, .bytes = 1'000'000});
  for (uint64_t i = 0; i < 20; ++i) history.Append(WindowAt(i), 100'000);
  EXPECT_EQ(history.Usage().windows, 20u);
  EXPECT_GT(history.Usage().bytes, 100'000u);
  history.Append(WindowAt(20), 1'000'000);
  EXPECT_EQ(history.Usage().windows, 1u);
}

TEST(HistoryTest, AThreadThatSleepsTakesAFewBytesAWindow) {
  constexpr uint32_t kThreads = 500;
  constexpr uint64_t kWindows = 160;
  History history({});
  for (uint64_t number = 0; number < kWindows; ++number) {
    Snapshot window = WindowAt(number);
    for (uint32_t tid = 100; tid < 100 + kThreads; ++tid) {
      const ThreadKey key{100, tid, 1'000'000'007ULL * tid};
      ThreadWindow& thread = window.threads[key];
      thread.key = key;
      thread.comm = "sleeper-" + std::to_string(tid);
      thread.totals.wall_ns = kSecond + (number * tid) % 9973;
      thread.totals.waits[WAIT_sleep].ns = thread.totals.wall_ns;
      thread.open_wait = OpenWait{.cls = WAIT_sleep, .ns = (number + 1) * kSecond, .object = {}};
    }
    history.Append(std::move(window));
  }
  EXPECT_LT(history.Usage().bytes, kWindows * kThreads * 12);
  EXPECT_EQ(history.Merged(0, kWindows * kSecond)->threads.size(), kThreads + 1);
}

TEST(HistoryTest, GivingUpEndsAMergeBetweenTwoWindows) {
  History history({});
  for (uint64_t i = 0; i < 100; ++i) history.Append(WindowAt(i));
  int looks = 0;
  const auto merged = history.Merged(0, 100 * kSecond, {}, [&] { return ++looks == 3; });
  EXPECT_TRUE(absl::IsCancelled(merged.status()));
  EXPECT_EQ(looks, 3);
}

TEST(HistoryTest, ATargetIsJudgedByAllWindowsOfTheStretch) {
  History history({});
  for (uint64_t i = 0; i < 3; ++i) {
    Snapshot window = WindowAt(i);
    window.threads.at(kThread).comm = i < 2 ? "starter" : "server";
    history.Append(std::move(window));
  }
  const auto by_name = history.Merged(0, 3 * kSecond, {.comms = {"server"}}, [] { return false; });
  ASSERT_TRUE(by_name.ok() && *by_name);
  EXPECT_EQ((*by_name)->threads.at(kThread).totals.running_ns, 3 * kSecond);
  const auto other = history.Merged(0, 3 * kSecond, {.pids = {11}}, [] { return false; });
  EXPECT_TRUE((*other)->threads.empty());
}

// Windows of one second, each cut in two by a question.
class CutHistory : public testing::Test {
 protected:
  void Append(uint64_t half_seconds) {
    for (uint64_t i = 0; i < half_seconds; ++i) {
      Snapshot window = WindowAt(0);
      window.begin_ns = end_ns_;
      window.end_ns = end_ns_ += kSecond / 2;
      window.wall_clock_end_ns = 1000 * kSecond + end_ns_;
      window.sequence = sequence_++;
      window.threads.at(kThread).totals = {.wall_ns = kSecond / 2, .running_ns = kSecond / 2};
      history_.Append(std::move(window));
    }
  }

  History history_{{.window_ns = kSecond}};
  uint64_t end_ns_ = 0;
  uint64_t sequence_ = 0;
};

TEST_F(CutHistory, ShortWindowsAreJoinedAndLoseNothing) {
  Append(200);
  EXPECT_LE(history_.Usage().windows, 105u);
  EXPECT_GE(history_.Usage().windows, 50u);
  const auto whole = history_.Merged(0, end_ns_);
  EXPECT_EQ(whole->windows, 200u);
  EXPECT_EQ(whole->threads.at(kThread).totals.running_ns, 100 * kSecond);
}

TEST_F(CutHistory, AnEndThatAReaderNeedsStaysUntilItIsDone) {
  Append(1);
  std::shared_ptr<void> pin = history_.Pin(kSecond / 2);
  Append(4);
  EXPECT_EQ(history_.WaitForEnd(1, milliseconds(0)), kSecond / 2);
  pin.reset();
  Append(1);
  EXPECT_GT(history_.WaitForEnd(1, milliseconds(0)), kSecond / 2);
}

TEST_F(CutHistory, AMarkAskedForStaysWhereItIs) {
  Append(7);
  history_.PinForLater(end_ns_);
  const uint64_t mark_ns = end_ns_;
  Append(100);
  EXPECT_EQ(history_.EndAtWallClock(1000 * kSecond + mark_ns), mark_ns);
  EXPECT_EQ(history_.Merged(mark_ns, end_ns_)->begin_ns, mark_ns);
}

TEST(HistoryTest, WaitingEndsWhenTheWindowCloses) {
  History history({});
  std::thread later([&] {
    std::this_thread::sleep_for(milliseconds(20));
    history.Append(WindowAt(3));
  });
  EXPECT_EQ(history.WaitForEnd(4 * kSecond, milliseconds(5000)), 4 * kSecond);
  later.join();
  EXPECT_EQ(history.WaitForEnd(5 * kSecond, milliseconds(1)), std::nullopt);
}

TEST(HistoryTest, WaitingFindsTheFirstWindowThatEndsLateEnough) {
  History history({});
  for (uint64_t i = 0; i < 5; ++i) history.Append(WindowAt(i));
  EXPECT_EQ(history.WaitForEnd(kSecond + 1, milliseconds(0)), 2 * kSecond);
}

TEST(HistoryTest, AMarkIsFoundAgainByItsWallClock) {
  History history({});
  for (uint64_t i = 0; i < 3; ++i) history.Append(WindowAt(i));
  EXPECT_EQ(history.EndAtWallClock(1002 * kSecond), 2 * kSecond);
  EXPECT_EQ(history.EndAtWallClock(1002 * kSecond + 1), std::nullopt);
}

}  // namespace
}  // namespace waitscope
