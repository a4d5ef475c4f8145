// Rows of pools: counts, places, and who made the threads.
#include "agent/views/pools.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/diagnose/made_machine.h"

namespace waitscope {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

class PoolRowsTest : public testing::Test {
 protected:
  PoolRowsTest() : main_(machine_.AddThread(10, 10, "server")) {}

  ThreadKey Add(uint32_t tid, const std::string& comm) { return machine_.AddThread(10, tid, comm); }
  void Park(const ThreadKey& thread, uint64_t ns, double count, uint64_t word = 0x5000) {
    machine_.AddWait(thread, {.cls = WAIT_lock,
                              .syscall = __NR_futex,
                              .ns = ns,
                              .count = count,
                              .object = Futex(word, kConditionOp),
                              .waker = main_});
  }
  void Sleep(const ThreadKey& thread, uint64_t ns) {
    machine_.AddWait(thread,
                     {.cls = WAIT_sleep, .syscall = __NR_clock_nanosleep, .ns = ns, .count = 10});
  }
  void Accept() {
    machine_.AddWait(main_,
                     {.cls = WAIT_poll, .syscall = __NR_accept4, .ns = 7 * kSecond, .count = 30});
  }
  // The view keeps pointers into the machine's: both live as long as the test.
  const std::vector<PoolRow>& Rows() {
    view_ = std::make_unique<MachineView>(machine_.snapshot());
    rows_ = PoolRows(*view_, [](const ProcessView&) { return true; });
    return rows_;
  }

  MadeMachine machine_;
  ThreadKey main_;
  std::unique_ptr<MachineView> view_;
  std::vector<PoolRow> rows_;
};

TEST_F(PoolRowsTest, ThreadsOfOneNameAreCountedAtBeginAndEnd) {
  for (uint32_t tid = 11; tid < 15; ++tid) Add(tid, "pool-1-thread-" + std::to_string(tid));
  machine_.snapshot().threads.at({10, 11, kSecond}).exited = true;
  machine_.snapshot().threads.at({10, 13, kSecond}).born = true;
  machine_.snapshot().threads.at({10, 14, kSecond}).born = true;
  ASSERT_THAT(Rows(), SizeIs(1));
  EXPECT_EQ(rows_[0].name, "pool-*-thread-*");
  EXPECT_EQ(rows_[0].threads_begin, 2u);
  EXPECT_EQ(rows_[0].created, 2u);
  EXPECT_EQ(rows_[0].exited, 1u);
  EXPECT_EQ(rows_[0].threads, 3u);
}

TEST_F(PoolRowsTest, OneNameOfAllStaysAsItIs) {
  for (uint32_t tid = 11; tid < 13; ++tid) Add(tid, "io2");
  EXPECT_EQ(Rows().at(0).name, "io2");
}

TEST_F(PoolRowsTest, MainThreadAndLonersAreNoPool) {
  Add(11, "timer");
  EXPECT_THAT(Rows(), IsEmpty());
}

TEST_F(PoolRowsTest, HomeIsWhereTheIdleWaitAndTasksAreTheRest) {
  for (uint32_t tid = 11; tid < 13; ++tid) {
    const ThreadKey worker = Add(tid, "worker");
    Park(worker, 2 * kSecond, 5);
    Sleep(worker, 5 * kSecond);
    machine_.AddRunning(worker, kSecond);
  }
  const PoolRow& row = Rows().at(0);
  EXPECT_DOUBLE_EQ(row.home_ns, 4.0 * kSecond);
  EXPECT_DOUBLE_EQ(row.task_ns, 10.0 * kSecond);
  EXPECT_DOUBLE_EQ(row.running_ns, 2.0 * kSecond);
  EXPECT_DOUBLE_EQ(row.away.at(Nature::kSleep), 10.0 * kSecond);
  ASSERT_TRUE(row.home);
  EXPECT_EQ(row.home->nature, Nature::kPark);
  EXPECT_EQ(row.home->threads, 2u);
  ASSERT_THAT(row.worst, SizeIs(1));
  EXPECT_EQ(row.worst[0].threads, 2u);
}

TEST_F(PoolRowsTest, TheTimeWithNobodyAtHomeIsBounded) {
  Park(Add(11, "worker"), 3 * kSecond, 5);
  Park(Add(12, "worker"), 1 * kSecond, 5);
  const PoolRow& row = Rows().at(0);
  EXPECT_DOUBLE_EQ(row.nobody_home_min_ns, 4.0 * kSecond);  // they were idle in turn
  EXPECT_DOUBLE_EQ(row.nobody_home_max_ns, 5.0 * kSecond);  // or at the same time
}

TEST_F(PoolRowsTest, AWaitThatIsNotOverTellsWhereAThreadIsNow) {
  Park(Add(11, "worker"), kWindow, 0);
  machine_.AddWait(Add(12, "worker"), {.cls = WAIT_network,
                                       .syscall = __NR_recvfrom,
                                       .ns = kWindow,
                                       .count = 0,
                                       .object = Connection(40000, 5432)});
  const PoolRow& row = Rows().at(0);
  EXPECT_EQ(row.open_home, 1u);
  EXPECT_EQ(row.open_task, 1u);
}

TEST_F(PoolRowsTest, WaitingForTheInterpretersLockIsNotIdling) {
  machine_.snapshot().threads.at(main_).comm = "python3";
  for (uint32_t tid = 11; tid < 13; ++tid) {
    machine_.AddWait(Add(tid, "python3"), {.cls = WAIT_lock,
                                           .syscall = __NR_futex,
                                           .ns = 5 * kSecond,
                                           .count = 1000,
                                           .object = Futex(0xa5b740, kTimedOp)});
  }
  const PoolRow& row = Rows().at(0);
  EXPECT_DOUBLE_EQ(row.home_ns, 0);
  EXPECT_DOUBLE_EQ(row.away.at(Nature::kMutex), 10.0 * kSecond);
}

TEST_F(PoolRowsTest, TheCreatorIsWhoMadeMostOfThem) {
  for (uint32_t tid = 11; tid < 14; ++tid) {
    const ThreadKey worker = Add(tid, "worker");
    ThreadWindow& window = machine_.snapshot().threads.at(worker);
    window.creator = tid == 13 ? ThreadKey{10, 11, kSecond} : main_;
    window.born = true;
  }
  machine_.snapshot().creations[{main_, 1, 2}] = 2;
  machine_.snapshot().creations[{main_, 1, 3}] = 5;
  const PoolRow& row = Rows().at(0);
  EXPECT_EQ(row.creator, main_);
  EXPECT_EQ(row.made_by_creator, 2u);
  EXPECT_EQ(row.creator_user_stack, 3u);
}

TEST_F(PoolRowsTest, SleepersWithATimetableAreNoTroubleUnlessTheyAreAskedForSomething) {
  for (uint32_t tid = 11; tid < 13; ++tid) Sleep(Add(tid, "worker"), 7 * kSecond);
  EXPECT_DOUBLE_EQ(Rows().at(0).trouble_ns, 0);
  Accept();
  EXPECT_GT(Rows().at(0).trouble_ns, 0);
}

TEST_F(PoolRowsTest, TheMostTroubledComesFirst) {
  Accept();
  for (uint32_t tid = 11; tid < 21; ++tid) Park(Add(tid, "idle"), kWindow, 0);
  for (uint32_t tid = 21; tid < 23; ++tid) Sleep(Add(tid, "stuck"), 7 * kSecond);
  EXPECT_EQ(Rows().at(0).name, "stuck");
  EXPECT_EQ(rows_.at(1).name, "idle");
}

TEST_F(PoolRowsTest, OnlyProcessesAskedForAreTold) {
  for (uint32_t tid = 11; tid < 13; ++tid) Add(tid, "worker");
  const MachineView view(machine_.snapshot());
  EXPECT_THAT(PoolRows(view, [](const ProcessView& process) { return process.pid == 20; }),
              IsEmpty());
}

}  // namespace
}  // namespace waitscope
