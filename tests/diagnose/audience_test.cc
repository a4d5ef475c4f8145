// Event loops that are held up: who is on the other side of them, if anybody.
#include "agent/diagnose/audience.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/diagnose/made_machine.h"

namespace waitscope {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class AudienceTest : public testing::Test {
 protected:
  static constexpr int32_t kPoll = 4;

  // It computes for 300 ms a turn, and in between waits at its poll.
  AudienceTest() : loop_(machine_.AddThread(10, 10, "python3")) {
    machine_.AddCalls(loop_, __NR_epoll_wait, 160);
    machine_.AddCalls(loop_, __NR_recvfrom, 80);
    machine_.AddCalls(loop_, __NR_sendto, 80);
    machine_.AddLoop(loop_, 300 * kMillisecond, 10);
    machine_.AddRunning(loop_, 3 * kSecond, {"sha256", "handle"});
    PollWokenBy({});
  }

  void PollWokenBy(const ThreadKey& waker) {
    wait_object poll{};
    poll.kind = OBJECT_anon;
    poll.fd = kPoll;
    machine_.AddWait(loop_, {.cls = WAIT_poll,
                             .syscall = __NR_epoll_wait,
                             .ns = kSecond,
                             .count = 10,
                             .object = poll,
                             .waker = waker});
  }

  void TalksOverPipesWith(uint32_t pid) {
    const ThreadKey other = machine_.AddThread(pid, pid, "editor");
    PollWokenBy(other);
    machine_.AddWait(
        other,
        {.cls = WAIT_pipe, .syscall = __NR_read, .ns = 4 * kSecond, .count = 10, .waker = loop_});
  }

  void ItsPollWatches(uint32_t sides) { machine_.snapshot().sides[{10, kPoll}] = sides; }
  void ItsProcessHas(uint32_t sides) { machine_.snapshot().sides[{10, -1}] = sides; }

  MadeMachine machine_;
  ThreadKey loop_;
};

TEST_F(AudienceTest, WhoeverIsConnectedIsKeptWaiting) {
  ItsPollWatches(SIDE_listens | SIDE_asked);
  EXPECT_THAT(machine_.Conditions(), ElementsAre("event-loop-blocked"));
  EXPECT_EQ(machine_.Diagnosed()[0].severity, Severity::kCritical);
}

TEST_F(AudienceTest, WhoeverSendsDatagramsIsKeptWaiting) {
  ItsPollWatches(SIDE_receives);
  EXPECT_THAT(machine_.Conditions(), ElementsAre("event-loop-blocked"));
}

TEST_F(AudienceTest, ConnectionsThatComeAndGoAreSomebodyToo) {
  machine_.AddCalls(loop_, __NR_accept4, 3);
  ItsPollWatches(SIDE_listens);
  EXPECT_THAT(machine_.Conditions(), ElementsAre("event-loop-blocked"));
}

TEST_F(AudienceTest, SomebodyWhoIsNotEvenAcceptedIsKeptWaiting) {
  ItsPollWatches(SIDE_listens | SIDE_waiting);
  EXPECT_THAT(machine_.Conditions(), ElementsAre("event-loop-blocked"));
}

TEST_F(AudienceTest, APortThatNobodyConnectsToKeepsNobodyWaiting) {
  ItsPollWatches(SIDE_listens);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(AudienceTest, AWorkerThatAsksOneServerForJobsMayTakeItsTime) {
  ItsPollWatches(SIDE_asks);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(AudienceTest, TimersAndFilesKeepNobodyWaiting) {
  ItsPollWatches(0);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(AudienceTest, SeveralConnectionsOfItsOwnAreWorthKnowing) {
  ItsPollWatches(SIDE_asks | SIDE_asks_several);
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].severity, Severity::kInfo);
  EXPECT_THAT(findings[0].summary, HasSubstr("nobody has connected to it"));
}

TEST_F(AudienceTest, WhatAnotherThreadServesIsNotServedByThisOne) {
  ItsPollWatches(SIDE_asks);
  ItsProcessHas(SIDE_listens | SIDE_asked | SIDE_asks);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(AudienceTest, APollThatWasNeverSeenStandsForItsProcess) {
  ItsProcessHas(SIDE_listens | SIDE_asked);
  EXPECT_THAT(machine_.Conditions(), ElementsAre("event-loop-blocked"));
}

TEST_F(AudienceTest, ALoopAmongOthersOfItsOwnMakingStandsForItsProcess) {
  machine_.AddCalls(loop_, __NR_epoll_create1, 2);
  ItsPollWatches(0);
  ItsProcessHas(SIDE_listens | SIDE_asked);
  EXPECT_THAT(machine_.Conditions(), ElementsAre("event-loop-blocked"));
}

TEST_F(AudienceTest, WhereSocketsWereNotListedItIsTakenForAServer) {
  EXPECT_THAT(machine_.Conditions(), ElementsAre("event-loop-blocked"));
}

TEST_F(AudienceTest, OneEditorOverPipesIsWorthKnowing) {
  ItsPollWatches(0);
  TalksOverPipesWith(20);
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].severity, Severity::kInfo);
}

TEST_F(AudienceTest, SeveralProcessesOverPipesAreSomebody) {
  ItsPollWatches(0);
  TalksOverPipesWith(20);
  TalksOverPipesWith(30);
  EXPECT_EQ(machine_.Diagnosed().at(0).severity, Severity::kCritical);
}

TEST_F(AudienceTest, AReaderOfItsOutputWaitsForNoAnswer) {
  ItsPollWatches(0);
  const ThreadKey reader = machine_.AddThread(20, 20, "tee");
  machine_.AddWait(
      reader,
      {.cls = WAIT_pipe, .syscall = __NR_read, .ns = 7 * kSecond, .count = 10, .waker = loop_});
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

}  // namespace
}  // namespace waitscope
