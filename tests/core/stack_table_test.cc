#include "agent/core/stack_table.h"

#include <gmock/gmock.h>

#include "tests/core/timeline.h"

namespace waitscope {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

// A window whose only sample has this stack.
Snapshot WindowWith(StackId id) {
  Snapshot snapshot;
  snapshot.samples[{.thread = {1, 1, 1}, .kernel_stack = id}].ns = 1;
  return snapshot;
}

bool Has(StackTable& table, StackId id) {
  Snapshot window = WindowWith(id);
  return !table.Close(window).empty();
}

TEST(StackTable, StackStaysKnownOverManyWindows) {
  StackTable table(4);
  table.Fold(StackWith(1, 0, {10, 20}));
  for (int window = 0; window < 10; ++window) {
    Snapshot snapshot = WindowWith(1);
    const auto stacks = table.Close(snapshot);
    ASSERT_THAT(stacks, SizeIs(1));
    EXPECT_THAT(stacks[0]->addresses, ElementsAre(10, 20));
    EXPECT_EQ(snapshot.losses[LOST_stack_unresolved], 0u);
  }
}

TEST(StackTable, IsBoundedAndForgetsWhatNobodyUses) {
  StackTable table(4);
  for (StackId id = 1; id <= 100; ++id) {
    table.Fold(StackWith(id, 0, {id}));
    EXPECT_TRUE(Has(table, 1)) << "used in every window";
  }
  size_t kept = 0;
  table.Baseline([&](const Event&) { ++kept; });
  EXPECT_LE(kept, 8u);
  EXPECT_FALSE(Has(table, 2));
  EXPECT_TRUE(Has(table, 100));
}

TEST(StackTable, CountsEachUnknownStackOnce) {
  StackTable table(4);
  Snapshot snapshot = WindowWith(7);
  snapshot.samples[{.thread = {1, 2, 1}, .kernel_stack = 7, .user_stack = 8}].ns = 1;
  EXPECT_THAT(table.Close(snapshot), SizeIs(0));
  EXPECT_EQ(snapshot.losses[LOST_stack_unresolved], 2u);
}

TEST(StackTable, TellsThatItForgotWhatTheKernelTakesForShipped) {
  StackTable table(4);
  for (StackId id = 1; id <= 8; ++id) table.Fold(StackWith(id, 0, {id}));
  EXPECT_FALSE(table.TakeLapse());
  table.Fold(StackWith(9, 0, {9}));
  EXPECT_TRUE(table.TakeLapse());
  EXPECT_FALSE(table.TakeLapse());
}

TEST(StackTable, AStackThatStaysMissingIsToldOnce) {
  StackTable table(4);
  EXPECT_FALSE(Has(table, 7));
  EXPECT_TRUE(table.TakeLapse());
  EXPECT_FALSE(Has(table, 7));
  EXPECT_FALSE(table.TakeLapse());
}

TEST(StackTable, ItsBytesAreThoseOfTheStacksItHas) {
  StackTable table(4);
  for (StackId id = 1; id <= 8; ++id) table.Fold(StackWith(id, 0, {1, 2, 3, 4}));
  const size_t full = table.bytes();
  EXPECT_GT(full, 8 * 4 * sizeof(uint64_t));
  for (StackId id = 9; id <= 1000; ++id) table.Fold(StackWith(id, 0, {1, 2, 3, 4}));
  EXPECT_LE(table.bytes(), full);
}

TEST(StackTable, BaselineIsWhatWasFolded) {
  StackTable table(4);
  table.Fold(StackWith(1, 33, {10, 20, 30}));
  table.Baseline([](const Event& event) {
    const auto& stack = std::get<stack_event>(event);
    EXPECT_EQ(stack.id, 1u);
    EXPECT_EQ(stack.pid, 33u);
    EXPECT_EQ(stack.count, 3u);
    EXPECT_EQ(stack.addresses[2], 30u);
  });
}

TEST(StackTable, KeepsTheWordsBehindTheAddresses) {
  stack_event event = StackWith(1, 33, {10, 20});
  event.addresses[2] = 77;
  event.addresses[3] = 78;
  event.hdr.size += 2 * sizeof(uint64_t);
  StackTable table(4);
  table.Fold(event);
  table.Baseline([](const Event& told) {
    const RawStack raw = RawStackOf(std::get<stack_event>(told));
    EXPECT_EQ(raw.addresses, (std::vector<uint64_t>{10, 20}));
    EXPECT_EQ(raw.python, (std::vector<uint64_t>{77, 78}));
  });
}

TEST(StackTable, ASizeThatCannotBeGivesNoMoreWordsThanThereAre) {
  stack_event event = StackWith(1, 33, {10, 20});
  event.hdr.size = UINT32_MAX;
  EXPECT_EQ(RawStackOf(event).python.size(), static_cast<size_t>(WS_PYTHON_WORDS));
  event.hdr.size = 0;
  EXPECT_TRUE(RawStackOf(event).python.empty());
}

}  // namespace
}  // namespace waitscope
