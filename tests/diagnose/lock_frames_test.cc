// Locks that only the functions that wait for them tell.
#include "agent/diagnose/lock_frames.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/diagnose/made_machine.h"

namespace waitscope {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kContended[] = "<std::sys::sync::mutex::futex::Mutex>::lock_contended";
constexpr char kReceives[] = "std::sync::mpmc::list::Channel<T>::recv";
constexpr uint32_t kUntimed = kConditionOp;

class LockFrameTest : public testing::Test {
 protected:
  ThreadKey Add(uint32_t tid) { return machine_.AddThread(10, tid, "worker"); }

  void WaitForGood(uint32_t tid, uint64_t word, uint32_t op,
                   const std::vector<std::string>& frames) {
    machine_.AddWait(Add(tid), {.cls = WAIT_lock,
                                .syscall = __NR_futex,
                                .ns = kWindow,
                                .object = Futex(word, op),
                                .user_frames = frames});
  }
  void WaitForRust(uint32_t tid, uint64_t ns, double count, uint32_t waker) {
    machine_.AddWait(Add(tid), {.cls = WAIT_lock,
                                .syscall = __NR_futex,
                                .ns = ns,
                                .count = count,
                                .object = Futex(0x7000, kTimedOp),
                                .waker = Add(waker),
                                .user_frames = {"syscall", kContended, "shop::sell"}});
  }
  // Two that have each other's.
  void DeadlockInPython(uint32_t op, const std::string& module, const std::string& file) {
    for (uint32_t tid = 11; tid < 13; ++tid) {
      WaitForGood(tid, 0x7000 + 0x100ULL * tid, op,
                  {"__new_sem_wait_slow64", "PyThread_acquire_lock_timed", "take", "transfer"});
    }
    for (auto& [id, stack] : machine_.snapshot().stacks) {
      stack.frames[2].module = module;
      stack.frames[3].module = "[python]";
      stack.frames[3].file = file;
    }
  }

  MadeMachine machine_;
};

TEST_F(LockFrameTest, TwoThreadsThatHaveEachOthersLockOfRustAreHung) {
  WaitForGood(11, 0x7000, kTimedOp, {"syscall", kContended, "shop::buy"});
  WaitForGood(12, 0x8000, kTimedOp, {"syscall", kContended, "shop::sell"});
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].condition, "hung-threads");
  EXPECT_EQ(findings[0].threads.size(), 2u);
  EXPECT_THAT(findings[0].summary, HasSubstr("2 locks of Rust"));
}

TEST_F(LockFrameTest, ALockOfRustThatOneThreadTakesBackAtOnceIsContended) {
  WaitForRust(12, 7 * kSecond, 80, 11);
  EXPECT_THAT(machine_.Conditions(), ElementsAre("lock-contention"));
}

TEST_F(LockFrameTest, WorkersThatReceiveUnderALockTakeTurns) {
  for (uint32_t tid = 11; tid < 15; ++tid) {
    WaitForRust(tid, 6 * kSecond, 40, tid == 11 ? 14 : tid - 1);
    machine_.AddWait(Add(tid), {.cls = WAIT_lock,
                                .syscall = __NR_futex,
                                .ns = 1900 * kMillisecond,
                                .count = 40,
                                .object = Futex(0x9000 + 64ULL * tid, kTimedOp),
                                .user_frames = {"syscall", "std::thread::park", kReceives}});
  }
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(LockFrameTest, WorkersWhoseLeaderHasReceivedNothingYetAreIdle) {
  for (uint32_t tid = 11; tid < 14; ++tid) {
    WaitForGood(tid, 0x7000, kTimedOp, {"syscall", kContended, "shop::next_job"});
  }
  WaitForGood(14, 0x9000, kTimedOp, {"syscall", "std::thread::park", kReceives});
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(LockFrameTest, WhoSendsIntoAFullChannelIsNotIdle) {
  for (uint32_t tid = 11; tid < 14; ++tid) {
    WaitForGood(tid, 0x7000, kTimedOp, {"syscall", kContended, "shop::next_job"});
  }
  WaitForGood(14, 0x9000, kTimedOp,
              {"syscall", "std::thread::park", "std::sync::mpmc::array::Channel<T>::send"});
  EXPECT_THAT(machine_.Conditions(), Contains("hung-threads"));
}

TEST_F(LockFrameTest, WhoIsOfAnotherPoolDoesNotKeepTheseIdle) {
  for (uint32_t tid = 11; tid < 14; ++tid) {
    WaitForGood(tid, 0x7000, kTimedOp, {"syscall", kContended, "shop::next_job"});
  }
  WaitForGood(14, 0x9000, kTimedOp, {"syscall", "std::thread::park", kReceives});
  machine_.snapshot().threads.at({10, 14, kSecond}).comm = "logger";
  EXPECT_THAT(machine_.Conditions(), Contains("hung-threads"));
}

TEST_F(LockFrameTest, WorkersAreHungThoughTheMainThreadReceivesWhatTheyShouldSend) {
  WaitForGood(11, 0x7000, kTimedOp, {"syscall", kContended, "shop::buy"});
  WaitForGood(12, 0x8000, kTimedOp, {"syscall", kContended, "shop::sell"});
  WaitForGood(10, 0x9000, kTimedOp, {"syscall", "std::thread::park", kReceives});
  EXPECT_THAT(machine_.Conditions(), ElementsAre("hung-threads"));
}

TEST_F(LockFrameTest, WhoTakesTurnsAtParkingIsNotKeptFromWorkWhateverItIs) {
  for (uint32_t tid = 11; tid < 15; ++tid) {
    const auto park = [&](uint64_t word, uint64_t ns, const ThreadKey& waker) {
      machine_.AddWait(Add(tid), {.cls = WAIT_lock,
                                  .syscall = __NR_futex,
                                  .ns = ns,
                                  .count = 40,
                                  .object = Futex(word, kTimedOp),
                                  .waker = waker});
    };
    park(0x7000, 6 * kSecond, Add(tid == 11 ? 14 : tid - 1));
    park(0x9000 + 64ULL * tid, 1900 * kMillisecond, ThreadKey());
  }
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(LockFrameTest, TwoThreadsThatHaveEachOthersLockOfPythonAreHung) {
  DeadlockInPython(kUntimed, "python3.11", "/srv/shop.py");
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].condition, "hung-threads");
  EXPECT_THAT(findings[0].summary, HasSubstr("2 locks of Python"));
}

TEST_F(LockFrameTest, OneLockOfPythonThatNobodyLetsGoOfMayBeAGate) {
  WaitForGood(11, 0x7000, kUntimed, {"PyThread_acquire_lock_timed", "main"});
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(LockFrameTest, WhoWaitsInPythonForAQueueAConditionOrATimeLimitIsIdle) {
  constexpr char kPython[] = "python3.11";
  for (const auto& [op, module, file] :
       {std::tuple(kUntimed, "_queue.cpython-311-x86_64-linux-gnu.so", "/srv/shop.py"),
        std::tuple(kUntimed, kPython, "/usr/lib/python3.11/threading.py"),
        std::tuple(kUntimed, kPython, "/usr/lib64/python3.9/asyncio/events.py"),
        std::tuple(kUntimed, kPython, "/opt/python/Lib/logging/__init__.py"),
        std::tuple(kUntimed, kPython, "threading.py"),
        std::tuple(kUntimed, kPython, "/srv/.venv/lib/python3.11/threading.py"),
        std::tuple(kUntimed, kPython, ""),
        std::tuple(kUntimed, kPython, "concurrent/futures/_base.py"),
        std::tuple(kUntimed, kPython, "/srv/app.zip/multiprocessing/pool.py"),
        std::tuple(kTimedOp, kPython, "/srv/shop.py")}) {
    machine_ = MadeMachine();
    DeadlockInPython(op, module, file);
    EXPECT_THAT(machine_.Conditions(), IsEmpty()) << module << " " << file;
  }
}

TEST_F(LockFrameTest, AQueueThatIsPartOfTheInterpreterIsKnownByItsFunction) {
  DeadlockInPython(kUntimed, "python3.12", "/srv/shop.py");
  for (auto& [id, stack] : machine_.snapshot().stacks) {
    stack.frames[2].symbol = "_queue_SimpleQueue_get_impl";
  }
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(LockFrameTest, WorkersThatEachWaitAtALockOfTheirOwnAreIdle) {
  DeadlockInPython(kUntimed, "python3.11", "/venv/lib/python3.11/site-packages/gevent/_thread.py");
  for (const char* function : {"_Condition.wait", "Queue.get"}) {
    for (auto& [id, stack] : machine_.snapshot().stacks) stack.frames[3].symbol = function;
    EXPECT_THAT(machine_.Conditions(), IsEmpty()) << function;
  }
}

TEST_F(LockFrameTest, WhatAProgramCallsGetMayTakeALock) {
  DeadlockInPython(kUntimed, "python3.11", "/srv/shop/queue.py");
  for (auto& [id, stack] : machine_.snapshot().stacks) stack.frames[3].symbol = "Cache.get";
  EXPECT_THAT(machine_.Conditions(), ElementsAre("hung-threads"));
}

TEST_F(LockFrameTest, WhatWasInstalledIsNoPartOfPythonItself) {
  DeadlockInPython(kUntimed, "python3.11", "/usr/lib/python3.11/site-packages/shop.py");
  EXPECT_THAT(machine_.Conditions(), ElementsAre("hung-threads"));
}

}  // namespace
}  // namespace waitscope
