// Locks of the kernel: told by stacks, told by tracepoints, and whose fault the waiting is.
#include "agent/diagnose/kernel_locks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/diagnose/locks.h"
#include "tests/diagnose/made_machine.h"

namespace waitscope {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

using Frames = std::vector<std::string>;

constexpr uint64_t kAddress = 0xffff888000001000;

const Frames kMapping{"__schedule",
                      "schedule",
                      "schedule_preempt_disabled",
                      "rwsem_down_write_slowpath",
                      "down_write_killable",
                      "vm_mmap_pgoff",
                      "do_syscall_64"};
const Frames kAppending{
    "__schedule", "schedule", "rwsem_down_write_slowpath", "down_write", "ext4_buffered_write_iter",
    "vfs_write"};

Stack StackWith(const Frames& frames) {
  Stack stack;
  for (const std::string& symbol : frames) {
    Frame frame;
    frame.symbol = symbol;
    stack.frames.push_back(frame);
  }
  return stack;
}

// Its name as a sentence begins with it, "" when it shows no lock.
std::string NameIn(const Frames& frames) {
  const Stack stack = StackWith(frames);
  const std::optional<KernelLock> lock = KernelLockIn(stack);
  return lock ? NameOf(*lock) : "";
}

TEST(KernelLockIn, WhoTakesItTellsWhichItIs) {
  EXPECT_EQ(NameIn(kMapping), "mmap_lock");
  EXPECT_EQ(NameIn({"__schedule", "schedule", "rwsem_down_read_slowpath", "down_read_killable",
                    "lock_mm_and_find_vma", "do_user_addr_fault"}),
            "mmap_lock");
  EXPECT_EQ(NameIn(kAppending), "inode lock");
  EXPECT_EQ(NameIn({"__schedule", "schedule", "schedule_preempt_disabled",
                    "__mutex_lock.constprop.0", "__fdget_pos", "ksys_read"}),
            "mutex in __fdget_pos");
  EXPECT_EQ(NameIn({"schedule", "percpu_rwsem_wait", "__percpu_down_read", "cgroup_exit.part.3"}),
            "percpu-rwsem in cgroup_exit");
}

TEST(KernelLockIn, TheCodeOfTheLockMayBeLeftOut) {
  EXPECT_EQ(NameIn({"vm_mmap_pgoff", "do_syscall_64"}), "mmap_lock");
  EXPECT_EQ(NameIn({"lock_mm_and_find_vma", "exc_page_fault"}), "mmap_lock");
  EXPECT_EQ(NameIn({"ext4_buffered_write_iter", "vfs_write"}), "inode lock");
  EXPECT_EQ(NameIn({"__do_sys_pause", "do_syscall_64"}), "");
  EXPECT_EQ(NameIn({"folio_wait_bit_common", "ext4_buffered_write_iter"}), "");
}

TEST(KernelLockIn, OnlyAThreadThatSleepsInALocksCodeWaitsForIt) {
  EXPECT_EQ(NameIn({"__schedule", "schedule", "io_schedule", "folio_wait_bit_common", "down_write",
                    "ext4_buffered_write_iter"}),
            "");
  EXPECT_EQ(NameIn({"__schedule", "schedule", "futex_wait_queue", "futex_wait"}), "");
  EXPECT_EQ(NameIn({"__schedule", "schedule"}), "");
  EXPECT_EQ(NameIn({}), "");
}

TEST(KernelLockIn, AMutexTakenWhereTheAddressSpaceChangesIsNotItsLock) {
  EXPECT_EQ(NameIn({"schedule", "__mutex_lock", "vm_mmap_pgoff"}), "mutex in vm_mmap_pgoff");
}

class KernelLockTest : public testing::Test {
 protected:
  static wait_object Lock(kernel_lock_role role, const std::string& file = "") {
    wait_object object = file.empty() ? wait_object{} : FileNamed(file);
    object.kind = OBJECT_kernel_lock;
    object.protocol = KERNEL_LOCK_rwsem;
    object.family = static_cast<uint16_t>(role);
    object.id = kAddress;
    return object;
  }

  ThreadKey Wait(uint32_t tid, const Frames& frames, wait_object object = {},
                 wait_class cls = WAIT_other, uint32_t pid = 10) {
    const ThreadKey thread = machine_.AddThread(pid, tid, "shop");
    machine_.AddWait(thread, {.cls = cls,
                              .syscall = __NR_mmap,
                              .ns = 6 * kSecond,
                              .count = 300,
                              .object = object,
                              .waker = {pid, 11, kSecond},
                              .kernel_frames = frames});
    return thread;
  }

  void Own(const ThreadKey& owner, kernel_lock_role role, uint64_t waits, uint64_t wait_ns) {
    machine_.snapshot().kernel_locks[{10, kAddress, KERNEL_LOCK_rwsem, role, owner}] = {
        waits, wait_ns, wait_ns / waits};
  }

  MadeMachine machine_;
};

TEST_F(KernelLockTest, ThreadsThatStandInLineForTheAddressSpaceAreTold) {
  for (uint32_t tid = 12; tid < 15; ++tid) Wait(tid, kMapping);
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].condition, "lock-contention");
  EXPECT_EQ(findings[0].severity, Severity::kCritical);
  EXPECT_THAT(findings[0].summary, HasSubstr("the kernel's mmap_lock"));
  EXPECT_THAT(findings[0].advice, HasSubstr("munmap"));
  EXPECT_THAT(findings[0].evidence,
              Contains(Field(&Evidence::name, "rwsem, taken in vm_mmap_pgoff")));
}

TEST_F(KernelLockTest, FaultsAndMappingsAreAtOneLockHoweverItIsKnown) {
  Wait(12, kMapping, Lock(KERNEL_LOCK_ROLE_mmap));
  Wait(13, {"schedule", "rwsem_down_read_slowpath", "down_read", "lock_mm_and_find_vma"}, {},
       WAIT_fault);
  const MachineView view(machine_.snapshot());
  const std::vector<waitscope::Lock> locks = LocksOf(view, *view.Find(10));
  ASSERT_EQ(locks.size(), 1u);
  EXPECT_EQ(locks[0].waiters.size(), 2u);
}

TEST_F(KernelLockTest, TheHolderIsWhomOthersWaitedBehindTheLongest) {
  const ThreadKey often = machine_.AddThread(10, 20, "quick");
  const ThreadKey long_time = machine_.AddThread(10, 21, "freezer");
  for (uint32_t tid = 12; tid < 15; ++tid) Wait(tid, kMapping, Lock(KERNEL_LOCK_ROLE_mmap));
  Own(often, KERNEL_LOCK_ROLE_mmap, 700, kSecond);
  Own(long_time, KERNEL_LOCK_ROLE_mmap, 100, 15 * kSecond);
  Own({}, KERNEL_LOCK_ROLE_mmap, 100, 20 * kSecond);
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_THAT(findings[0].evidence,
              Contains(AllOf(Field(&Evidence::role, "lock holder"), Field(&Evidence::tid, 21u))));
  EXPECT_THAT(findings[0].summary,
              HasSubstr("freezer (tid 21) owned it when 100 of 900 waits began"));
}

TEST_F(KernelLockTest, AnInodesLockBearsTheFilesName) {
  for (uint32_t tid = 12; tid < 15; ++tid) {
    Wait(tid, kAppending, Lock(KERNEL_LOCK_ROLE_inode, "orders.log"));
  }
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_THAT(findings[0].summary, HasSubstr("inode lock of orders.log"));
  EXPECT_THAT(findings[0].advice, HasSubstr("one thread write the file"));
}

TEST_F(KernelLockTest, OneInodeIsToldOnceHoweverManyProcessesWriteIt) {
  for (uint32_t pid = 30; pid < 34; ++pid) {
    Wait(pid, kAppending, Lock(KERNEL_LOCK_ROLE_inode, "orders.log"), WAIT_other, pid);
  }
  EXPECT_THAT(machine_.Conditions(), ElementsAre("lock-contention"));
}

TEST_F(KernelLockTest, WaitsFromBeforeAnAddressWasKnownAreForTheLockOfThatName) {
  Wait(12, kAppending, FileNamed("orders.log"));
  Wait(13, kAppending, Lock(KERNEL_LOCK_ROLE_inode, "orders.log"));
  Wait(14, kAppending, FileNamed("other.log"));
  const MachineView view(machine_.snapshot());
  const std::vector<waitscope::Lock> locks = WaitedForIn(view, *view.Find(10));
  ASSERT_EQ(locks.size(), 2u);
  EXPECT_EQ(locks[0].kernel->address, kAddress);
  EXPECT_EQ(locks[0].waiters.size(), 2u);
  for (const ThreadView& thread : view.Find(10)->threads) {
    EXPECT_EQ(IsFor(view, locks[0], thread.sites[0]), thread.key().tid != 14);
  }
}

TEST_F(KernelLockTest, OfTwoFilesOfOneNameAStackAloneTellsNeither) {
  wait_object other = Lock(KERNEL_LOCK_ROLE_inode, "orders.log");
  other.id = kAddress + 0x1000;
  Wait(12, kAppending, FileNamed("orders.log"));
  Wait(13, kAppending, Lock(KERNEL_LOCK_ROLE_inode, "orders.log"));
  Wait(14, kAppending, other);
  const MachineView view(machine_.snapshot());
  EXPECT_EQ(WaitedForIn(view, *view.Find(10)).size(), 3u);
}

TEST_F(KernelLockTest, OneThreadAloneAtAnAddressSpaceContendsWithNobody) {
  Wait(12, kMapping);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(KernelLockTest, SemaphoresOfDriversAreEvents) {
  wait_object semaphore = Lock(KERNEL_LOCK_ROLE_unknown);
  semaphore.protocol = KERNEL_LOCK_semaphore;
  for (uint32_t tid = 12; tid < 15; ++tid) Wait(tid, {}, semaphore);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(KernelLockTest, WhereKernelFunctionsHaveNoNamesTheTracepointsAreBelieved) {
  for (uint32_t tid = 12; tid < 15; ++tid) Wait(tid, {}, Lock(KERNEL_LOCK_ROLE_mmap));
  EXPECT_THAT(machine_.Conditions(), ElementsAre("lock-contention"));
}

TEST_F(KernelLockTest, WaitingBehindAHolderThatTheDiskHoldsBackIsTheDisksDoing) {
  for (uint32_t tid = 12; tid < 15; ++tid) Wait(tid, kAppending, Lock(KERNEL_LOCK_ROLE_inode));
  const ThreadKey holder = machine_.AddThread(10, 20, "writer");
  machine_.AddWait(holder, {.cls = WAIT_disk,
                            .syscall = __NR_pwrite64,
                            .ns = 7 * kSecond,
                            .count = 100,
                            .kernel_frames = {"io_schedule", "balance_dirty_pages"}});
  EXPECT_THAT(machine_.Conditions(), ElementsAre("dirty-throttling"));
}

TEST_F(KernelLockTest, OwnersAreWorthKnowingWhereThreadsWait) {
  EXPECT_FALSE(WaitsForKernelLocks(machine_.snapshot()));
  Wait(12, kAppending);
  EXPECT_TRUE(WaitsForKernelLocks(machine_.snapshot()));
}

TEST_F(KernelLockTest, ACommitThatMeetsALockIsStillACommit) {
  Wait(12, kAppending, Lock(KERNEL_LOCK_ROLE_inode), WAIT_commit);
  EXPECT_FALSE(WaitsForKernelLocks(machine_.snapshot()));
  const MachineView view(machine_.snapshot());
  EXPECT_EQ(view.Find(10)->threads[0].sites[0].nature, Nature::kCommit);
}

class StuckAtKernelLockTest : public testing::Test {
 protected:
  void WaitFor(uint64_t seconds, const std::vector<std::string>& frames) {
    const ThreadKey thread = machine_.AddThread(10, 11, "writer");
    machine_.AddWait(
        thread, {.cls = WAIT_other, .syscall = __NR_write, .ns = kWindow, .kernel_frames = frames});
    machine_.snapshot().threads.at(thread).open_wait =
        OpenWait{.cls = WAIT_other,
                 .ns = seconds * kSecond,
                 .syscall = __NR_write,
                 .kernel_stack = machine_.Stack(frames)};
  }

  MadeMachine machine_;
};

TEST_F(StuckAtKernelLockTest, WhoHasWaitedForHalfAMinuteHangs) {
  WaitFor(40, kAppending);
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].condition, "hung-threads");
  EXPECT_THAT(findings[0].summary,
              HasSubstr("stuck in the kernel, waiting for the kernel's inode lock for 40"));
}

TEST_F(StuckAtKernelLockTest, WhoHasWaitedForLessDoesNot) {
  WaitFor(20, kAppending);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(StuckAtKernelLockTest, WhoWaitsForSomethingElseByNowDoesNot) {
  WaitFor(40, kAppending);
  machine_.snapshot().threads.begin()->second.open_wait->kernel_stack =
      machine_.Stack({"pipe_read", "vfs_read"});
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

}  // namespace
}  // namespace waitscope
