#include "agent/source/memory_source.h"

#include <gmock/gmock.h>

#include <thread>

#include "tests/core/timeline.h"

namespace waitscope {
namespace {

TEST(MemorySource, GivesEverythingOnceAndEnds) {
  MemorySource source({TickAt(1), TickAt(2)});
  int events = 0;
  const auto more = source.Poll([&](const Event&) { ++events; });
  ASSERT_TRUE(more.ok());
  EXPECT_FALSE(*more);
  EXPECT_EQ(events, 2);
}

TEST(MemorySource, GivesWhatAnotherThreadPushesUntilItEnds) {
  MemorySource source;
  std::thread pusher([&] {
    for (uint64_t tick = 1; tick <= 1000; ++tick) source.Push(TickAt(tick));
    source.End();
  });
  uint64_t last = 0;
  while (*source.Poll([&](const Event& event) { last = std::get<tick_event>(event).at_ns; })) {
  }
  pusher.join();
  EXPECT_EQ(last, 1000u);
}

TEST(MemorySource, RemembersWhatWasAskedOfIt) {
  MemorySource source;
  source.RequestTick();
  ASSERT_TRUE(source.WantSyscalls(true).ok());
  EXPECT_EQ(source.ticks_requested(), 1);
  EXPECT_TRUE(source.syscalls_wanted());
}

}  // namespace
}  // namespace waitscope
