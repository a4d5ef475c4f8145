// Locks: contended ones and their holders, and futex waits that are none.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/diagnose/made_machine.h"

namespace waitscope {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

class LockTest : public testing::Test {
 protected:
  ThreadKey Add(uint32_t tid, const std::string& comm = "shop") {
    return machine_.AddThread(10, tid, comm);
  }
  void WaitFor(const ThreadKey& thread, wait_object word, uint64_t ns, double count,
               const ThreadKey& waker) {
    machine_.AddWait(thread, {.cls = WAIT_lock,
                              .syscall = __NR_futex,
                              .ns = ns,
                              .count = count,
                              .object = word,
                              .waker = waker});
  }

  // Since before the window began, and to this day.
  void WaitForGood(const ThreadKey& thread, wait_object word,
                   const std::vector<std::string>& frames) {
    machine_.AddWait(thread, {.cls = WAIT_lock,
                              .syscall = __NR_futex,
                              .ns = kWindow,
                              .object = word,
                              .user_frames = frames});
    machine_.snapshot().threads.at(thread).open_wait = OpenWait{
        .cls = WAIT_lock, .ns = 20 * kSecond, .object = word, .user_stack = machine_.Stack(frames)};
  }

  MadeMachine machine_;
};

TEST_F(LockTest, TheHolderIsWhoWasSeenToOwnItNotWhoWokeLast) {
  const ThreadKey holder = Add(11);
  machine_.AddWait(holder, {.cls = WAIT_sleep,
                            .syscall = __NR_clock_nanosleep,
                            .ns = 7 * kSecond,
                            .count = 100,
                            .user_frames = {"nanosleep", "write_report"}});
  const ThreadKey last = Add(12);
  WaitFor(last, Futex(0x7000, kMutexOp), 7 * kSecond, 100, holder);
  for (uint32_t tid = 13; tid < 16; ++tid) {
    WaitFor(Add(tid), Futex(0x7000, kMutexOp), 7 * kSecond, 100, last);
  }
  machine_.snapshot().lock_owners[{10, 0x7000, 11}] = 20;
  machine_.snapshot().lock_owners[{10, 0x7000, 12}] = 2;
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].condition, "lock-contention");
  EXPECT_EQ(findings[0].severity, Severity::kCritical);
  EXPECT_THAT(findings[0].evidence, Contains(testing::AllOf(Field(&Evidence::role, "lock holder"),
                                                            Field(&Evidence::tid, 11u))));
  EXPECT_THAT(findings[0].evidence, Contains(Field(&Evidence::frames, Contains("write_report"))));
}

TEST_F(LockTest, MonitorsOfJavaAreOneLockThoughEachThreadWaitsAtItsOwnWord) {
  const ThreadKey holder = Add(11, "java");
  machine_.AddRunning(holder, 7 * kSecond);
  for (uint32_t tid = 12; tid < 16; ++tid) {
    machine_.AddWait(Add(tid, "java"), {.cls = WAIT_lock,
                                        .syscall = __NR_futex,
                                        .ns = 6 * kSecond,
                                        .count = 60,
                                        .object = Futex(0x9000 + 64ULL * tid, kConditionOp),
                                        .waker = holder,
                                        .user_frames = {"ObjectMonitor::enter(JavaThread*)"}});
  }
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].condition, "lock-contention");
  EXPECT_THAT(findings[0].summary, HasSubstr("a Java monitor"));
  EXPECT_THAT(findings[0].evidence, Contains(Field(&Evidence::tid, 11u)));
}

TEST_F(LockTest, AJavaLockThatOneThreadTakesBackAtOnceIsContended) {
  const ThreadKey holder = Add(11, "java");
  machine_.AddRunning(holder, 7 * kSecond);
  machine_.AddWait(Add(12, "java"),
                   {.cls = WAIT_lock,
                    .syscall = __NR_futex,
                    .ns = 6 * kSecond,
                    .count = 60,
                    .object = Futex(0x9000, kConditionOp),
                    .waker = holder,
                    .user_frames = {"java.util.concurrent.locks.ReentrantLock.lock", "Shop.sell"}});
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].condition, "lock-contention");
  EXPECT_THAT(findings[0].summary, HasSubstr("a lock of java.util.concurrent"));
}

TEST_F(LockTest, AJavaLockThatNobodyLetsGoOfHangsItsWaiters) {
  for (uint32_t tid = 12; tid < 14; ++tid) {
    WaitForGood(Add(tid, "java"), Futex(0x9000 + 64ULL * tid, kConditionOp),
                {"java.util.concurrent.locks.ReentrantLock.lock", "Shop.sell"});
  }
  EXPECT_THAT(machine_.Conditions(), ElementsAre("hung-threads"));
}

TEST_F(LockTest, AWriterThatReadersNeverLetInHangs) {
  WaitForGood(Add(12), Futex(0x9008, kMutexOp), {"pthread_rwlock_wrlock", "store"});
  EXPECT_THAT(machine_.Conditions(), ElementsAre("hung-threads"));
}

TEST_F(LockTest, OneWaiterIsEnoughWhenAnotherThreadIsSeenToOwnTheMutex) {
  const ThreadKey holder = Add(11);
  WaitFor(Add(12), Futex(0x7000, kMutexOp), 7 * kSecond, 80, holder);
  machine_.snapshot().lock_owners[{10, 0x7000, 11}] = 20;
  EXPECT_THAT(machine_.Conditions(), ElementsAre("lock-contention"));
}

TEST_F(LockTest, TwoThreadsThatPassAMutexToAndFroTakeTurns) {
  const ThreadKey unlocker = Add(11);
  WaitFor(Add(12), Futex(0x7000, kMutexOp), 7 * kSecond, 80, unlocker);
  machine_.snapshot().lock_owners[{10, 0x7000, 12}] = 20;
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(LockTest, AFileThatOtherProcessesLockIsContended) {
  const ThreadKey other = machine_.AddThread(20, 20, "shop");
  machine_.AddWait(Add(10), {.cls = WAIT_lock,
                             .syscall = __NR_flock,
                             .ns = 6 * kSecond,
                             .count = 20,
                             .object = FileNamed("lock"),
                             .waker = other});
  EXPECT_THAT(machine_.Conditions(), ElementsAre("lock-contention"));
}

TEST_F(LockTest, ProcessesThatQueueForOneFilesLockHaveOneSickness) {
  const ThreadKey holder = machine_.AddThread(20, 20, "shop");
  for (const ThreadKey waiter : {Add(10), machine_.AddThread(21, 21, "shop")}) {
    machine_.AddWait(waiter, {.cls = WAIT_lock,
                              .syscall = __NR_flock,
                              .ns = 6 * kSecond,
                              .count = 20,
                              .object = FileNamed("orders.lock"),
                              .waker = holder});
  }
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_THAT(findings[0].summary, HasSubstr("the lock of file orders.lock"));
  EXPECT_THAT(findings[0].evidence, Contains(Field(&Evidence::kind, "explains")));
}

TEST_F(LockTest, ProcessesThatTakeTurnsAtAcceptingDoNotContend) {
  const ThreadKey other = machine_.AddThread(20, 20, "shop");
  machine_.AddWait(other,
                   {.cls = WAIT_poll, .syscall = __NR_accept, .ns = 7 * kSecond, .count = 20});
  machine_.AddWait(Add(10), {.cls = WAIT_lock,
                             .syscall = __NR_fcntl,
                             .ns = 6 * kSecond,
                             .count = 20,
                             .object = FileNamed("accept.lock"),
                             .waker = other});
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(LockTest, AStandbyThatWaitsForAFilesLockIsIdle) {
  machine_.AddWait(
      Add(10),
      {.cls = WAIT_lock, .syscall = __NR_flock, .ns = kWindow, .object = FileNamed("lock")});
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(LockTest, ConsumersWokenByProducersDoNotContend) {
  const ThreadKey producer = Add(11);
  machine_.AddWait(
      producer, {.cls = WAIT_sleep, .syscall = __NR_nanosleep, .ns = 7 * kSecond, .count = 1000});
  for (uint32_t tid = 12; tid < 16; ++tid) {
    WaitFor(Add(tid), Futex(0x7000, kConditionOp), 7 * kSecond, 1000, producer);
  }
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(LockTest, WaitersThatWakeEachOtherQueueForALockOfAnyKind) {
  for (uint32_t tid = 11; tid < 16; ++tid) Add(tid);
  for (uint32_t tid = 11; tid < 16; ++tid) {
    WaitFor({10, tid, kSecond}, Futex(0x7000, kConditionOp), 6 * kSecond, 60,
            {10, tid == 11 ? 12U : 11U, kSecond});
  }
  EXPECT_THAT(machine_.Conditions(), ElementsAre("lock-contention"));
}

TEST_F(LockTest, AnIdleMutexIsHealthy) {
  for (uint32_t tid = 11; tid < 13; ++tid) {
    WaitFor(Add(tid), Futex(0x7000, kMutexOp), 50 * kMillisecond, 400, {10, 11, kSecond});
  }
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(LockTest, PythonsInterpreterLockIsNamed) {
  for (uint32_t tid = 11; tid < 14; ++tid) {
    const ThreadKey thread = Add(tid, "python3");
    machine_.AddRunning(thread, 2600 * kMillisecond, {"sum"});
    WaitFor(thread, Futex(0xa5b740, kTimedOp), 5200 * kMillisecond, 1000, {10, 11, kSecond});
  }
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_THAT(findings[0].summary, HasSubstr("GIL"));
}

TEST_F(LockTest, WaitersThatUseABackendTwoAtATimeQueueForConnections) {
  for (uint32_t tid = 11; tid < 17; ++tid) Add(tid);
  for (uint32_t tid = 11; tid < 17; ++tid) {
    const ThreadKey thread{10, tid, kSecond};
    WaitFor(thread, Futex(0x7000, kConditionOp), 5300 * kMillisecond, 60,
            {10, tid == 11 ? 12U : 11U, kSecond});
    machine_.AddWait(thread, {.cls = WAIT_network,
                              .syscall = __NR_recvfrom,
                              .ns = 2650 * kMillisecond,
                              .count = 60,
                              .object = Connection(static_cast<uint16_t>(50000 + tid), 5432)});
  }
  EXPECT_THAT(machine_.Conditions(), ElementsAre("connection-pool-exhaustion"));
}

TEST_F(LockTest, WhoWaitsForAMonitorThatNobodyLetsGoOfHangsThoughTheyLookAgain) {
  for (uint32_t tid = 11; tid < 13; ++tid) {
    machine_.AddWait(Add(tid, "java"), {.cls = WAIT_lock,
                                        .syscall = __NR_futex,
                                        .ns = kWindow - 10 * kMillisecond,
                                        .count = 8,
                                        .object = Futex(0x9000 + 64ULL * tid, kConditionOp),
                                        .user_frames = {"ObjectMonitor::enter(JavaThread*)"}});
  }
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].condition, "hung-threads");
  EXPECT_EQ(findings[0].threads.size(), 2u);
  EXPECT_THAT(findings[0].summary, HasSubstr("nobody let go of it"));
}

TEST_F(LockTest, WhoHangsAtAMonitorHangsThoughAStackWasLost) {
  for (uint32_t tid = 11; tid < 13; ++tid) {
    const ThreadKey thread = Add(tid, "java");
    for (const bool lost : {false, true}) {
      MadeWait wait{.cls = WAIT_lock,
                    .syscall = __NR_futex,
                    .ns = lost ? kSecond : kWindow - kSecond - 10 * kMillisecond,
                    .count = lost ? 1.0 : 7.0,
                    .object = Futex(0x9000 + 64ULL * tid, kConditionOp)};
      if (!lost) wait.user_frames = {"ObjectMonitor::enter(JavaThread*)"};
      machine_.AddWait(thread, wait);
    }
  }
  EXPECT_THAT(machine_.Conditions(), ElementsAre("hung-threads"));
}

TEST_F(LockTest, AMutexWhoseOwnerNeverLetsGoHangsItsWaiterAndNamesTheOwner) {
  const ThreadKey owner = Add(11);
  WaitForGood(Add(12), Futex(0x7000, kMutexOp), {"pthread_mutex_lock"});
  machine_.snapshot().lock_owners[{10, 0x7000, owner.tid}] = 8;
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].condition, "hung-threads");
  EXPECT_THAT(findings[0].evidence, Contains(testing::AllOf(Field(&Evidence::role, "lock holder"),
                                                            Field(&Evidence::tid, 11u))));
}

TEST_F(LockTest, AGateThatTheMainThreadKeepsIsOnlyWorthKnowing) {
  const ThreadKey main = Add(10);
  machine_.AddWait(main, {.cls = WAIT_sleep, .ns = 7 * kSecond, .count = 35});
  const ThreadKey waiter = Add(12);
  WaitForGood(waiter, Futex(0x7000, kMutexOp), {"pthread_mutex_lock"});
  machine_.snapshot().threads.at(waiter).open_wait->ns = machine_.snapshot().end_ns - kSecond;
  machine_.snapshot().lock_owners[{10, 0x7000, main.tid}] = 8;
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].severity, Severity::kInfo);
  EXPECT_THAT(findings[0].summary, HasSubstr("a gate, or forgotten"));
}

TEST_F(LockTest, ALockOfTheMainThreadThatOthersHadBeforeIsNoGate) {
  const ThreadKey main = Add(10);
  machine_.AddWait(main, {.cls = WAIT_sleep, .ns = 7 * kSecond, .count = 35});
  WaitForGood(Add(12), Futex(0x7000, kMutexOp), {"pthread_mutex_lock"});
  machine_.snapshot().lock_owners[{10, 0x7000, main.tid}] = 8;
  EXPECT_EQ(machine_.Diagnosed().at(0).severity, Severity::kCritical);
}

TEST_F(LockTest, AMainThreadThatIsStuckItselfKeepsNoGate) {
  const ThreadKey main = Add(10);
  machine_.AddWait(main, {.cls = WAIT_network, .ns = kWindow, .object = Connection(41000, 5432)});
  const ThreadKey waiter = Add(12);
  WaitForGood(waiter, Futex(0x7000, kMutexOp), {"pthread_mutex_lock"});
  machine_.snapshot().threads.at(waiter).open_wait->ns = machine_.snapshot().end_ns - kSecond;
  machine_.snapshot().lock_owners[{10, 0x7000, main.tid}] = 8;
  EXPECT_EQ(machine_.Diagnosed().at(0).severity, Severity::kCritical);
}

TEST_F(LockTest, ThreadsThatTakeTurnsByAConditionVariableDoNotContend) {
  for (uint32_t tid = 11; tid < 15; ++tid) Add(tid);
  for (uint32_t tid = 11; tid < 15; ++tid) {
    const ThreadKey before{10, tid == 11 ? 14 : tid - 1, kSecond};
    WaitFor(ThreadKey{10, tid, kSecond}, Futex(0x7020, kConditionOp), 3 * kSecond, 200, before);
    WaitFor(ThreadKey{10, tid, kSecond}, Futex(0x7024, kConditionOp), 3 * kSecond, 200, before);
  }
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(LockTest, AWaitAtAWordWithoutAnOwnerMayBeIdleness) {
  WaitForGood(Add(12), Futex(0x7000, kMutexOp), {"__timedwait"});
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(LockTest, ACycleOfOwnersIsADeadlock) {
  const ThreadKey one = Add(11);
  const ThreadKey two = Add(12);
  for (const auto& [thread, word] : {std::pair{one, 0x7000}, std::pair{two, 0x8000}}) {
    WaitFor(thread, Futex(static_cast<uint64_t>(word), kMutexOp), kWindow, 0, {});
    machine_.snapshot().threads.at(thread).open_wait =
        OpenWait{.cls = WAIT_lock,
                 .ns = 20 * kSecond,
                 .object = Futex(static_cast<uint64_t>(word), kMutexOp),
                 .user_stack = machine_.Stack({"pthread_mutex_lock", "transfer"})};
  }
  machine_.snapshot().lock_owners[{10, 0x7000, 12}] = 8;
  machine_.snapshot().lock_owners[{10, 0x8000, 11}] = 8;
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].condition, "hung-threads");
  EXPECT_EQ(findings[0].threads.size(), 2u);
  EXPECT_EQ(std::ranges::count_if(findings[0].evidence,
                                  [](const Evidence& evidence) {
                                    return std::ranges::count(evidence.frames, "transfer") == 1;
                                  }),
            2)
      << "where each of them waits";
}

TEST_F(LockTest, AWaiterForALivingOwnerIsNotHung) {
  Add(11);
  const ThreadKey waiter = Add(12);
  machine_.snapshot().threads.at(waiter).open_wait =
      OpenWait{.cls = WAIT_lock, .ns = 20 * kSecond, .object = Futex(0x7000, kMutexOp)};
  machine_.snapshot().lock_owners[{10, 0x7000, 11}] = 8;
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

}  // namespace
}  // namespace waitscope
