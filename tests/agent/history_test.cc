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
  const size_t one = ApproximateBytes(WindowAt(0));
  History history({.time_ns = UINT64_MAX / 2, .bytes = 10 * one});
  for (uint64_t i = 0; i < 1000; ++i) history.Append(WindowAt(i));
  const HistoryUsage usage = history.Usage();
  EXPECT_LE(usage.bytes, 10 * one);
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
