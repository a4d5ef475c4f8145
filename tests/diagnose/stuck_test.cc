// Pools of which every thread is in a call that does not come back, and those beside them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/diagnose/made_machine.h"

namespace waitscope {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class StuckPoolTest : public testing::Test {
 protected:
  StuckPoolTest() : main_(machine_.AddThread(10, 10, "node")) {}

  void AddCallsOfLoop(uint64_t accepted, uint64_t read, uint64_t written) {
    machine_.AddCalls(main_, __NR_accept4, accepted);
    machine_.AddCalls(main_, __NR_read, read);
    machine_.AddCalls(main_, __NR_write, written);
  }
  // All of the window in one call.
  void Stick(uint32_t tid, int32_t syscall, const std::vector<std::string>& frames) {
    const ThreadKey worker = machine_.AddThread(10, tid, "node");
    machine_.AddWait(worker,
                     {.cls = WAIT_other, .syscall = syscall, .ns = kWindow, .user_frames = frames});
    machine_.snapshot().threads.at(worker).open_wait =
        OpenWait{.cls = WAIT_other, .ns = 20 * kSecond, .syscall = syscall};
  }
  void StickAll() {
    for (uint32_t tid = 11; tid < 15; ++tid) {
      Stick(tid, __NR_openat, {"open", "uv__fs_work", "worker", "start_thread"});
    }
  }

  // Each at a word of its own.
  void ParkForGood(uint32_t tid, const std::vector<std::string>& frames) {
    const ThreadKey worker = machine_.AddThread(10, tid, "pool-1-thread-" + std::to_string(tid));
    const wait_object word = Futex(0x9000 + 64ULL * tid, kConditionOp);
    machine_.AddWait(worker, {.cls = WAIT_lock,
                              .syscall = __NR_futex,
                              .ns = kWindow,
                              .object = word,
                              .user_frames = frames});
    machine_.snapshot().threads.at(worker).open_wait =
        OpenWait{.cls = WAIT_lock, .ns = 20 * kSecond, .object = word};
  }

  const std::vector<std::string> kTaskForTask{
      "Parker::park", "java.util.concurrent.FutureTask.get",
      "java.util.concurrent.AbstractExecutorService.invokeAll",
      "java.util.concurrent.FutureTask.run", "java.util.concurrent.ThreadPoolExecutor.runWorker"};
  MadeMachine machine_;
  ThreadKey main_;
};

TEST_F(StuckPoolTest, WorkersThatAFileKeepsForEverStarveThoseWhoAsk) {
  AddCallsOfLoop(5, 6, 0);
  StickAll();
  Stick(15, __NR_futex, {"pthread_cond_wait", "PlatformWorkerThread", "start_thread"});
  EXPECT_THAT(machine_.Conditions(), ElementsAre("thread-pool-starvation"));
}

TEST_F(StuckPoolTest, OneThatIsFreeIsEnough) {
  AddCallsOfLoop(5, 6, 0);
  StickAll();
  Stick(15, __NR_futex, {"pthread_cond_wait", "worker", "start_thread"});
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(StuckPoolTest, ReadersBesideALoopThatAnswersHarmNobody) {
  AddCallsOfLoop(5, 6, 5);
  StickAll();
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(StuckPoolTest, ACollectorThatNeverAnswersHarmsNobody) {
  AddCallsOfLoop(5, 400, 0);
  StickAll();
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

// A Java machine reads files of its own meanwhile.
TEST_F(StuckPoolTest, WorkersThatWaitForResultsOfTheirOwnPoolAreStuck) {
  AddCallsOfLoop(8, 6, 0);
  for (uint32_t tid = 11; tid < 14; ++tid) {
    ParkForGood(tid, {"Parker::park", "java.util.concurrent.CompletableFuture.join"});
  }
  EXPECT_THAT(machine_.Conditions(), ElementsAre("thread-pool-starvation"));
}

TEST_F(StuckPoolTest, TasksThatWaitForTasksWhichNobodyRunsAreStuckThoughNobodyAsks) {
  for (uint32_t tid = 11; tid < 14; ++tid) ParkForGood(tid, kTaskForTask);
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].condition, "thread-pool-starvation");
  EXPECT_THAT(findings[0].summary, HasSubstr("of which no thread runs any"));
}

TEST_F(StuckPoolTest, AnExecutorOfOneThreadMayBeStuckBesideIdleOnes) {
  ParkForGood(11, kTaskForTask);
  ParkForGood(12, {"Parker::park", "java.util.concurrent.ThreadPoolExecutor.getTask",
                   "java.util.concurrent.ThreadPoolExecutor.runWorker"});
  EXPECT_THAT(machine_.Conditions(), ElementsAre("thread-pool-starvation"));
}

TEST_F(StuckPoolTest, TasksThatWaitForOneThatAnotherPoolRunsAreNotStuck) {
  for (uint32_t tid = 11; tid < 14; ++tid) ParkForGood(tid, kTaskForTask);
  Stick(20, __NR_recvfrom, {"Net.poll", "java.util.concurrent.FutureTask.run", "start_thread"});
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(StuckPoolTest, TasksThatWaitForOneThatIsNotDueYetAreNotStuck) {
  for (uint32_t tid = 11; tid < 14; ++tid) ParkForGood(tid, kTaskForTask);
  ParkForGood(20, {"Parker::park",
                   "java.util.concurrent.ScheduledThreadPoolExecutor$DelayedWorkQueue.take"});
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(StuckPoolTest, TasksThatWaitForOneOfAThreadThatNobodyKnowsAreNotStuck) {
  for (uint32_t tid = 11; tid < 14; ++tid) ParkForGood(tid, kTaskForTask);
  Stick(20, __NR_recvfrom, {});
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(StuckPoolTest, WorkersOfLibuvAreNotHelpedByOthersOfTheirProcess) {
  machine_.AddWait(main_,
                   {.cls = WAIT_poll, .syscall = __NR_accept4, .ns = 7 * kSecond, .count = 30});
  for (uint32_t tid = 11; tid < 15; ++tid) {
    const ThreadKey worker = machine_.AddThread(10, tid, "node");
    machine_.AddWait(worker,
                     {.cls = WAIT_poll,
                      .syscall = __NR_poll,
                      .ns = 7900 * kMillisecond,
                      .count = 10,
                      .object = Connection(static_cast<uint16_t>(40000 + tid), 53),
                      .user_frames = {"poll", "uv__getaddrinfo_work", "worker", "start_thread"}});
    machine_.AddWait(main_, {.cls = WAIT_poll,
                             .syscall = __NR_epoll_wait,
                             .ns = 100 * kMillisecond,
                             .count = 10,
                             .waker = worker});
  }
  for (uint32_t tid = 15; tid < 19; ++tid) {
    machine_.AddWait(machine_.AddThread(10, tid, "node"),
                     {.cls = WAIT_lock,
                      .syscall = __NR_futex,
                      .ns = kWindow,
                      .object = Futex(0x5000, kConditionOp),
                      .user_frames = {"uv_cond_wait", "PlatformWorkerThread", "start_thread"}});
  }
  EXPECT_THAT(machine_.Conditions(), Contains("thread-pool-starvation"));
}

}  // namespace
}  // namespace waitscope
