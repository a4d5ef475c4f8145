#include "agent/core/stack_trust.h"

#include <gtest/gtest.h>

namespace waitscope {
namespace {

constexpr ThreadKey kThread{10, 11, 5};

Snapshot WithSample(const SampleKey& key, double ns) {
  Snapshot snapshot;
  snapshot.samples[key].ns = ns;
  return snapshot;
}

TEST(StackTrust, TimeIsByTheClassOfTheUserStack) {
  Snapshot snapshot = WithSample({.thread = kThread, .user_stack = 1}, 100);
  snapshot.samples[{.thread = kThread, .user_stack = 2}].ns = 20;
  snapshot.samples[{.thread = kThread, .user_stack = 3}].ns = 3;
  snapshot.samples[{.thread = kThread, .kernel_stack = 9}].ns = 0.5;
  snapshot.stacks[1].trust = UNWIND_CLASS_exact;
  snapshot.stacks[2].trust = UNWIND_CLASS_truncated;
  const TrustedTime time = StackTime(snapshot);
  EXPECT_EQ(time[UNWIND_CLASS_exact], 100);
  EXPECT_EQ(time[UNWIND_CLASS_truncated], 20);
  EXPECT_EQ(time[UNWIND_CLASS_lost], 3) << "the stack never arrived";
  EXPECT_EQ(time[UNWIND_CLASS_none], 0.5) << "there was none";
}

TEST(StackTrust, ProcessesAreToldApart) {
  Snapshot snapshot = WithSample({.thread = kThread, .user_stack = 1}, 100);
  snapshot.samples[{.thread = {20, 20, 6}, .user_stack = 1}].ns = 7;
  snapshot.stacks[1].trust = UNWIND_CLASS_heuristic;
  const auto times = StackTimeByProcess(snapshot);
  EXPECT_EQ(times.at(10)[UNWIND_CLASS_heuristic], 100);
  EXPECT_EQ(times.at(20)[UNWIND_CLASS_heuristic], 7);
}

TEST(StackTrust, WhatHasNoUserStackByNatureIsLeftOut) {
  Snapshot snapshot = WithSample({.open = true, .thread = kThread}, 100);
  snapshot.samples[{.thread = kThread, .state = SampleState::kRunning}].ns = 100;
  const ThreadKey worker{2, 2, 1};
  snapshot.threads[worker].kernel_thread = true;
  snapshot.samples[{.thread = worker, .state = SampleState::kPreempted}].ns = 100;
  snapshot.samples[{.thread = {3, 3, 1}, .syscall = -2}].ns = 100;
  EXPECT_EQ(StackTime(snapshot), TrustedTime{});
}

TEST(StackTrust, TruncatedStackSaysWhy) {
  Stack stack{.frames = {{.symbol = "read"}}};
  ApplyTrust({.trust = UNWIND_CLASS_truncated, .stop = UNWIND_STOP_too_deep}, stack);
  EXPECT_EQ(stack.truncated, "more than 256 frames");
  EXPECT_EQ(stack.trust, UNWIND_CLASS_truncated);
  EXPECT_EQ(stack.frames.size(), 1u);
}

TEST(StackTrust, NamelessStackKeepsTheReasonForThat) {
  Stack stack{.truncated = "process exited before its mappings were read"};
  ApplyTrust({.trust = UNWIND_CLASS_truncated, .stop = UNWIND_STOP_no_process}, stack);
  EXPECT_EQ(stack.truncated, "process exited before its mappings were read");
  EXPECT_EQ(stack.trust, UNWIND_CLASS_lost);
}

TEST(StackTrust, ThreadInsideExecHasOneFrameThatSaysSo) {
  Stack stack{.truncated = "process exited before its mappings were read"};
  ApplyTrust({.trust = UNWIND_CLASS_exec}, stack);
  ASSERT_EQ(stack.frames.size(), 1u);
  EXPECT_EQ(stack.frames[0].symbol, "[exec]");
  EXPECT_EQ(stack.truncated, "");
}

TEST(StackTrust, EveryClassAndEveryReasonHasItsWords) {
  for (int trust = 0; trust < UNWIND_CLASS_COUNT; ++trust) {
    EXPECT_NE(TrustWord(static_cast<unwind_class>(trust)), "") << trust;
  }
  for (int stop = UNWIND_STOP_none + 1; stop < UNWIND_STOP_COUNT; ++stop) {
    EXPECT_NE(StopText(static_cast<unwind_stop>(stop)), "") << stop;
    EXPECT_LT(StopText(static_cast<unwind_stop>(stop)).size(), 64u) << "fits a recorded frame";
  }
}

}  // namespace
}  // namespace waitscope
