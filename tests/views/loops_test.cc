// Rows of event loops: turns, what stretches them, and threads that only poll.
#include "agent/views/loops.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/diagnose/made_machine.h"

namespace waitscope {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

class LoopRowsTest : public testing::Test {
 protected:
  ThreadKey AddServer(uint32_t tid = 10) {
    const ThreadKey loop = machine_.AddThread(10, tid, "python3");
    machine_.AddCalls(loop, __NR_epoll_wait, 160);
    machine_.AddCalls(loop, __NR_recvfrom, 80);
    machine_.AddCalls(loop, __NR_sendto, 80);
    return loop;
  }
  const std::vector<LoopRow>& Rows() {
    view_ = std::make_unique<MachineView>(machine_.snapshot());
    rows_ = LoopRows(*view_, [](const ProcessView&) { return true; });
    return rows_;
  }

  MadeMachine machine_;
  std::unique_ptr<MachineView> view_;
  std::vector<LoopRow> rows_;
};

TEST_F(LoopRowsTest, ASleepInsideATurnIsItsWorstWait) {
  const ThreadKey loop = AddServer();
  machine_.AddLoop(loop, 300 * kMillisecond, 10);
  machine_.AddWait(loop, {.cls = WAIT_sleep,
                          .syscall = __NR_clock_nanosleep,
                          .ns = 3 * kSecond,
                          .count = 10,
                          .user_frames = {"clock_nanosleep", "handle"}});
  ASSERT_THAT(Rows(), SizeIs(1));
  const LoopRow& row = rows_[0];
  EXPECT_TRUE(row.counted);
  EXPECT_TRUE(row.serves_sockets);
  EXPECT_EQ(row.loop.gaps, 10u);
  EXPECT_DOUBLE_EQ(row.polls, 10);
  EXPECT_DOUBLE_EQ(row.blocked_ns[WAIT_sleep], 3.0 * kSecond);
  ASSERT_THAT(row.worst, SizeIs(1));
  EXPECT_EQ(row.worst[0].nature, Nature::kSleep);
}

TEST_F(LoopRowsTest, ItsOwnPollIsNoTimeInATurn) {
  const ThreadKey loop = AddServer();
  machine_.AddWait(loop,
                   {.cls = WAIT_poll, .syscall = __NR_epoll_wait, .ns = 6 * kSecond, .count = 100});
  const LoopRow& row = Rows().at(0);
  EXPECT_DOUBLE_EQ(row.blocked_ns[WAIT_poll], 0);
  EXPECT_THAT(row.worst, IsEmpty());
  EXPECT_FALSE(row.counted);
  EXPECT_DOUBLE_EQ(row.polls, 100);
  EXPECT_DOUBLE_EQ(row.poll_ns, 6.0 * kSecond);
}

TEST_F(LoopRowsTest, AThreadThatPollsWithoutSocketsIsListedAsThat) {
  const ThreadKey timer = machine_.AddThread(10, 11, "timer");
  machine_.AddCalls(timer, __NR_epoll_wait, 20);
  machine_.AddLoop(timer, 20 * kMillisecond, 20);
  ASSERT_THAT(Rows(), SizeIs(1));
  EXPECT_FALSE(rows_[0].serves_sockets);
  EXPECT_EQ(rows_[0].loop.gaps, 0u);
}

TEST_F(LoopRowsTest, AThreadThatHardlyPollsIsNone) {
  const ThreadKey thread = machine_.AddThread(10, 11, "worker");
  machine_.AddLoop(thread, kSecond, 1);
  EXPECT_THAT(Rows(), IsEmpty());
}

TEST_F(LoopRowsTest, AWaitThatIsNotOverTellsOfATurnInProgress) {
  const ThreadKey loop = AddServer();
  machine_.AddWait(loop, {.cls = WAIT_disk, .syscall = __NR_read, .ns = 2 * kSecond, .count = 0});
  machine_.snapshot().threads.at(loop).open_wait =
      OpenWait{.cls = WAIT_disk, .ns = 2 * kSecond, .syscall = __NR_read};
  EXPECT_EQ(Rows().at(0).in_progress_ns, 2 * kSecond);
}

TEST_F(LoopRowsTest, TheLongestStalledComesFirst) {
  machine_.AddLoop(AddServer(10), 5 * kMillisecond, 10);
  machine_.AddLoop(AddServer(11), 300 * kMillisecond, 10);
  EXPECT_EQ(Rows().at(0).loop.thread->key().tid, 11u);
}

}  // namespace
}  // namespace waitscope
