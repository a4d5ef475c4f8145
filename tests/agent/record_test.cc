#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "agent/core/wire_text.h"
#include "agent/record_tap.h"
#include "agent/recording.h"
#include "agent/source/event_codec.h"
#include "agent/source/replay_source.h"
#include "tests/agent/ticking_source.h"

namespace waitscope {
namespace {

using std::chrono::milliseconds;

constexpr auto kNever = [] { return false; };

life_event Fork(uint32_t parent, uint32_t child) {
  life_event event{};
  event.kind = LIFE_fork;
  event.thread = {child, child, 1};
  event.creator = {parent, parent, 1};
  return event;
}

wait_event WaitOf(uint32_t pid, StackId kernel_stack) {
  wait_event event{};
  event.thread = {pid, pid, 1};
  event.kernel_stack = kernel_stack;
  return event;
}

TEST(RecordFilterTest, OnlyTheSelectedProcessesRecordsAreAdmitted) {
  RecordFilter filter({.pids = {10}}, Snapshot());
  EXPECT_TRUE(filter.Admits(WaitOf(10, 0)));
  EXPECT_FALSE(filter.Admits(WaitOf(11, 0)));
  EXPECT_TRUE(filter.Admits(TickAt(1)));
  EXPECT_TRUE(filter.Admits(LossOf(LOST_ring_full, 1)));
}

TEST(RecordFilterTest, UnreadRequestsBelongToTheirReader) {
  RecordFilter filter({.pids = {10}}, Snapshot());
  sides_event sides{};
  sides.pid = 10;
  EXPECT_TRUE(filter.Admits(sides));
  sides.pid = 11;
  EXPECT_FALSE(filter.Admits(sides));
  unread_event unread{};
  unread.pid = 10;
  EXPECT_TRUE(filter.Admits(unread));
  unread.pid = 11;
  EXPECT_FALSE(filter.Admits(unread));
}

TEST(RecordFilterTest, KernelLocksBelongToTheirWaiters) {
  RecordFilter filter({.pids = {10}}, Snapshot());
  kernel_lock_event lock{};
  lock.pid = 10;
  lock.owner.pid = 11;
  EXPECT_TRUE(filter.Admits(lock));
  lock.pid = 11;
  EXPECT_FALSE(filter.Admits(lock));
}

TEST(RecordFilterTest, DescendantsJoinWhenTheyAreBorn) {
  RecordFilter with({.pids = {10}, .descendants = true}, Snapshot());
  EXPECT_TRUE(with.Admits(Fork(10, 20)));
  EXPECT_TRUE(with.Admits(Fork(20, 30)));
  EXPECT_TRUE(with.Admits(WaitOf(30, 0)));
  RecordFilter without({.pids = {10}}, Snapshot());
  EXPECT_FALSE(without.Admits(Fork(10, 20)));
  EXPECT_FALSE(without.Admits(WaitOf(20, 0)));
}

TEST(RecordFilterTest, AProcessOfTheCgroupJoinsWhenItIsToldOf) {
  RecordFilter filter({.cgroups = {"/system.slice/a.service"}}, Snapshot());
  process_event process{};
  process.pid = 10;
  SetText(process.cgroup, "/system.slice/a.service-2");
  EXPECT_FALSE(filter.Admits(process));
  SetText(process.cgroup, "/system.slice/a.service/worker");
  EXPECT_TRUE(filter.Admits(process));
  EXPECT_TRUE(filter.Admits(WaitOf(10, 0)));
}

std::vector<Event> Decoded(std::string_view bytes) {
  std::vector<Event> events;
  while (!bytes.empty()) {
    const auto event = DecodeEvent(std::as_bytes(std::span(bytes)));
    if (!event.ok()) {
      ADD_FAILURE() << event.status();
      return events;
    }
    events.push_back(*event);
    std::string record;
    EncodeEvent(*event, record);
    bytes.remove_prefix(record.size());
  }
  return events;
}

template <typename Record>
std::vector<Record> Of(const std::vector<Event>& events) {
  std::vector<Record> found;
  for (const Event& event : events) {
    if (const auto* record = std::get_if<Record>(&event)) found.push_back(*record);
  }
  return found;
}

RecordTap StartedTap(size_t max_bytes) {
  return RecordTap(RecordFilter({}, Snapshot()), {.waiting_bytes = max_bytes});
}

TEST(RecordTapTest, StacksAreTakenOnceSomethingRefersToThem) {
  RecordTap tap = StartedTap(1 << 20);
  tap.Start([](auto emit) { emit(StackWith(1, 0, {0x10})); });
  tap.Offer(StackWith(2, 0, {0x20}));
  tap.Offer(WaitOf(10, 1));
  tap.Offer(WaitOf(10, 3));
  tap.Offer(StackWith(3, 0, {0x30}));
  const auto stacks = Of<stack_event>(Decoded(tap.Take(milliseconds(0)).bytes));
  ASSERT_EQ(stacks.size(), 2u);
  EXPECT_EQ(stacks[0].id, 1u);
  EXPECT_EQ(stacks[1].id, 3u);
  EXPECT_TRUE(tap.HasStack(1));
  EXPECT_FALSE(tap.HasStack(2));
  EXPECT_TRUE(tap.HasStack(3));
}

TEST(RecordTapTest, AnEndlessRecordingRemembersNoMoreStacksThanItsLimit) {
  RecordTap tap(RecordFilter({}, Snapshot()), {.stacks = 100});
  tap.Start([](auto emit) { emit(TickAt(1)); });
  for (StackId id = 1; id <= 1000; ++id) tap.Offer(WaitOf(10, id));
  int remembered = 0;
  for (StackId id = 1; id <= 1000; ++id) remembered += tap.HasStack(id) ? 1 : 0;
  EXPECT_LE(remembered, 100);
  EXPECT_TRUE(tap.HasStack(1000));
  // One that was forgotten is taken again once it is shipped again.
  tap.Take(milliseconds(0));
  tap.Offer(WaitOf(10, 1));
  tap.Offer(StackWith(1, 0, {0x10}));
  EXPECT_EQ(Of<stack_event>(Decoded(tap.Take(milliseconds(0)).bytes)).size(), 1u);
}

TEST(RecordTapTest, StacksNobodyRefersToTakeNoMoreThanTheirLimit) {
  RecordTap tap(RecordFilter({}, Snapshot()), {.unused_bytes = 10'000});
  tap.Start([](auto emit) { emit(TickAt(1)); });
  for (StackId id = 1; id <= 1000; ++id) tap.Offer(StackWith(id, 0, {id}));
  tap.Take(milliseconds(0));
  for (StackId id = 1; id <= 1000; ++id) tap.Offer(WaitOf(10, id));
  const auto kept = Of<stack_event>(Decoded(tap.Take(milliseconds(0)).bytes));
  EXPECT_LE(kept.size(), 10'000 / sizeof(StackId));
  EXPECT_LT(kept.size(), 1000u);
  ASSERT_FALSE(kept.empty());
  EXPECT_EQ(kept.back().id, 1000u);
}

TEST(RecordTapTest, ABaselineBeyondItsLimitIsToldInsteadOfKept) {
  RecordTap tap(RecordFilter({}, Snapshot()), {.baseline_bytes = 10'000});
  tap.Start([](auto emit) {
    for (int i = 0; i < 10'000; ++i) emit(WaitOf(10, 0));
  });
  EXPECT_TRUE(tap.IsTooLarge());
  EXPECT_LT(tap.Take(milliseconds(0)).bytes.size(), 20'000u);
}

TEST(RecordTapTest, ASlowReaderLosesRecordsAndIsToldHowMany) {
  RecordTap tap = StartedTap(10'000);
  tap.Start([](auto emit) { emit(TickAt(1)); });
  tap.Offer(LossOf(LOST_ring_full, 5));
  for (int i = 0; i < 1000; ++i) tap.Offer(WaitOf(10, 0));
  tap.Offer(TickAt(2));
  const RecordTap::Taken taken = tap.Take(milliseconds(0));
  EXPECT_LT(taken.bytes.size(), 12'000u);
  EXPECT_EQ(taken.closed_ns, 2u);
  const auto events = Decoded(taken.bytes);
  const size_t kept = Of<wait_event>(events).size();
  const auto losses = Of<loss_event>(events);
  ASSERT_FALSE(losses.empty());
  EXPECT_EQ(losses.back().count, 5 + (1000 - kept));
}

class RecordingTest : public testing::Test {
 protected:
  void SetUp() override { pipeline_.Start(); }

  std::string Record(const Target& target) {
    std::string log;
    Recording recording(pipeline_, RecordFilter(target, Snapshot()));
    const absl::Status status = recording.Run(
        200 * kMs, [&](std::string_view chunk) { return log.append(chunk), true; }, kNever);
    EXPECT_TRUE(status.ok()) << status;
    return log;
  }

  // The windows of a log, their stacks named by it.
  static std::vector<Snapshot> Replay(const std::string& log) {
    std::vector<Snapshot> windows;
    auto source = ReplaySource::Read(std::make_unique<std::istringstream>(log), "the recording");
    if (!source.ok()) ADD_FAILURE() << source.status();
    WindowBuilder builder;
    absl::StatusOr<bool> more = source.ok();
    while (more.ok() && *more) {
      more = (*source)->Poll([&](const Event& event) {
        std::optional<Window> window = builder.Fold(event);
        if (!window) return;
        for (const auto& raw : window->stacks) {
          window->snapshot.stacks[raw->id] = (*source)->symbols().Resolve(*raw);
        }
        windows.push_back(std::move(window->snapshot));
      });
    }
    EXPECT_TRUE(more.ok()) << more.status();
    return windows;
  }

  TickingSource source_;
  SpellingSymbolizer symbolizer_;
  Pipeline pipeline_{source_, symbolizer_, {}};
};

TEST_F(RecordingTest, ReplayedWindowsHoldTheSameThreadsAndNames) {
  const std::vector<Snapshot> windows = Replay(Record({}));
  ASSERT_GE(windows.size(), 3u);
  for (const Snapshot& window : windows) {
    ASSERT_EQ(window.threads.size(), 3u);
    for (const auto& [key, thread] : window.threads) {
      EXPECT_EQ(thread.totals.ResidualNs(), 0);
      EXPECT_EQ(thread.totals.wall_ns, window.end_ns - window.begin_ns);
    }
    EXPECT_EQ(window.stacks.at(12).frames.at(1).symbol, "function_1002");
    EXPECT_EQ(window.losses[LOST_stack_unresolved], 0u);
  }
  const uint64_t covered_ns = windows.back().end_ns - windows.front().begin_ns;
  EXPECT_GE(covered_ns, 200 * kMs);
}

TEST_F(RecordingTest, ATargetKeepsTheOtherProcessesOut) {
  const std::vector<Snapshot> windows = Replay(Record({.pids = {kLockerPid}}));
  ASSERT_FALSE(windows.empty());
  for (const Snapshot& window : windows) {
    ASSERT_EQ(window.threads.size(), 1u);
    EXPECT_EQ(window.threads.begin()->first.pid, kLockerPid);
    EXPECT_FALSE(window.stacks.contains(12));
  }
}

TEST_F(RecordingTest, AReaderThatLeavesEndsTheRecording) {
  Recording recording(pipeline_, RecordFilter({}, Snapshot()));
  const absl::Status status = recording.Run(
      60'000 * kMs, [](std::string_view) { return false; }, kNever);
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
}

}  // namespace
}  // namespace waitscope
