// Who works for those who ask a process: its pool, or threads beside it that talk with others.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/diagnose/draft.h"
#include "agent/diagnose/rules.h"
#include "tests/diagnose/made_server.h"

namespace waitscope {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class WorkTest : public MadeServer {
 protected:
  // What a Unix socket's peer takes wakes the sender, who waits for the answer a second time.
  void AskOverUnixSocket(uint32_t tid, uint64_t questions) {
    const ThreadKey worker = AddWorker(tid);
    machine_.AddWait(worker, {.cls = WAIT_network,
                              .syscall = __NR_recvfrom,
                              .ns = 7900 * kMillisecond,
                              .count = 2.0 * static_cast<double>(questions),
                              .longest_ns = 500 * kMillisecond,
                              .object = UnixConnection()});
    machine_.AddCalls(worker, __NR_recvfrom, questions, 490 * kMillisecond);
    machine_.AddCalls(worker, __NR_sendto, questions);
  }
  // Parks that the clock ends.
  void GiveUp(uint32_t tid, double count) {
    machine_.AddWait(machine_.AddThread(10, tid, "worker"),
                     {.cls = WAIT_lock,
                      .syscall = __NR_futex,
                      .ns = 7700 * kMillisecond,
                      .count = count,
                      .object = Futex(0x5000, kConditionOp)});
  }
  ThreadKey SendToSlowReader(uint32_t tid, uint64_t answers) {
    const ThreadKey worker = machine_.AddThread(10, tid, "worker");
    machine_.AddWait(worker, {.cls = WAIT_network,
                              .syscall = __NR_sendto,
                              .ns = 7900 * kMillisecond,
                              .count = 120,
                              .object = Connection(8080, static_cast<uint16_t>(41000 + tid))});
    machine_.AddCalls(worker, __NR_recvfrom, answers);
    machine_.AddCalls(worker, __NR_sendto, answers);
    return worker;
  }
  void PollForEvents(int32_t syscall) {
    machine_.AddWait(main_, {.cls = WAIT_poll, .syscall = syscall, .ns = 6 * kSecond, .count = 60});
    machine_.AddCalls(main_, syscall, 60);
  }
  // Of requests that somebody hands them.
  void HandleAsleep() {
    Park(11, kSecond, 60);
    machine_.AddWait(
        AddWorker(11),
        {.cls = WAIT_sleep, .syscall = __NR_clock_nanosleep, .ns = 6 * kSecond, .count = 60});
    machine_.AddCalls(AddWorker(11), __NR_read, 60);
    machine_.AddCalls(AddWorker(11), __NR_write, 60);
  }
  // And tell the main thread when they end.
  void WatchChildren() {
    for (uint32_t tid = 11; tid < 15; ++tid) {
      const ThreadKey worker = AddWorker(tid);
      machine_.AddWait(
          worker,
          {.cls = WAIT_child, .syscall = __NR_wait4, .ns = 7900 * kMillisecond, .count = 16});
      machine_.AddCalls(worker, __NR_write, 16);
      machine_.AddWait(main_, {.cls = WAIT_poll,
                               .syscall = __NR_poll,
                               .ns = 100 * kMillisecond,
                               .count = 16,
                               .waker = worker});
    }
  }
};

TEST_F(WorkTest, ConsumersThatAcknowledgeWhatTheyTakeWorkForNobodyElse) {
  AcceptConnections();
  for (uint32_t tid = 11; tid < 14; ++tid) {
    AskBackend(tid, 7900 * kMillisecond, 16);
    AskBackend(tid, 16 * kMillisecond, 16);
    AddCalls(tid, 32, 32);
  }
  EXPECT_THAT(machine_.Conditions(), Not(Contains("thread-pool-starvation")));
}

TEST_F(WorkTest, ConsumersThatHandOnWhatTheyTakeWorkForNobodyElse) {
  AcceptConnections();
  const ThreadKey writer = machine_.AddThread(10, 30, "writer");
  for (uint32_t tid = 11; tid < 14; ++tid) {
    AskBackend(tid, 7900 * kMillisecond, 16);
    const ThreadKey consumer{10, tid, kSecond};
    machine_.AddCalls(consumer, __NR_recvfrom, 16);
    machine_.AddCalls(consumer, __NR_sendto, 16);
    machine_.AddWait(writer, {.cls = WAIT_lock,
                              .syscall = __NR_futex,
                              .ns = 2 * kSecond,
                              .count = 16,
                              .object = Futex(0x5000, kConditionOp),
                              .waker = consumer});
  }
  EXPECT_THAT(machine_.Conditions(), Not(Contains("thread-pool-starvation")));
}

TEST_F(WorkTest, WorkersThatReadQuestionsThatLayThereAreAPool) {
  AcceptConnections();
  for (uint32_t tid = 11; tid < 14; ++tid) {
    AskBackend(tid, 7900 * kMillisecond, 16);
    AddCalls(tid, 32, 32);
  }
  EXPECT_THAT(machine_.Conditions(), ElementsAre("thread-pool-starvation"));
}

TEST_F(WorkTest, WorkersThatAskOverUnixSocketsAreAPoolToo) {
  AcceptConnections();
  for (uint32_t tid = 11; tid < 14; ++tid) {
    AskOverUnixSocket(tid, 16);
    machine_.AddCalls({10, tid, kSecond}, __NR_recvfrom, 16);
    machine_.AddCalls({10, tid, kSecond}, __NR_sendto, 16);
  }
  EXPECT_THAT(machine_.Conditions(), ElementsAre("thread-pool-starvation"));
}

TEST_F(WorkTest, ConsumersThatAskOverUnixSocketsWorkForNobodyElse) {
  AcceptConnections();
  for (uint32_t tid = 11; tid < 14; ++tid) AskOverUnixSocket(tid, 16);
  EXPECT_THAT(machine_.Conditions(), Not(Contains("thread-pool-starvation")));
}

TEST_F(WorkTest, HeartbeatsThatAreAnsweredMaySleepBesideAServer) {
  AcceptConnections();
  machine_.AddCalls(main_, __NR_accept4, 60);
  for (uint32_t tid = 11; tid < 14; ++tid) {
    AskBackend(tid, 16 * kMillisecond, 16);
    const ThreadKey beat{10, tid, kSecond};
    machine_.AddWait(beat, {.cls = WAIT_sleep,
                            .syscall = __NR_clock_nanosleep,
                            .ns = 7900 * kMillisecond,
                            .count = 16});
    machine_.AddCalls(beat, __NR_recvfrom, 16);
    machine_.AddCalls(beat, __NR_sendto, 16);
  }
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(WorkTest, WorkersThatParkWhileRequestsLieUnreadAreStuckInTasks) {
  AcceptConnections();
  ReadRequests(60, 400 * kMillisecond);
  for (uint32_t tid = 11; tid < 14; ++tid) {
    Park(tid, 7900 * kMillisecond, 60);
    AddCalls(tid, 20, 20);
  }
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].condition, "thread-pool-starvation");
  EXPECT_THAT(findings[0].summary, HasSubstr("lay unread for"));
}

TEST_F(WorkTest, APortThatIsReadAtOnceTellsNothingOfAnother) {
  AcceptConnections();
  ReadRequests(60, 400 * kMillisecond);
  ReadRequests(600, 2 * kMillisecond, 9090);
  for (uint32_t tid = 11; tid < 14; ++tid) {
    Park(tid, 7900 * kMillisecond, 60);
    AddCalls(tid, 20, 20);
  }
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].condition, "thread-pool-starvation");
  EXPECT_THAT(findings[0].summary, HasSubstr("half of the requests at port 8080"));
}

TEST_F(WorkTest, OfSeveralPoolsAtSeveralPortsItIsNotKnownWhichIsLate) {
  AcceptConnections();
  ReadRequests(60, 400 * kMillisecond);
  ReadRequests(600, 2 * kMillisecond, 9090);
  for (uint32_t tid = 11; tid < 17; ++tid) {
    Park(tid, 7900 * kMillisecond, 60);
    AddCalls(tid, 20, 20);
    machine_.snapshot().threads.at({10, tid, kSecond}).comm = tid < 14 ? "public" : "internal";
  }
  const Findings findings = machine_.Diagnosed();
  ASSERT_FALSE(findings.empty());
  for (const Finding& finding : findings) EXPECT_EQ(finding.severity, Severity::kInfo);
}

TEST_F(WorkTest, WorkersThatParkWhileRequestsAreReadAtOnceAreIdle) {
  AcceptConnections();
  ReadRequests(60, 2 * kMillisecond);
  for (uint32_t tid = 11; tid < 14; ++tid) {
    Park(tid, 7900 * kMillisecond, 60);
    AddCalls(tid, 20, 20);
  }
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(WorkTest, HandlersThatSleepAreToldThoughTheirClientsKeepTheirConnections) {
  ReadRequests(60, kMillisecond);
  PollForEvents(__NR_epoll_wait);
  HandleAsleep();
  EXPECT_THAT(machine_.Conditions(), ElementsAre("blocking-sleep"));
}

TEST_F(WorkTest, ThreadsThatReadAndSleepWhileNobodyAsksAreHealthy) {
  PollForEvents(__NR_epoll_wait);
  HandleAsleep();
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(WorkTest, ALoopThatReadsByItsOwnClockMaySleepBetween) {
  ReadRequests(60, 30 * kMillisecond);
  HandleAsleep();
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(WorkTest, APoolThatAnswersForWhoPollsKeptConnectionsIsStarved) {
  ReadRequests(60, kMillisecond);
  PollForEvents(__NR_poll);
  machine_.AddCalls(main_, __NR_recvfrom, 60);
  WatchChildren();
  EXPECT_THAT(machine_.Conditions(), ElementsAre("thread-pool-starvation"));
}

TEST_F(WorkTest, WhoPollsForTheAnswersOfADatabaseIsNotAskedItself) {
  ReadRequests(60, kMillisecond);
  machine_.AddWait(main_, {.cls = WAIT_poll,
                           .syscall = __NR_poll,
                           .ns = 2 * kSecond,
                           .count = 60,
                           .object = Connection(41000, 5432)});
  machine_.AddCalls(main_, __NR_poll, 60);
  machine_.AddCalls(main_, __NR_recvfrom, 60);
  machine_.AddCalls(main_, __NR_sendto, 60);
  WatchChildren();
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(WorkTest, WorkersWhoseClientsReadSlowlyAreNotFreeForOthers) {
  AcceptConnections();
  machine_.snapshot().listening = {8080};
  ReadRequests(24, 2 * kSecond);
  for (uint32_t tid = 11; tid < 14; ++tid) SendToSlowReader(tid, 8);
  EXPECT_THAT(machine_.Conditions(), ElementsAre("thread-pool-starvation"));
  ReadRequests(2400, 2 * kMillisecond);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(WorkTest, LongAnswersShowInTheirTimeThoughShortWaitsOutnumberThem) {
  AcceptConnections();
  machine_.snapshot().listening = {8080};
  ReadRequests(12, 2 * kSecond);
  for (uint32_t tid = 11; tid < 14; ++tid) {
    const ThreadKey worker = SendToSlowReader(tid, 4);
    machine_.snapshot().threads.at(worker).totals.waits[WAIT_network].count += 20;
  }
  EXPECT_THAT(machine_.Conditions(), ElementsAre("thread-pool-starvation"));
}

TEST_F(WorkTest, WorkersThatGiveUpInEachTaskAreStarvedThoughFewRequestsLieUnread) {
  AcceptConnections();
  ReadRequests(80, 8 * kMillisecond);
  ReadRequests(20, 600 * kMillisecond);
  for (uint32_t tid = 11; tid < 14; ++tid) {
    GiveUp(tid, 11);
    machine_.AddCalls({10, tid, kSecond}, __NR_recvfrom, 11);
    machine_.AddCalls({10, tid, kSecond}, __NR_sendto, 11);
  }
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].condition, "thread-pool-starvation");
  EXPECT_THAT(findings[0].summary, HasSubstr("one of ten of the requests"));
}

TEST_F(WorkTest, WorkersThatLookForWorkNowAndThenAreIdleThoughSomeRequestsLieUnread) {
  AcceptConnections();
  ReadRequests(80, 8 * kMillisecond);
  ReadRequests(20, 600 * kMillisecond);
  for (uint32_t tid = 11; tid < 14; ++tid) {
    GiveUp(tid, 80);
    machine_.AddCalls({10, tid, kSecond}, __NR_recvfrom, 11);
    machine_.AddCalls({10, tid, kSecond}, __NR_sendto, 11);
  }
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(WorkTest, LongPollsThatAreReadAtOnceAreAnsweredByTheClock) {
  AcceptConnections();
  ReadRequests(33, 2 * kMillisecond);
  for (uint32_t tid = 11; tid < 14; ++tid) {
    GiveUp(tid, 11);
    machine_.AddCalls({10, tid, kSecond}, __NR_recvfrom, 11);
    machine_.AddCalls({10, tid, kSecond}, __NR_sendto, 11);
  }
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(WorkTest, WorkersOfWhomOneNeverAnswersReadWhenTheyWantTo) {
  AcceptConnections();
  ReadRequests(60, 400 * kMillisecond);
  for (uint32_t tid = 11; tid < 14; ++tid) Park(tid, 7900 * kMillisecond, 60);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(WorkTest, WhatIsToldOfAPoolFromTwoProofsIsToldOnce) {
  AcceptConnections();
  ReadRequests(60, 400 * kMillisecond);
  for (uint32_t tid = 11; tid < 14; ++tid) {
    AskBackend(tid, 7900 * kMillisecond, 16);
    AddCalls(tid, 32, 32);
  }
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_THAT(findings[0].summary, HasSubstr("10.0.0.5:5432"));
  const MachineView view(machine_.snapshot());
  const Findings by_tasks = ThreadPoolStarvation(view);
  const Findings by_requests = ThreadPoolUnread(view);
  ASSERT_THAT(by_tasks, SizeIs(1));
  ASSERT_THAT(by_requests, SizeIs(1));
  EXPECT_EQ(by_tasks[0].id, by_requests[0].id);
  EXPECT_NE(by_tasks[0].confidence, by_requests[0].confidence);
}

TEST_F(WorkTest, APoolsFindingHasOneIdWhicheverOfItsThreadsShowsIt) {
  AskBackend(11, kSecond, 10);
  AskBackend(12, kSecond, 10);
  machine_.AddThread(10, 13, "other");
  const MachineView view(machine_.snapshot());
  const ProcessView& process = *view.Find(10);
  const auto id = [&](uint32_t tid) {
    return DraftStarvedPool(view, process, *process.Find(tid)).id;
  };
  EXPECT_EQ(id(11), id(12));
  EXPECT_NE(id(11), id(13));
}

TEST_F(WorkTest, APoolWhoseRequestsAreReadAtOnceHasRoom) {
  AcceptConnections();
  ReadRequests(60, 2 * kMillisecond);
  for (uint32_t tid = 11; tid < 14; ++tid) {
    AskBackend(tid, 7900 * kMillisecond, 16);
    AddCalls(tid, 32, 32);
  }
  EXPECT_THAT(machine_.Conditions(), ElementsAre("backend-wait"));
}

TEST_F(WorkTest, ARuntimesOwnClockFeedsNobody) {
  for (uint32_t tid = 11; tid < 15; ++tid) AskBackend(tid, 7900 * kMillisecond, 20);
  machine_.AddWait(machine_.AddThread(10, 30, "VM Periodic Tas"),
                   {.cls = WAIT_lock,
                    .syscall = __NR_futex,
                    .ns = 7900 * kMillisecond,
                    .count = 158,
                    .object = Futex(0x8000, kTimedOp),
                    .user_frames = {"pthread_cond_timedwait", "WatcherThread::sleep() const"}});
  EXPECT_THAT(machine_.Conditions(), ElementsAre("backend-wait"));
}

}  // namespace
}  // namespace waitscope
