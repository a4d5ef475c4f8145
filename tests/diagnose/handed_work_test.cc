// Workers that others of their process hand requests to, and those that wait for a part of one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpf/sides.h"
#include "tests/diagnose/made_server.h"

namespace waitscope {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class HandedWorkTest : public MadeServer {
 protected:
  // The main thread reads all at once, and answers nothing.
  void ReadForWorkers() {
    ReadRequests(64, kMillisecond / 10);
    machine_.AddCalls(main_, __NR_poll, 64);
    machine_.AddCalls(main_, __NR_recvfrom, 64);
    machine_.AddWait(
        main_, {.cls = WAIT_poll, .syscall = __NR_poll, .ns = 7900 * kMillisecond, .count = 64});
  }
  void WaitForChild(uint32_t tid, uint64_t times) {
    machine_.AddWait(AddWorker(tid), {.cls = WAIT_child,
                                      .syscall = __NR_wait4,
                                      .ns = 7900 * kMillisecond,
                                      .count = static_cast<double>(times)});
    machine_.AddCalls(AddWorker(tid), __NR_sendto, times);
  }
  // In vain.
  void Connect(uint32_t tid, double times) {
    wait_object connection = Connection(static_cast<uint16_t>(40000 + tid), 5432);
    connection.turn = TURN_connecting;
    machine_.AddWait(AddWorker(tid), {.cls = WAIT_poll,
                                      .syscall = __NR_poll,
                                      .ns = 7900 * kMillisecond,
                                      .count = times,
                                      .object = connection});
  }
};

TEST_F(HandedWorkTest, WorkersThatAnswerWhatALoopReadForThemAreAPool) {
  ReadForWorkers();
  for (uint32_t tid = 11; tid < 15; ++tid) WaitForChild(tid, 16);
  EXPECT_THAT(machine_.Conditions(), ElementsAre("thread-pool-starvation"));
}

TEST_F(HandedWorkTest, WorkersThatAskABackendAndAnswerWhatALoopReadForThemAreAPool) {
  ReadForWorkers();
  for (uint32_t tid = 11; tid < 15; ++tid) {
    AskBackend(tid, 7900 * kMillisecond, 16);
    machine_.AddCalls(AddWorker(tid), __NR_read, 16);
    machine_.AddCalls(AddWorker(tid), __NR_write, 32);
  }
  EXPECT_THAT(machine_.Conditions(), ElementsAre("thread-pool-starvation"));
}

TEST_F(HandedWorkTest, ShippersThatSendOnWhatALoopReadForThemAnswerNobody) {
  ReadForWorkers();
  for (uint32_t tid = 11; tid < 15; ++tid) {
    AskBackend(tid, 7900 * kMillisecond, 16);
    AddCalls(tid, 16, 16);
  }
  EXPECT_THAT(machine_.Conditions(), Not(Contains("thread-pool-starvation")));
}

TEST_F(HandedWorkTest, WritersOfFilesBesideALoopThatReadsAnswerNobody) {
  ReadForWorkers();
  for (uint32_t tid = 11; tid < 15; ++tid) {
    machine_.AddWait(AddWorker(tid), {.cls = WAIT_sleep,
                                      .syscall = __NR_clock_nanosleep,
                                      .ns = 7900 * kMillisecond,
                                      .count = 16});
    machine_.AddCalls(AddWorker(tid), __NR_write, 64);
  }
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(HandedWorkTest, WhoDrainsAnEventHandsNothingOn) {
  ReadRequests(64, kMillisecond / 10);
  machine_.AddCalls(main_, __NR_poll, 1000);
  machine_.AddCalls(main_, __NR_read, 1000);
  machine_.AddCalls(main_, __NR_sendto, 40);
  for (uint32_t tid = 11; tid < 15; ++tid) WaitForChild(tid, 16);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(HandedWorkTest, WorkersBesideALoopThatAnswersByItselfMayTakeTheirTime) {
  ReadForWorkers();
  machine_.AddCalls(main_, __NR_sendto, 64);
  for (uint32_t tid = 11; tid < 15; ++tid) WaitForChild(tid, 16);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(HandedWorkTest, WorkersThatAnswerOverAUnixSocketAreAPoolAsWhoWaitsForThemTells) {
  machine_.AddCalls(main_, __NR_poll, 64);
  machine_.AddCalls(main_, __NR_readv, 64);
  for (uint32_t tid = 11; tid < 15; ++tid) {
    WaitForChild(tid, 16);
    machine_.AddWait(machine_.AddThread(20, 20 + tid, "client"), {.cls = WAIT_network,
                                                                  .syscall = __NR_read,
                                                                  .ns = 7900 * kMillisecond,
                                                                  .count = 16,
                                                                  .object = UnixConnection(),
                                                                  .waker = AddWorker(tid)});
  }
  EXPECT_THAT(machine_.Conditions(), Contains("thread-pool-starvation"));
}

TEST_F(HandedWorkTest, WorkersThatGetNoConnectionAreAPoolThoughTheyAskNobody) {
  AcceptConnections();
  for (uint32_t tid = 11; tid < 15; ++tid) {
    Connect(tid, 8);
    AddCalls(tid, 8, 8);
  }
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].condition, "thread-pool-starvation");
}

TEST_F(HandedWorkTest, TasksOfAClientAreAPoolThoughItsLoopPollsForTheirEnds) {
  for (uint32_t tid = 11; tid < 15; ++tid) {
    AskBackend(tid, 7900 * kMillisecond, 32);
    machine_.AddWait(main_, {.cls = WAIT_poll,
                             .syscall = __NR_epoll_wait,
                             .ns = 1900 * kMillisecond,
                             .count = 32,
                             .waker = AddWorker(tid)});
  }
  EXPECT_THAT(machine_.Conditions(), ElementsAre("thread-pool-starvation"));
}

TEST_F(HandedWorkTest, WhoGetsNoConnectionWaitsForIt) {
  Connect(11, 8);
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].condition, "backend-wait");
  EXPECT_THAT(findings[0].summary, HasSubstr("for each of 8 connections to 10.0.0.5:5432"));
}

TEST_F(HandedWorkTest, ThatAllItsConnectionsFailByOneTimeLimitIsNoNews) {
  Connect(11, 6);
  wait_object& connection = machine_.snapshot().objects.back();
  ASSERT_EQ(connection.turn, TURN_connecting);
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].severity, Severity::kWarning);
}

TEST_F(HandedWorkTest, AThreadOfAServerThatTriesToConnectForItselfHarmsNobody) {
  AcceptConnections();
  machine_.AddCalls(main_, __NR_accept4, 30);
  machine_.AddCalls(main_, __NR_recvfrom, 30);
  machine_.AddCalls(main_, __NR_sendto, 30);
  Connect(11, 8);
  machine_.AddCalls(AddWorker(11), __NR_connect, 8);
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].condition, "backend-wait");
  EXPECT_EQ(findings[0].severity, Severity::kInfo);
}

TEST_F(HandedWorkTest, WorkersWhoseRequestsHaveADozenPartsWorkForThem) {
  AcceptConnections();
  const ThreadKey handler = machine_.AddThread(10, 40, "handler");
  machine_.AddCalls(handler, __NR_recvfrom, 10);
  machine_.AddCalls(handler, __NR_sendto, 10);
  for (uint32_t tid = 11; tid < 15; ++tid) AskBackend(tid, 7900 * kMillisecond, 30);
  machine_.AddWait(handler, {.cls = WAIT_lock,
                             .syscall = __NR_futex,
                             .ns = 7 * kSecond,
                             .count = 10,
                             .object = Futex(0x6000, kConditionOp),
                             .waker = AddWorker(11)});
  EXPECT_THAT(machine_.Conditions(), Contains("thread-pool-starvation"));
}

TEST_F(HandedWorkTest, ThreadsOfLibuvThatLookUpNamesAreAllThatMay) {
  AcceptConnections();
  for (uint32_t tid = 11; tid < 15; ++tid) {
    const bool looks_up = tid < 13;
    const std::vector<std::string> frames{looks_up ? "uv__getaddrinfo_work" : "uv_cond_wait",
                                          "worker", "start_thread"};
    machine_.AddWait(AddWorker(tid),
                     {.cls = looks_up ? WAIT_network : WAIT_lock,
                      .syscall = looks_up ? __NR_poll : __NR_futex,
                      .ns = 7900 * kMillisecond,
                      .count = 8,
                      .object = looks_up ? Connection(40000, 53) : Futex(0x5000, kConditionOp),
                      .user_frames = frames});
    if (!looks_up) continue;
    machine_.AddWait(main_, {.cls = WAIT_poll,
                             .syscall = __NR_epoll_wait,
                             .ns = 100 * kMillisecond,
                             .count = 8,
                             .waker = AddWorker(tid)});
  }
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].condition, "thread-pool-starvation");
  EXPECT_THAT(findings[0].summary, HasSubstr("that may look up names"));
}

}  // namespace
}  // namespace waitscope
