#include "agent/turns.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace waitscope {
namespace {

constexpr auto kNever = [] { return false; };

TEST(TurnsTest, TheNextOneComesWhenATurnEnds) {
  Turns turns(1, 1);
  auto first = turns.Take(kNever);
  std::thread ender([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    first->reset();
  });
  EXPECT_TRUE(turns.Take(kNever).ok());
  ender.join();
}

TEST(TurnsTest, WhoeverGivesUpLeavesTheQueue) {
  Turns turns(1, 1);
  const auto first = turns.Take(kNever);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(absl::IsCancelled(turns.Take([] { return true; }).status()));
  }
}

TEST(TurnsTest, ALongQueueIsToldInsteadOfJoined) {
  Turns turns(1, 1);
  const auto first = turns.Take(kNever);
  std::atomic<bool> waits = false;
  std::atomic<bool> done = false;
  std::thread second([&] {
    EXPECT_FALSE(turns
                     .Take([&] {
                       waits = true;
                       return done.load();
                     })
                     .ok());
  });
  while (!waits) std::this_thread::yield();
  EXPECT_TRUE(absl::IsResourceExhausted(turns.Take(kNever).status()));
  done = true;
  second.join();
}

}  // namespace
}  // namespace waitscope
