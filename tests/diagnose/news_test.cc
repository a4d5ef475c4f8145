// Waits for somebody else: answers that take long, and news and jobs that come when they come.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/core/objects.h"
#include "tests/diagnose/made_machine.h"

namespace waitscope {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class NewsTest : public testing::Test {
 protected:
  static constexpr uint16_t kPort = 6379;

  // A thread that sends and receives `count` times.
  ThreadKey AddClient(double count, uint64_t longest_ns, const ThreadKey& answerer = {},
                      uint8_t turn = TURN_unknown, uint32_t pid = 10, uint32_t tid = 10) {
    const ThreadKey client = machine_.AddThread(pid, tid, "worker");
    wait_object connection = Connection(41000, kPort);
    connection.turn = turn;
    machine_.AddWait(client, {.cls = WAIT_network,
                              .syscall = __NR_recvfrom,
                              .ns = 7900 * kMillisecond,
                              .count = count,
                              .longest_ns = longest_ns,
                              .object = connection,
                              .waker = answerer});
    machine_.AddCalls(client, __NR_sendto, static_cast<uint64_t>(count));
    machine_.AddCalls(client, __NR_recvfrom, static_cast<uint64_t>(count));
    return client;
  }

  // Nothing is owed to it: it only sends.
  ThreadKey AddShipper() {
    const ThreadKey shipper = machine_.AddThread(10, 10, "shipper");
    wait_object connection = Connection(41000, kPort);
    connection.turn = TURN_own;
    machine_.AddWait(shipper, {.cls = WAIT_network,
                               .syscall = __NR_sendto,
                               .ns = 7900 * kMillisecond,
                               .count = 6,
                               .object = connection});
    machine_.AddCalls(shipper, __NR_sendto, 300);
    return shipper;
  }

  ThreadKey AddIdleServer() {
    const ThreadKey server = machine_.AddThread(20, 20, "queue");
    return server;
  }

  void ServerWokenBy(const ThreadKey& server, const ThreadKey& waker, double count) {
    machine_.AddWait(server, {.cls = WAIT_poll,
                              .syscall = __NR_epoll_wait,
                              .ns = 3900 * kMillisecond,
                              .count = count,
                              .waker = waker});
  }

  // A thread of the server that waits for messages of `client` alone.
  ThreadKey AddListener(const ThreadKey& client) {
    const ThreadKey listener = machine_.AddThread(20, 21, "queue");
    machine_.AddWait(listener, {.cls = WAIT_network,
                                .syscall = __NR_recvfrom,
                                .ns = 7900 * kMillisecond,
                                .count = 20,
                                .object = Connection(kPort, 41002),
                                .waker = client});
    return listener;
  }

  void ParkUpTo(uint64_t limit_ns, const ThreadKey& server, const ThreadKey& waker, double count) {
    machine_.AddWait(server, {.cls = WAIT_lock,
                              .syscall = __NR_futex,
                              .ns = 3900 * kMillisecond,
                              .count = count,
                              .longest_ns = limit_ns,
                              .object = Futex(0x5000, kConditionOp),
                              .waker = waker});
  }

  Severity Told() const {
    const Findings findings = machine_.Diagnosed();
    EXPECT_EQ(findings.size(), 1u);
    if (findings.empty()) return Severity::kInfo;
    EXPECT_EQ(findings[0].condition, "backend-wait");
    return findings[0].severity;
  }

  MadeMachine machine_;
};

TEST_F(NewsTest, AnswersThatTakeLongAreToldOfAClient) {
  AddClient(20, 600 * kMillisecond);
  EXPECT_EQ(Told(), Severity::kWarning);
}

TEST_F(NewsTest, WithoutCountedCallsTheConnectionTellsThatSomethingWasAsked) {
  AddClient(20, 600 * kMillisecond, {}, TURN_peer);
  machine_.snapshot().syscalls.clear();
  EXPECT_EQ(Told(), Severity::kWarning);
}

TEST_F(NewsTest, WhatMayNotHaveBeenAskedForIsOnlyWorthKnowing) {
  AddClient(20, 600 * kMillisecond, {}, TURN_unknown);
  machine_.snapshot().syscalls.clear();
  EXPECT_EQ(Told(), Severity::kInfo);
}

TEST_F(NewsTest, WithoutCountedCallsAThreadOfAServerMayAskForItself) {
  AddClient(20, 600 * kMillisecond, {}, TURN_peer);
  machine_.snapshot().syscalls.clear();
  machine_.snapshot().sides[{.pid = 10}] = SIDE_listens | SIDE_asks;
  EXPECT_EQ(Told(), Severity::kInfo);
}

TEST_F(NewsTest, WithoutCountedCallsSomebodyWhoWaitsForTheThreadProvesThatItWorksForOthers) {
  const ThreadKey handler = AddClient(20, 600 * kMillisecond, {}, TURN_peer);
  machine_.snapshot().syscalls.clear();
  machine_.snapshot().sides[{.pid = 10}] = SIDE_asked | SIDE_asks;
  machine_.AddWait(machine_.AddThread(40, 40, "visitor"), {.cls = WAIT_network,
                                                           .syscall = __NR_recvfrom,
                                                           .ns = 4 * kSecond,
                                                           .count = 20,
                                                           .object = Connection(42000, 8080),
                                                           .waker = handler});
  EXPECT_EQ(Told(), Severity::kWarning);
}

TEST_F(NewsTest, WithoutCountedCallsThreadsThatLetEachOtherInMayWaitForTheirFirstMessage) {
  for (uint32_t tid = 11; tid < 17; ++tid) {
    const ThreadKey consumer = AddClient(1, 7900 * kMillisecond, {}, TURN_peer, 10, tid);
    machine_.AddWait(consumer, {.cls = WAIT_lock,
                                .syscall = __NR_futex,
                                .ns = 3 * kMillisecond,
                                .count = 1,
                                .object = Futex(0x7000, kConditionOp),
                                .waker = {10, tid == 11 ? 12U : 11U, kSecond}});
  }
  machine_.snapshot().syscalls.clear();
  machine_.snapshot().sides[{.pid = 10}] = SIDE_listens | SIDE_asks;
  EXPECT_EQ(Told(), Severity::kInfo);
}

TEST_F(NewsTest, AnswersThatComeByATimeLimitAreOnlyWorthKnowing) {
  AddClient(8, kSecond);
  EXPECT_EQ(Told(), Severity::kInfo);
}

TEST_F(NewsTest, TheWaitUnderWayAtTheEndIsOnePollMore) {
  const ThreadKey client = AddClient(16, 500 * kMillisecond);
  wait_object connection = Connection(41000, kPort);
  connection.turn = TURN_own;
  machine_.AddWait(client, {.cls = WAIT_network,
                            .syscall = __NR_recvfrom,
                            .ns = 450 * kMillisecond,
                            .count = 1,
                            .object = connection});
  EXPECT_EQ(Told(), Severity::kInfo);
}

TEST_F(NewsTest, AnswersAfterTheSameHalfSecondAreOnlyWorthKnowingOfWhoDoesNothingWithThem) {
  const ThreadKey client = AddClient(16, 500 * kMillisecond);
  EXPECT_EQ(Told(), Severity::kInfo);
  machine_.AddRunning(client, 400 * kMillisecond);
  EXPECT_EQ(Told(), Severity::kWarning);
}

TEST_F(NewsTest, WhoConnectsAnewForEachAnswerAsksForIt) {
  const ThreadKey client = AddClient(15, 500 * kMillisecond);
  machine_.AddWait(client, {.cls = WAIT_network,
                            .syscall = __NR_recvfrom,
                            .ns = 100 * kMillisecond,
                            .count = 1,
                            .object = Connection(41001, kPort)});
  EXPECT_EQ(Told(), Severity::kWarning);
}

TEST_F(NewsTest, AnswersThatTakeLongAndDifferCameByNoTimeLimit) {
  AddClient(5, 3 * kSecond);
  EXPECT_EQ(Told(), Severity::kWarning);
}

TEST_F(NewsTest, AServerThatWorksForEveryAnswerIsSlowHoweverRegular) {
  const ThreadKey server = machine_.AddThread(20, 21, "backend");
  machine_.AddRunning(server, 5 * kSecond);
  AddClient(8, kSecond, server);
  EXPECT_EQ(Told(), Severity::kWarning);
}

TEST_F(NewsTest, JobsThatOthersPutIntoAQueueAreNoSlowAnswers) {
  const ThreadKey server = AddIdleServer();
  const ThreadKey producer = machine_.AddThread(30, 30, "shop");
  ServerWokenBy(server, producer, 20);
  ServerWokenBy(server, AddClient(16, 800 * kMillisecond, server), 16);
  EXPECT_EQ(Told(), Severity::kInfo);
}

TEST_F(NewsTest, AServerThatAsksItsOwnBackendIsSlowHoweverIdle) {
  const ThreadKey server = AddIdleServer();
  const ThreadKey database = machine_.AddThread(30, 30, "database");
  machine_.AddWait(database, {.cls = WAIT_network,
                              .syscall = __NR_recvfrom,
                              .ns = kSecond,
                              .count = 16,
                              .object = Connection(5432, 41001),
                              .waker = server});
  ServerWokenBy(server, database, 16);
  ServerWokenBy(server, AddClient(16, 800 * kMillisecond, server), 16);
  EXPECT_EQ(Told(), Severity::kWarning);
}

TEST_F(NewsTest, MessagesThatOtherThreadsOfTheServerTookFromOthersAreNoSlowAnswers) {
  const ThreadKey server = AddIdleServer();
  ParkUpTo(800 * kMillisecond, server, AddListener(machine_.AddThread(30, 30, "shop")), 14);
  AddClient(16, 800 * kMillisecond, server);
  EXPECT_EQ(Told(), Severity::kInfo);
}

TEST_F(NewsTest, ThreadsOfTheServerThatWaitForEachOtherAreSlow) {
  const ThreadKey server = AddIdleServer();
  ParkUpTo(800 * kMillisecond, server, machine_.AddThread(20, 21, "queue"), 14);
  AddClient(16, 800 * kMillisecond, server);
  EXPECT_EQ(Told(), Severity::kWarning);
}

TEST_F(NewsTest, AServerThatSleepsOnceItIsLetGoIsSlow) {
  const ThreadKey server = AddIdleServer();
  ParkUpTo(800 * kMillisecond, server, AddListener(machine_.AddThread(30, 30, "shop")), 14);
  machine_.AddWait(
      server, {.cls = WAIT_sleep, .syscall = __NR_clock_nanosleep, .ns = 4 * kSecond, .count = 16});
  AddClient(16, 800 * kMillisecond, server);
  EXPECT_EQ(Told(), Severity::kWarning);
}

TEST_F(NewsTest, AThreadThatHandsOutTheQuestionsPassesOnNoNews) {
  const ThreadKey server = AddIdleServer();
  const ThreadKey client = AddClient(16, 800 * kMillisecond, server);
  ParkUpTo(800 * kMillisecond, server, AddListener(client), 14);
  EXPECT_EQ(Told(), Severity::kWarning);
}

TEST_F(NewsTest, AnswersOfOthersAndAtALimitCountTogether) {
  const ThreadKey server = AddIdleServer();
  ParkUpTo(450 * kMillisecond, server, AddListener(machine_.AddThread(30, 30, "shop")), 6);
  ParkUpTo(500 * kMillisecond, server, {}, 13);
  AddClient(20, 500 * kMillisecond, server);
  EXPECT_EQ(Told(), Severity::kInfo);
}

TEST_F(NewsTest, AServerThatLetsTimePassForEachAnswerIsSlowThoughOthersAskIt) {
  const ThreadKey server = AddIdleServer();
  AddListener(machine_.AddThread(30, 30, "shop"));
  ParkUpTo(500 * kMillisecond, server, {}, 20);
  AddClient(20, 500 * kMillisecond, server);
  EXPECT_EQ(Told(), Severity::kWarning);
}

TEST_F(NewsTest, WhatWasNotAskedForIsNews) {
  AddClient(16, 600 * kMillisecond, {}, TURN_own);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(NewsTest, ASendThatWaitsForASlowReaderHoldsUpThoseWhoFeedTheSender) {
  const ThreadKey shipper = AddShipper();
  for (uint32_t tid = 11; tid < 15; ++tid) {
    machine_.AddWait(machine_.AddThread(10, tid, "maker"), {.cls = WAIT_lock,
                                                            .syscall = __NR_futex,
                                                            .ns = 7 * kSecond,
                                                            .count = 6,
                                                            .object = Futex(0x5000, kConditionOp),
                                                            .waker = shipper});
  }
  EXPECT_EQ(Told(), Severity::kWarning);
}

TEST_F(NewsTest, AnUploadThatTakesItsTimeHoldsUpNobody) {
  AddShipper();
  EXPECT_EQ(Told(), Severity::kInfo);
}

TEST_F(NewsTest, WhatWasAskedForIsAnAnswer) {
  AddClient(16, 600 * kMillisecond, {}, TURN_peer);
  EXPECT_EQ(Told(), Severity::kWarning);
}

TEST_F(NewsTest, WhatMayHaveBeenAcknowledgedIsOnlyWorthKnowing) {
  AddClient(14, 600 * kMillisecond, {}, TURN_even);
  EXPECT_EQ(Told(), Severity::kInfo);
  EXPECT_THAT(machine_.Diagnosed().at(0).summary,
              HasSubstr("may be messages that it acknowledged"));
}

TEST_F(NewsTest, MessagesThatSeemToBeAcknowledgedAreAnswersWhenEachTakesItsOwnTime) {
  AddClient(20, 600 * kMillisecond, {}, TURN_even);
  EXPECT_EQ(Told(), Severity::kWarning);
}

TEST_F(NewsTest, AServerThatWorksIsSlowWhoeverSpokeFirst) {
  const ThreadKey server = machine_.AddThread(20, 21, "backend");
  machine_.AddRunning(server, 5 * kSecond);
  AddClient(14, 600 * kMillisecond, server, TURN_even);
  EXPECT_EQ(Told(), Severity::kWarning);
}

TEST_F(NewsTest, AcknowledgementsBesideAServerAreNoneOfItsAnswersThoughCallsAreNotCounted) {
  machine_.AddWait(machine_.AddThread(10, 11, "server"),
                   {.cls = WAIT_poll, .syscall = __NR_accept4, .ns = 7 * kSecond, .count = 30});
  AddClient(14, 600 * kMillisecond, {}, TURN_even);
  machine_.snapshot().syscalls.clear();
  EXPECT_EQ(Told(), Severity::kInfo);
}

TEST_F(NewsTest, AThreadOfAServerThatAnswersItsClientsKeepsThemWaiting) {
  const ThreadKey thread = AddClient(16, 600 * kMillisecond);
  machine_.AddCalls(thread, __NR_accept4, 16);
  EXPECT_EQ(Told(), Severity::kCritical);
}

TEST_F(NewsTest, AThreadThatIsLetIntoTheInterpreterNowAndThenIsHandedNoWork) {
  const ThreadKey main = machine_.AddThread(10, 11, "worker");
  machine_.AddCalls(main, __NR_accept4, 16);
  machine_.AddWait(AddClient(16, 600 * kMillisecond), {.cls = WAIT_lock,
                                                       .syscall = __NR_futex,
                                                       .ns = 9 * kMillisecond,
                                                       .count = 3,
                                                       .object = Futex(0x5000, kTimedOp),
                                                       .waker = main});
  EXPECT_EQ(Told(), Severity::kInfo);
}

TEST_F(NewsTest, OneShortWaitForTheInterpreterThatStandsForDozensIsNoWorkEither) {
  const ThreadKey main = machine_.AddThread(10, 11, "worker");
  machine_.AddCalls(main, __NR_accept4, 16);
  machine_.AddWait(AddClient(16, 600 * kMillisecond), {.cls = WAIT_lock,
                                                       .syscall = __NR_futex,
                                                       .ns = 4 * kMillisecond,
                                                       .count = 47,
                                                       .object = Futex(0x5000, kTimedOp),
                                                       .waker = main});
  EXPECT_EQ(Told(), Severity::kInfo);
}

TEST_F(NewsTest, AThreadBesideThoseThatAnswerKeepsNobodyWaiting) {
  machine_.AddCalls(machine_.AddThread(10, 11, "worker"), __NR_accept4, 16);
  AddClient(16, 600 * kMillisecond);
  EXPECT_EQ(Told(), Severity::kInfo);
  EXPECT_THAT(machine_.Diagnosed().at(0).summary, HasSubstr("nobody is seen to wait for that"));
}

}  // namespace
}  // namespace waitscope
