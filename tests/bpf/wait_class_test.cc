#include "bpf/wait_class.h"

#include <gtest/gtest.h>

#include <array>

namespace waitscope {
namespace {

wait_class ClassOf(wait_facts facts) { return static_cast<wait_class>(wait_class_of(&facts)); }

constexpr uint32_t kPrivateWaitBitset = 0x189;
constexpr uint32_t kSharedWaitBitset = 0x109;

TEST(WaitClass, ComesFromTheSystemCall) {
  EXPECT_EQ(ClassOf({.syscall = __NR_nanosleep}), WAIT_sleep);
  EXPECT_EQ(ClassOf({.syscall = __NR_epoll_wait}), WAIT_poll);
  EXPECT_EQ(ClassOf({.syscall = __NR_accept4}), WAIT_poll);
  EXPECT_EQ(ClassOf({.syscall = __NR_recvfrom}), WAIT_network);
  EXPECT_EQ(ClassOf({.syscall = __NR_wait4}), WAIT_child);
  EXPECT_EQ(ClassOf({.syscall = __NR_flock}), WAIT_lock);
  EXPECT_EQ(ClassOf({.syscall = __NR_getpid}), WAIT_other);
}

TEST(WaitClass, OfAPollForNothingButTheTimeIsSleep) {
  const auto of = [](int nr, std::array<__u64, 5> args) {
    return ClassOf({.syscall = nr, .polls_nothing = !!polls_nothing(nr, args.data())});
  };
  EXPECT_EQ(of(__NR_select, {0, 0, 0, 0, 0x7ffe1000}), WAIT_sleep) << "as Perl does";
  EXPECT_EQ(of(__NR_pselect6, {0, 0, 0, 0, 0x7ffe1000}), WAIT_sleep);
  EXPECT_EQ(of(__NR_poll, {0, 0, 250}), WAIT_sleep);
  EXPECT_EQ(of(__NR_ppoll, {0, 0, 0x7ffe1000}), WAIT_sleep);
  EXPECT_EQ(of(__NR_select, {0, 0, 0, 0, 0}), WAIT_poll) << "for a signal";
  EXPECT_EQ(of(__NR_poll, {0, 0, 0xffffffff}), WAIT_poll) << "for a signal";
  EXPECT_EQ(of(__NR_select, {5, 0x7ffe2000, 0, 0, 0x7ffe1000}), WAIT_poll);
  EXPECT_EQ(of(__NR_poll, {0x7ffe2000, 1, 250}), WAIT_poll);
  EXPECT_EQ(of(__NR_epoll_wait, {3, 0x7ffe2000, 64, 250}), WAIT_poll);
}

TEST(WaitClass, OfATransferComesFromTheKindOfDescriptor) {
  EXPECT_EQ(ClassOf({.syscall = __NR_read, .object = OBJECT_pipe}), WAIT_pipe);
  EXPECT_EQ(ClassOf({.syscall = __NR_write, .object = OBJECT_socket}), WAIT_network);
  EXPECT_EQ(ClassOf({.syscall = __NR_read, .object = OBJECT_char}), WAIT_pipe);
  EXPECT_EQ(ClassOf({.syscall = __NR_read, .object = OBJECT_anon}), WAIT_poll);
  EXPECT_EQ(ClassOf({.syscall = __NR_read, .object = OBJECT_file}), WAIT_other);
  EXPECT_EQ(ClassOf({.syscall = __NR_read, .object = OBJECT_none}), WAIT_other);
}

TEST(WaitClass, WaitsForFilesHaveADescriptor) {
  const auto names = [](int call) { return names_file(syscall_trait(call), call) != 0; };
  EXPECT_TRUE(names(__NR_read) && names(__NR_recvfrom) && names(__NR_epoll_wait));
  EXPECT_TRUE(names(__NR_fsync) && names(__NR_flock) && names(__NR_fcntl));
  EXPECT_FALSE(names(__NR_sync) || names(__NR_msync));
  EXPECT_FALSE(names(__NR_semop) || names(__NR_futex) || names(__NR_nanosleep));
}

TEST(WaitClass, InIowaitIsNoDiskWhereASignalMayEndTheWait) {
  constexpr int kIoUringEnter = 426;
  EXPECT_EQ(ClassOf({.state = WS_TASK_INTERRUPTIBLE, .in_iowait = 1, .syscall = kIoUringEnter}),
            WAIT_poll);
  EXPECT_EQ(ClassOf({.state = WS_TASK_UNINTERRUPTIBLE, .in_iowait = 1, .syscall = kIoUringEnter}),
            WAIT_disk)
      << "it submits, and blocks";
}

TEST(WaitClass, InIowaitIsDiskUnlessTheCallIsACommit) {
  EXPECT_EQ(ClassOf({.state = WS_TASK_UNINTERRUPTIBLE,
                     .in_iowait = 1,
                     .syscall = __NR_pread64,
                     .object = OBJECT_file}),
            WAIT_disk);
  EXPECT_EQ(ClassOf({.in_iowait = 1, .syscall = __NR_fsync}), WAIT_commit);
  EXPECT_EQ(ClassOf({.in_iowait = 0, .syscall = __NR_fdatasync}), WAIT_commit);
}

TEST(WaitClass, OfAStoppedThreadIsOtherWhateverItsCallWasFor) {
  constexpr uint32_t kStopped = 0x104;
  constexpr uint32_t kTraced = 0x8;
  for (const uint32_t state : {kStopped, kTraced}) {
    EXPECT_EQ(ClassOf({.state = state, .syscall = __NR_futex, .futex_op = 0x80}), WAIT_other);
    EXPECT_EQ(ClassOf({.state = state, .syscall = -1}), WAIT_other);
    EXPECT_EQ(ClassOf({.state = state, .syscall = __NR_fsync}), WAIT_other);
  }
}

TEST(WaitClass, OfAFrozenThreadIsOtherOnceItSleepsForThat) {
  const wait_facts frozen{.state = WS_TASK_INTERRUPTIBLE,
                          .jobctl = WS_JOBCTL_TRAP_FREEZE,
                          .syscall = __NR_futex,
                          .futex_op = 0x80};
  EXPECT_EQ(ClassOf(frozen), WAIT_other);
  wait_facts not_yet = frozen;
  not_yet.state = WS_TASK_UNINTERRUPTIBLE;
  not_yet.in_iowait = 1;
  EXPECT_EQ(ClassOf(not_yet), WAIT_disk);
}

TEST(WaitClass, OutsideASystemCallIsAPageFault) {
  EXPECT_EQ(ClassOf({.in_iowait = 1, .syscall = -1}), WAIT_fault);
  EXPECT_EQ(ClassOf({.in_iowait = 0, .syscall = -1}), WAIT_fault);
}

TEST(WaitClass, OfKernelThreadsIsOtherUnlessTheyWaitForADisk) {
  EXPECT_EQ(ClassOf({.syscall = -2}), WAIT_other);
  EXPECT_EQ(ClassOf({.in_iowait = 1, .syscall = -2}), WAIT_disk);
}

TEST(WaitClass, ReclaimBeatsEverything) {
  EXPECT_EQ(ClassOf({.task_flags = WS_PF_MEMALLOC, .in_iowait = 1, .syscall = __NR_read}),
            WAIT_reclaim);
}

TEST(WaitClass, OfAFutexIsLockExceptForJoiningAThread) {
  EXPECT_EQ(ClassOf({.syscall = __NR_futex, .futex_op = 0x80}), WAIT_lock);
  EXPECT_EQ(ClassOf({.syscall = __NR_futex, .futex_op = kPrivateWaitBitset}), WAIT_lock);
  EXPECT_EQ(ClassOf({.syscall = __NR_futex, .futex_op = kSharedWaitBitset}), WAIT_child);
  EXPECT_EQ(
      ClassOf({.syscall = __NR_futex, .futex_op = kSharedWaitBitset, .futex_timeout = 0x7fff0000}),
      WAIT_lock);
}

TEST(StillRunnable, MeansPreemptedOrWithoutASleepingState) {
  EXPECT_TRUE(still_runnable(0, 0));
  EXPECT_TRUE(still_runnable(1, WS_TASK_INTERRUPTIBLE));
  EXPECT_FALSE(still_runnable(0, WS_TASK_INTERRUPTIBLE));
}

TEST(StillRunnable, ComparesMasksSoFreezableSleepsAreSleeps) {
  constexpr uint32_t kFreezable = 0x2000;
  EXPECT_FALSE(still_runnable(0, WS_TASK_INTERRUPTIBLE | kFreezable));
}

TEST(ObjectKind, ComesFromTheInodesMode) {
  EXPECT_EQ(object_kind_of_mode(0100644), OBJECT_file);
  EXPECT_EQ(object_kind_of_mode(0010600), OBJECT_pipe);
  EXPECT_EQ(object_kind_of_mode(0140777), OBJECT_socket);
  EXPECT_EQ(object_kind_of_mode(0020620), OBJECT_char);
  EXPECT_EQ(object_kind_of_mode(0060660), OBJECT_block);
  EXPECT_EQ(object_kind_of_mode(0600), OBJECT_anon);
}

}  // namespace
}  // namespace waitscope
