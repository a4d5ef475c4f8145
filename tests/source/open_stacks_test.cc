#include "agent/source/open_stacks.h"

#include <gmock/gmock.h>

#include <initializer_list>

namespace waitscope {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

waiting_thread Waiting(uint32_t tid, uint64_t since_ns) {
  waiting_thread waiting{};
  waiting.thread = {.pid = 10, .tid = tid, .start_ns = 1};
  waiting.since_ns = since_ns;
  return waiting;
}

OpenStack Found(const waiting_thread& waiting, std::initializer_list<uint64_t> addresses,
                unwind_class trust = UNWIND_CLASS_late_live) {
  OpenStack found{.waiting = waiting, .stack = {}};
  found.stack.pid = waiting.thread.pid;
  found.stack.stack_class = trust;
  found.stack.count = static_cast<uint16_t>(addresses.size());
  std::copy(addresses.begin(), addresses.end(), found.stack.addresses);
  return found;
}

ledger_event Blocked(uint32_t tid, uint64_t since_ns) {
  ledger_event reading{};
  reading.thread = Waiting(tid, since_ns).thread;
  reading.totals.state = THREAD_blocked;
  reading.totals.since_ns = since_ns;
  return reading;
}

MATCHER_P(OfThread, tid, "") { return arg.thread.tid == static_cast<uint32_t>(tid); }

class OpenStacksTest : public testing::Test {
 protected:
  uint64_t StackOf(const ledger_event& reading, uint32_t generation = 0) {
    return stacks_.StackOf(reading, generation,
                           [&](const Event& event) { told_.push_back(event); });
  }

  OpenStacks stacks_;
  std::vector<Event> told_;
};

TEST_F(OpenStacksTest, LongestWaitsAreReadFirst) {
  EXPECT_THAT(stacks_.Unread({Waiting(2, 20), Waiting(1, 10)}),
              ElementsAre(OfThread(1), OfThread(2)));
}

TEST_F(OpenStacksTest, NotMoreAreReadThanIsCheap) {
  std::vector<waiting_thread> many;
  for (uint32_t tid = 1; tid <= 5000; ++tid) many.push_back(Waiting(tid, tid));
  EXPECT_THAT(stacks_.Unread(many), SizeIs(testing::Le(1000u)));
}

TEST_F(OpenStacksTest, EachWaitIsReadOnce) {
  stacks_.Add(Found(Waiting(1, 10), {0x1, 0x2}));
  EXPECT_THAT(stacks_.Unread({Waiting(1, 10)}), IsEmpty());
}

TEST_F(OpenStacksTest, NextWaitOfTheThreadIsReadAnew) {
  stacks_.Add(Found(Waiting(1, 10), {0x1, 0x2}));
  EXPECT_THAT(stacks_.Unread({Waiting(1, 30)}), ElementsAre(OfThread(1)));
  EXPECT_EQ(StackOf(Blocked(1, 10)), 0u) << "over, so forgotten";
}

TEST_F(OpenStacksTest, TruncatedOneIsTriedAgainButNotForEver) {
  for (int reading = 0; reading < 3; ++reading) {
    EXPECT_THAT(stacks_.Unread({Waiting(1, 10)}), SizeIs(1));
    stacks_.Add(Found(Waiting(1, 10), {0x1}, UNWIND_CLASS_truncated));
  }
  EXPECT_THAT(stacks_.Unread({Waiting(1, 10)}), IsEmpty());
}

TEST_F(OpenStacksTest, OneThatLacksATableIsTriedAsLongAsTheWaitLastsButEverMoreSeldom) {
  int tries = 0;
  for (int turn = 0; turn < 100; ++turn) {
    if (stacks_.Unread({Waiting(1, 10)}).empty()) continue;
    ++tries;
    OpenStack found = Found(Waiting(1, 10), {0x1}, UNWIND_CLASS_truncated);
    found.stack.stop = UNWIND_STOP_no_table;
    stacks_.Add(found);
  }
  EXPECT_THAT(tries, testing::AllOf(testing::Ge(7), testing::Le(10)));
}

TEST_F(OpenStacksTest, StackBelongsToTheWaitItWasReadIn) {
  stacks_.Add(Found(Waiting(1, 10), {0x1, 0x2}));
  EXPECT_EQ(StackOf(Blocked(1, 11)), 0u) << "the thread ran meanwhile";
  EXPECT_THAT(told_, IsEmpty());
  EXPECT_NE(StackOf(Blocked(1, 10)), 0u);
  ASSERT_THAT(told_, SizeIs(1));
  const auto& stack = std::get<stack_event>(told_[0]);
  EXPECT_EQ(stack.count, 2);
  EXPECT_EQ(stack.addresses[1], 0x2u);
  EXPECT_EQ(stack.stack_class, UNWIND_CLASS_late_live);
}

TEST_F(OpenStacksTest, ThreadThatRunsHasNoStackOfAWait) {
  stacks_.Add(Found(Waiting(1, 10), {0x1}));
  ledger_event running = Blocked(1, 10);
  running.totals.state = THREAD_running;
  EXPECT_EQ(StackOf(running), 0u);
}

TEST_F(OpenStacksTest, AddressesAreToldOnceAGeneration) {
  stacks_.Add(Found(Waiting(1, 10), {0x1}));
  StackOf(Blocked(1, 10), 5);
  StackOf(Blocked(1, 10), 5);
  EXPECT_THAT(told_, SizeIs(1));
  StackOf(Blocked(1, 10), 6);
  EXPECT_THAT(told_, SizeIs(2));
}

TEST_F(OpenStacksTest, ThreadsThatWaitAlikeShareOneStack) {
  stacks_.Add(Found(Waiting(1, 10), {0x1, 0x2}));
  stacks_.Add(Found(Waiting(2, 10), {0x1, 0x2}));
  stacks_.Add(Found(Waiting(3, 10), {0x2, 0x1}));
  EXPECT_EQ(StackOf(Blocked(1, 10)), StackOf(Blocked(2, 10)));
  EXPECT_NE(StackOf(Blocked(1, 10)), StackOf(Blocked(3, 10)));
}

}  // namespace
}  // namespace waitscope
