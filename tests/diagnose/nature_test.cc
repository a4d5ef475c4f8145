// What a wait is about, where class and system call do not tell.
#include "agent/diagnose/nature.h"

#include <gtest/gtest.h>

#include "tests/diagnose/made_machine.h"

namespace waitscope {
namespace {

class NatureTest : public testing::Test {
 protected:
  NatureTest() : thread_(machine_.AddThread(10, 10, "program")) {}

  Nature Of(const MadeWait& wait, const std::string& leaf_module = "") {
    machine_.AddWait(thread_, wait);
    for (auto& [id, stack] : machine_.snapshot().stacks) stack.frames.front().module = leaf_module;
    const MachineView view(machine_.snapshot());
    return view.Find(thread_)->sites.front().nature;
  }
  Nature OfFutex(uint32_t op, const std::vector<std::string>& frames,
                 const std::string& leaf_module = "") {
    return Of({.cls = WAIT_lock,
               .syscall = __NR_futex,
               .ns = kSecond,
               .count = 10,
               .object = Futex(0x7000, op),
               .user_frames = frames},
              leaf_module);
  }
  Nature OfUnixSocket(uint16_t local_name, uint16_t peer_name) {
    wait_object object{};
    object.kind = OBJECT_socket;
    object.family = 1;
    object.local_port = local_name;
    object.peer_port = peer_name;
    return Of({.cls = WAIT_network,
               .syscall = __NR_recvfrom,
               .ns = kSecond,
               .count = 10,
               .object = object});
  }

  MadeMachine machine_;
  ThreadKey thread_;
};

TEST_F(NatureTest, APlainFutexWaitInTheCLibraryIsAMutex) {
  EXPECT_EQ(OfFutex(kMutexOp, {"pthread_mutex_lock", "work"}, "libc.so.6"), Nature::kMutex);
}

TEST_F(NatureTest, WithoutAStackAPlainFutexWaitIsAMutex) {
  EXPECT_EQ(OfFutex(kMutexOp, {}), Nature::kMutex);
}

TEST_F(NatureTest, AFutexWaitWhoseStackWasLostIsAMutexOnlyWhenSomebodyOwnsIt) {
  OfFutex(kMutexOp, {"syscall", "work"});
  machine_.snapshot().stacks.clear();
  const auto nature = [&] {
    return MachineView(machine_.snapshot()).Find(thread_)->sites.front().nature;
  };
  EXPECT_EQ(nature(), Nature::kPark);
  machine_.snapshot().lock_owners[{.pid = 10, .word = 0x7000, .owner_tid = 11}] = 1;
  EXPECT_EQ(nature(), Nature::kMutex);
}

TEST_F(NatureTest, WhoeverCallsFutexByItselfParks) {
  EXPECT_EQ(OfFutex(kMutexOp, {"syscall", "work"}, "libc.so.6"), Nature::kPark);
}

TEST_F(NatureTest, ALibraryWithFutexesOfItsOwnParks) {
  EXPECT_EQ(OfFutex(kMutexOp, {"", "gomp_thread_start"}, "libgomp.so.1.0.0"), Nature::kPark);
}

TEST_F(NatureTest, AMutexLinkedIntoTheProgramIsStillOne) {
  EXPECT_EQ(OfFutex(kMutexOp, {"__lll_lock_wait", "work"}, "program"), Nature::kMutex);
}

TEST_F(NatureTest, ABarrierIsNoLock) {
  EXPECT_EQ(OfFutex(kMutexOp, {"", "pthread_barrier_wait", "step"}, "libc.so.6"), Nature::kPark);
}

TEST_F(NatureTest, ARuntimesSleepAtAFutexIsASleep) {
  EXPECT_EQ(OfFutex(kTimedOp, {"pthread_cond_timedwait", "JavaThread::sleep(long)", "JVM_Sleep"}),
            Nature::kSleep);
}

TEST_F(NatureTest, AContendedMonitorOfJavaIsALock) {
  EXPECT_EQ(OfFutex(kConditionOp, {"pthread_cond_wait", "ObjectMonitor::enter(JavaThread*)"}),
            Nature::kMonitor);
}

TEST_F(NatureTest, AWaitInAMethodOfJavasLocksIsForALock) {
  EXPECT_EQ(OfFutex(kConditionOp, {"pthread_cond_wait", "Unsafe_Park",
                                   "java.util.concurrent.locks.AbstractQueuedSynchronizer.acquire",
                                   "java.util.concurrent.locks.ReentrantLock.lock"}),
            Nature::kLock);
}

TEST_F(NatureTest, AnAcceptorOfJavaWhoseTurnItIsNotWaitsForClientsToo) {
  EXPECT_EQ(OfFutex(kConditionOp, {"pthread_cond_wait", "Unsafe_Park",
                                   "java.util.concurrent.locks.ReentrantLock.lock",
                                   "sun.nio.ch.ServerSocketChannelImpl.accept"}),
            Nature::kPoll);
}

TEST_F(NatureTest, AWaitForAConditionOfJavasLocksIsNone) {
  EXPECT_EQ(OfFutex(kConditionOp,
                    {"pthread_cond_wait", "Unsafe_Park",
                     "java.util.concurrent.locks.AbstractQueuedSynchronizer$ConditionObject.await",
                     "java.util.concurrent.LinkedBlockingQueue.take"}),
            Nature::kPark);
}

TEST_F(NatureTest, AUnixSocketThatConnectedAsks) {
  EXPECT_EQ(OfUnixSocket(0, 1), Nature::kBackend);
}

TEST_F(NatureTest, AUnixSocketThatWasAcceptedIsAsked) {
  EXPECT_EQ(OfUnixSocket(1, 0), Nature::kClient);
}

TEST_F(NatureTest, APairOfSocketsTellsNothing) { EXPECT_EQ(OfUnixSocket(0, 0), Nature::kSocket); }

TEST_F(NatureTest, ASendToAClientWaitsForItToRead) {
  machine_.snapshot().listening = {8080};
  MadeWait wait{.cls = WAIT_network, .ns = kSecond, .count = 10, .object = Connection(8080, 41000)};
  wait.syscall = __NR_sendto;
  EXPECT_EQ(Of(wait), Nature::kReader);
}

TEST_F(NatureTest, AReceiveFromAClientWaitsForItsNextRequest) {
  machine_.snapshot().listening = {8080};
  MadeWait wait{.cls = WAIT_network, .ns = kSecond, .count = 10, .object = Connection(8080, 41000)};
  wait.syscall = __NR_recvfrom;
  EXPECT_EQ(Of(wait), Nature::kClient);
}

TEST_F(NatureTest, ASendToABackendWaitsForTheBackend) {
  machine_.snapshot().listening = {5432};
  MadeWait wait{.cls = WAIT_network, .ns = kSecond, .count = 10, .object = Connection(41000, 5432)};
  wait.syscall = __NR_sendto;
  EXPECT_EQ(Of(wait), Nature::kBackend);
}

TEST_F(NatureTest, ASendWaitsForTheBackendThoughNoAnswerIsOwed) {
  MadeWait wait{.cls = WAIT_network, .ns = kSecond, .count = 10, .object = Connection(41000, 5432)};
  wait.object.turn = TURN_own;
  wait.syscall = __NR_sendto;
  EXPECT_EQ(Of(wait), Nature::kBackend);
}

TEST_F(NatureTest, AReceiveWaitsForNewsWhenNoAnswerIsOwed) {
  MadeWait wait{.cls = WAIT_network, .ns = kSecond, .count = 10, .object = Connection(41000, 5432)};
  wait.object.turn = TURN_own;
  wait.syscall = __NR_recvfrom;
  EXPECT_EQ(Of(wait), Nature::kNews);
}

}  // namespace
}  // namespace waitscope
