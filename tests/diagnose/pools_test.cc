// Pools: starved, idle, or no pool at all; and whom they wait for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/diagnose/made_server.h"

namespace waitscope {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class PoolTest : public MadeServer {
 protected:
  void ParkInMono(uint32_t tid, const std::vector<std::string>& frames) {
    machine_.AddWait(machine_.AddThread(10, tid, "Thread Pool Wor"),
                     {.cls = WAIT_lock,
                      .syscall = __NR_futex,
                      .ns = 7900 * kMillisecond,
                      .count = 9,
                      .object = Futex(0x5000, kTimedOp),
                      .user_frames = frames});
  }
};

TEST_F(PoolTest, NobodyAtHomeWhileTheBackendIsSlowIsStarvation) {
  AcceptConnections();
  for (uint32_t tid = 11; tid < 15; ++tid) {
    AskBackend(tid, 7900 * kMillisecond, 10);
    AddCalls(tid, 20, 20);
  }
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].condition, "thread-pool-starvation");
  EXPECT_EQ(findings[0].severity, Severity::kCritical);
  EXPECT_EQ(findings[0].threads.size(), 4u);
  EXPECT_THAT(findings[0].summary, HasSubstr("10.0.0.5:5432"));
}

TEST_F(PoolTest, AnIdlePoolOf64IsHealthy) {
  AcceptConnections();
  for (uint32_t tid = 11; tid < 75; ++tid) Park(tid, kWindow, 0);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(PoolTest, APoolWithIdleMembersHasRoom) {
  AcceptConnections();
  for (uint32_t tid = 11; tid < 14; ++tid) AskBackend(tid, 7900 * kMillisecond, 10);
  for (uint32_t tid = 14; tid < 17; ++tid) Park(tid, kWindow, 0);
  EXPECT_THAT(machine_.Conditions(), ElementsAre("backend-wait"));
}

TEST_F(PoolTest, FastAnswersAreABusyPool) {
  AcceptConnections();
  for (uint32_t tid = 11; tid < 15; ++tid) AskBackend(tid, 7900 * kMillisecond, 1600);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(PoolTest, ClientsThatAreNotFedWaitForTheirBackend) {
  for (uint32_t tid = 11; tid < 15; ++tid) AskBackend(tid, 7900 * kMillisecond, 20);
  EXPECT_THAT(machine_.Conditions(), ElementsAre("backend-wait"));
}

TEST_F(PoolTest, ConsumersOfMessagesThatDoNotComeAreIdle) {
  for (uint32_t tid = 11; tid < 15; ++tid) AskBackend(tid, kWindow, 0);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(PoolTest, ThreadsThatWaitForTheirClientsAreIdle) {
  AcceptConnections();
  machine_.snapshot().listening.insert(8080);
  for (uint32_t tid = 11; tid < 15; ++tid) {
    const ThreadKey worker = machine_.AddThread(10, tid, "worker");
    machine_.AddWait(worker, {.cls = WAIT_network,
                              .syscall = __NR_recvfrom,
                              .ns = 7900 * kMillisecond,
                              .count = 20,
                              .object = Connection(8080, static_cast<uint16_t>(50000 + tid))});
  }
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(PoolTest, SleepersWithATimetableAreHealthy) {
  for (uint32_t tid = 11; tid < 16; ++tid) {
    const ThreadKey sleeper = machine_.AddThread(10, tid, "cron");
    machine_.AddWait(sleeper, {.cls = WAIT_sleep,
                               .syscall = __NR_clock_nanosleep,
                               .ns = 7990 * kMillisecond,
                               .count = 8});
  }
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(PoolTest, SleepsOfAServersPoolAreStarvation) {
  AcceptConnections();
  for (uint32_t tid = 11; tid < 15; ++tid) {
    const ThreadKey sleeper = machine_.AddThread(10, tid, "worker");
    machine_.AddWait(sleeper, {.cls = WAIT_sleep,
                               .syscall = __NR_clock_nanosleep,
                               .ns = 7900 * kMillisecond,
                               .count = 26});
    machine_.AddCalls(sleeper, __NR_sendto, 26);
    machine_.AddWait(main_, {.cls = WAIT_poll,
                             .syscall = __NR_epoll_wait,
                             .ns = 100 * kMillisecond,
                             .count = 26,
                             .waker = sleeper});
  }
  EXPECT_THAT(machine_.Conditions(), ElementsAre("thread-pool-starvation"));
}

TEST_F(PoolTest, ConsumersOfABackendBesideALightServerAreNoPool) {
  AcceptConnections();
  for (uint32_t tid = 11; tid < 14; ++tid) {
    AskBackend(tid, 7900 * kMillisecond, 16);
    AddCalls(tid, 16, 16);
  }
  EXPECT_THAT(machine_.Conditions(), Not(Contains("thread-pool-starvation")));
}

TEST_F(PoolTest, SleepersWithATimetableMayLiveBesideAServer) {
  AcceptConnections();
  for (uint32_t tid = 11; tid < 16; ++tid) {
    const ThreadKey sleeper = machine_.AddThread(10, tid, "housekeeper");
    machine_.AddWait(sleeper, {.cls = WAIT_sleep,
                               .syscall = __NR_clock_nanosleep,
                               .ns = 7900 * kMillisecond,
                               .count = 26});
    machine_.AddCalls(sleeper, __NR_openat, 26);
  }
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(PoolTest, ThreadsThatEachWatchAChildBesideAServerAreNoPool) {
  AcceptConnections();
  machine_.AddCalls(machine_.AddThread(10, 20, "handler"), __NR_sendto, 20);
  for (uint32_t tid = 11; tid < 15; ++tid) {
    const ThreadKey watcher = machine_.AddThread(10, tid, "process reaper");
    machine_.AddWait(watcher, {.cls = WAIT_child, .syscall = __NR_wait4, .ns = kWindow});
  }
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(PoolTest, APoolThatHangsWhileNobodyIsAnsweredIsStarved) {
  AcceptConnections();
  machine_.AddCalls(main_, __NR_accept4, 30);
  for (uint32_t tid = 11; tid < 15; ++tid) {
    const ThreadKey worker = machine_.AddThread(10, tid, "worker");
    machine_.AddWait(worker, {.cls = WAIT_child, .syscall = __NR_wait4, .ns = kWindow});
  }
  EXPECT_THAT(machine_.Conditions(), ElementsAre("thread-pool-starvation"));
}

TEST_F(PoolTest, ConsumersOfABackendBesideAThreadThatCountsAreNoPool) {
  const ThreadKey counter = machine_.AddThread(10, 10, "consumer");
  machine_.snapshot().threads.at(counter).totals.switches_voluntary = 8;
  for (uint32_t tid = 11; tid < 14; ++tid) {
    machine_.AddWait(machine_.AddThread(10, tid, "consumer"),
                     {.cls = WAIT_network,
                      .syscall = __NR_recvfrom,
                      .ns = 7900 * kMillisecond,
                      .count = 10,
                      .object = Connection(static_cast<uint16_t>(50000 + tid), 6379)});
  }
  EXPECT_THAT(machine_.Conditions(), Not(Contains("thread-pool-starvation")));
}

TEST_F(PoolTest, WhoWaitsForTheInterpreterWaitsForNoTask) {
  machine_.snapshot().threads.at(main_).totals.switches_voluntary = 40;
  for (uint32_t tid = 11; tid < 14; ++tid) {
    AskBackend(tid, 7900 * kMillisecond, 10);
    machine_.AddWait(main_, {.cls = WAIT_lock,
                             .syscall = __NR_futex,
                             .ns = 2 * kMillisecond,
                             .count = 10,
                             .object = Futex(0x7000, kConditionOp),
                             .waker = AddWorker(tid)});
  }
  EXPECT_THAT(machine_.Conditions(), Not(Contains("thread-pool-starvation")));
}

TEST_F(PoolTest, APoolIsAskedOverConnectionsThatAreKept) {
  const ThreadKey listener = machine_.AddThread(10, 10, "server");
  machine_.AddWait(listener, {.cls = WAIT_poll, .syscall = __NR_accept4, .ns = kWindow});
  for (uint32_t tid = 11; tid < 15; ++tid) {
    const ThreadKey worker = machine_.AddThread(10, tid, "worker");
    machine_.AddWait(
        worker, {.cls = WAIT_child, .syscall = __NR_wait4, .ns = 7900 * kMillisecond, .count = 16});
    machine_.AddCalls(worker, __NR_recvfrom, 16);
    machine_.AddCalls(worker, __NR_sendto, 16);
  }
  EXPECT_THAT(machine_.Conditions(), ElementsAre("thread-pool-starvation"));
}

TEST_F(PoolTest, AThreadForEachConnectionIsNoPoolButItsSleepIsTold) {
  machine_.snapshot().listening.insert(8080);
  for (uint32_t tid = 11; tid < 15; ++tid) {
    const ThreadKey worker = machine_.AddThread(10, tid, "worker");
    machine_.AddWait(worker, {.cls = WAIT_sleep,
                              .syscall = __NR_clock_nanosleep,
                              .ns = 7900 * kMillisecond,
                              .count = 26});
    machine_.AddWait(worker, {.cls = WAIT_network,
                              .syscall = __NR_recvfrom,
                              .ns = 5 * kMillisecond,
                              .count = 20,
                              .object = Connection(8080, static_cast<uint16_t>(50000 + tid))});
    machine_.AddCalls(worker, __NR_recvfrom, 26);
    machine_.AddCalls(worker, __NR_sendto, 26);
  }
  EXPECT_THAT(machine_.Conditions(), ElementsAre("blocking-sleep"));
}

TEST_F(PoolTest, AStreamOfNewsSleepsBetweenThem) {
  AcceptConnections();
  machine_.snapshot().listening.insert(8080);
  const ThreadKey worker = machine_.AddThread(10, 11, "handler");
  machine_.AddWait(
      worker, {.cls = WAIT_sleep, .syscall = __NR_clock_nanosleep, .ns = 7 * kSecond, .count = 28});
  machine_.AddCalls(worker, __NR_recvfrom, 3);
  machine_.AddCalls(worker, __NR_sendto, 30);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(PoolTest, ASleepBetweenQuestionAndAnswerIsTold) {
  AcceptConnections();
  machine_.snapshot().listening.insert(8080);
  const ThreadKey worker = machine_.AddThread(10, 11, "handler");
  machine_.AddWait(
      worker, {.cls = WAIT_sleep, .syscall = __NR_clock_nanosleep, .ns = 5 * kSecond, .count = 25});
  machine_.AddWait(worker, {.cls = WAIT_network,
                            .syscall = __NR_recvfrom,
                            .ns = 2 * kSecond,
                            .count = 25,
                            .object = Connection(8080, 50000)});
  EXPECT_THAT(machine_.Conditions(), ElementsAre("blocking-sleep"));
}

TEST_F(PoolTest, WorkersThatWakeEachOtherAtTheirQueueHaveRoom) {
  for (uint32_t tid = 11; tid < 15; ++tid) {
    AskBackend(tid, 4 * kSecond, 40);
    const ThreadKey worker{10, tid, kSecond};
    const ThreadKey sibling{10, tid == 11 ? 12U : 11U, kSecond};
    for (const ThreadKey& waker : {main_, sibling}) {
      machine_.AddWait(worker, {.cls = WAIT_lock,
                                .syscall = __NR_futex,
                                .ns = 1950 * kMillisecond,
                                .count = waker == main_ ? 10.0 : 30.0,
                                .object = Futex(0x5000, kConditionOp),
                                .waker = waker});
    }
  }
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(PoolTest, ThreadsThatBorrowConnectionsInTurnExhaustTheirPool) {
  for (uint32_t tid = 11; tid < 19; ++tid) {
    AskBackend(tid, 2 * kSecond, 20);
    const ThreadKey borrower{10, tid, kSecond};
    machine_.AddWait(borrower, {.cls = WAIT_lock,
                                .syscall = __NR_futex,
                                .ns = 5900 * kMillisecond,
                                .count = 20,
                                .object = Futex(0x6000 + 64ULL * tid, kConditionOp),
                                .waker = {10, tid == 11 ? 12U : 11U, kSecond}});
  }
  EXPECT_THAT(machine_.Conditions(), ElementsAre("connection-pool-exhaustion"));
}

TEST_F(PoolTest, WhereOthersHandOutTheWorkOnlyTheQueueForConnectionsCounts) {
  for (uint32_t tid = 11; tid < 19; ++tid) {
    AskBackend(tid, 2 * kSecond, 20);
    const ThreadKey borrower{10, tid, kSecond};
    const ThreadKey sibling{10, tid == 11 ? 12U : 11U, kSecond};
    const wait_object word = Futex(0x6000 + 64ULL * tid, kConditionOp);
    machine_.AddWait(borrower, {.cls = WAIT_lock,
                                .syscall = __NR_futex,
                                .ns = 4 * kSecond,
                                .count = 20,
                                .object = word,
                                .waker = sibling,
                                .user_frames = {"park", "borrow"}});
    machine_.AddWait(borrower, {.cls = WAIT_lock,
                                .syscall = __NR_futex,
                                .ns = kSecond,
                                .count = 20,
                                .object = word,
                                .waker = main_,
                                .user_frames = {"park", "next_task"}});
  }
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].condition, "connection-pool-exhaustion");
  EXPECT_THAT(findings[0].evidence, Contains(Field(&Evidence::frames, Contains("borrow"))));
}

TEST_F(PoolTest, AClientIsExplainedByTheServerThatAnswersIt) {
  AcceptConnections();
  for (uint32_t tid = 11; tid < 15; ++tid) {
    AskBackend(tid, 7900 * kMillisecond, 10);
    AddCalls(tid, 20, 20);
  }
  const ThreadKey client = machine_.AddThread(20, 20, "client");
  machine_.AddWait(client, {.cls = WAIT_network,
                            .syscall = __NR_recvfrom,
                            .ns = 7900 * kMillisecond,
                            .count = 10,
                            .object = Connection(41000, 8080),
                            .waker = {10, 11, kSecond}});
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].pid, 10u);
  EXPECT_EQ(findings[0].evidence.back().kind, "explains");
  EXPECT_EQ(findings[0].evidence.back().pid, 20u);
}

TEST_F(PoolTest, ThreadsThatNeverEndAreGrowth) {
  for (uint32_t tid = 11; tid < 51; ++tid) {
    const ThreadKey key{10, tid, 100 * kSecond + (tid - 11) * 200 * kMillisecond};
    ThreadWindow& thread = machine_.snapshot().threads[key];
    thread.key = key;
    thread.comm = "server";
    thread.totals.wall_ns = 4 * kSecond;
  }
  EXPECT_THAT(machine_.Conditions(), ElementsAre("thread-exhaustion"));
}

TEST_F(PoolTest, APoolThatAddsAThreadEveryHalfSecondIsStarved) {
  for (uint32_t tid = 11; tid < 27; ++tid) {
    const ThreadKey key{10, tid, 100 * kSecond + (tid - 11) * 500 * kMillisecond};
    ThreadWindow& thread = machine_.snapshot().threads[key];
    thread.key = key;
    thread.comm = "Thread Pool Wor";
    thread.totals.wall_ns = 108 * kSecond - key.start_ns;
    machine_.AddWait(key, {.cls = WAIT_sleep,
                           .syscall = __NR_clock_nanosleep,
                           .ns = thread.totals.wall_ns,
                           .count = 2});
  }
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].condition, "thread-pool-starvation");
}

TEST_F(PoolTest, AGrownPoolOfARuntimeIsStarvedWhenAllItsThreadsBlockInTasks) {
  for (uint32_t tid = 11; tid < 17; ++tid)
    ParkInMono(tid, {"pthread_cond_timedwait", "System_Task"});
  EXPECT_THAT(machine_.Conditions(), ElementsAre("thread-pool-starvation"));
}

TEST_F(PoolTest, OneIdleThreadOfARuntimesPoolIsEnough) {
  for (uint32_t tid = 11; tid < 17; ++tid)
    ParkInMono(tid, {"pthread_cond_timedwait", "System_Task"});
  ParkInMono(17, {"sem_wait", "start_thread"});
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(PoolTest, AWarmUpIsNoGrowth) {
  for (uint32_t tid = 11; tid < 51; ++tid) {
    const ThreadKey key{10, tid, 103 * kSecond + tid};
    ThreadWindow& thread = machine_.snapshot().threads[key];
    thread.key = key;
    thread.comm = "server";
    thread.totals.wall_ns = 4 * kSecond;
  }
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(PoolTest, WhatAProgramMakesInItsFirstSecondIsNoGrowth) {
  machine_.snapshot().end_ns = machine_.snapshot().begin_ns + kSecond;
  for (uint32_t tid = 11; tid < 21; ++tid) {
    const ThreadKey key{10, tid, 100 * kSecond + tid};
    ThreadWindow& thread = machine_.snapshot().threads[key];
    thread.key = key;
    thread.comm = "server";
    thread.totals.wall_ns = kSecond;
  }
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(PoolTest, ARefusedThreadIsProofInItself) {
  machine_.snapshot().errnos[{10, 435, 11}] = 3;
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].condition, "thread-exhaustion");
  EXPECT_EQ(findings[0].severity, Severity::kCritical);
}

}  // namespace
}  // namespace waitscope
