// Pools, loops and locks as messages.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/sinks/codec.h"
#include "tests/diagnose/made_machine.h"

namespace waitscope {
namespace {

using testing::ElementsAre;

TEST(CodecViews, APoolCarriesItsCountsPlacesAndStacks) {
  MadeMachine machine;
  const ThreadKey main = machine.AddThread(10, 10, "server");
  for (uint32_t tid = 11; tid < 13; ++tid) {
    const ThreadKey worker = machine.AddThread(10, tid, "worker-" + std::to_string(tid));
    machine.snapshot().threads.at(worker).creator = main;
    machine.AddWait(worker, {.cls = WAIT_network,
                             .syscall = __NR_recvfrom,
                             .ns = 6 * kSecond,
                             .count = 10,
                             .object = Connection(40000, 5432),
                             .user_frames = {"recv", "load"}});
    machine.AddWait(worker, {.cls = WAIT_lock,
                             .syscall = __NR_futex,
                             .ns = kSecond,
                             .count = 4,
                             .object = Futex(0x5000, kConditionOp),
                             .user_frames = {"wait", "take"}});
  }
  const v1::PoolsResponse response = EncodePools(machine.snapshot(), Target());
  ASSERT_EQ(response.pools_size(), 1);
  const v1::Pool& pool = response.pools(0);
  EXPECT_EQ(pool.name(), "worker-*");
  EXPECT_EQ(pool.threads(), 2u);
  EXPECT_EQ(pool.creator().thread().tid(), 10u);
  EXPECT_EQ(pool.home().nature(), "park");
  EXPECT_THAT(pool.home().frames(), ElementsAre("wait", "take"));
  EXPECT_EQ(pool.away(0).nature(), "backend");
  EXPECT_EQ(pool.worst(0).object().peer_address(), "10.0.0.5:5432");
  EXPECT_EQ(pool.worst(0).ns(), 12 * kSecond);
  EXPECT_EQ(pool.nobody_home_min_ns(), 6 * kSecond);
  EXPECT_EQ(pool.nobody_home_max_ns(), 7 * kSecond);
}

TEST(CodecViews, ALoopCarriesItsTurnsAndWhatStretchesThem) {
  MadeMachine machine;
  const ThreadKey loop = machine.AddThread(10, 10, "python3");
  machine.AddCalls(loop, __NR_epoll_wait, 160);
  machine.AddCalls(loop, __NR_recvfrom, 80);
  machine.AddCalls(loop, __NR_sendto, 80);
  machine.AddLoop(loop, 300 * kMillisecond, 16);
  machine.AddWait(
      loop, {.cls = WAIT_sleep, .syscall = __NR_clock_nanosleep, .ns = 3 * kSecond, .count = 16});
  const v1::LoopsResponse response = EncodeLoopTurns(machine.snapshot(), Target());
  ASSERT_EQ(response.loops_size(), 1);
  const v1::LoopTurns& turns = response.loops(0);
  EXPECT_TRUE(turns.counted());
  EXPECT_DOUBLE_EQ(turns.polls_per_s(), 2);
  EXPECT_DOUBLE_EQ(turns.ready_share(), 1);
  EXPECT_EQ(turns.turn().count(), 16u);
  EXPECT_EQ(turns.turn().max_ns(), 300 * kMillisecond);
  EXPECT_EQ(turns.long_turns(), 16u);
  ASSERT_EQ(turns.blocked_size(), 1);
  EXPECT_EQ(turns.blocked(0).class_(), "sleep");
  EXPECT_EQ(turns.worst(0).syscall(), "clock_nanosleep");
}

TEST(CodecViews, PoolsAndLoopsCarryTheUnreadRequestsOfTheirProcess) {
  MadeMachine machine;
  machine.AddThread(10, 10, "server");
  for (uint32_t tid = 11; tid < 13; ++tid) machine.AddThread(10, tid, "worker");
  UnreadWindow& unread = machine.snapshot().unread[{10, 8080}];
  unread = {.reads = 5, .age_ns = 10 * kMillisecond, .open_oldest_ns = kSecond};
  unread.ages.Add(2 * kMillisecond, 5);
  unread.open.Add(kSecond, 3);
  machine.snapshot().unread[{99, 8080}] = unread;
  const v1::PoolsResponse response = EncodePools(machine.snapshot(), Target());
  ASSERT_EQ(response.pools(0).unread_size(), 1);
  const v1::UnreadRequests& told = response.pools(0).unread(0);
  EXPECT_EQ(told.comm(), "server");
  EXPECT_EQ(told.port(), 8080u);
  EXPECT_EQ(told.reads(), 5u);
  EXPECT_EQ(told.open(), 3u);
  EXPECT_EQ(told.open_oldest_ns(), kSecond);
  EXPECT_EQ(EncodeSnapshot(machine.snapshot()).unread_size(), 2);
}

TEST(CodecViews, ALockCarriesItsHolder) {
  MadeMachine machine;
  const ThreadKey holder = machine.AddThread(10, 11, "shop");
  machine.AddRunning(holder, 5 * kSecond, {"compute"});
  const ThreadKey waiter = machine.AddThread(10, 12, "shop");
  machine.AddWait(waiter, {.cls = WAIT_lock,
                           .syscall = __NR_futex,
                           .ns = 7 * kSecond,
                           .count = 50,
                           .object = Futex(0x7000, kMutexOp),
                           .waker = holder});
  const v1::LocksResponse response = EncodeLocks(machine.snapshot(), Target());
  ASSERT_EQ(response.locks_size(), 1);
  const v1::Lock& lock = response.locks(0);
  EXPECT_EQ(lock.name(), "0x7000");
  EXPECT_EQ(lock.kind(), "mutex");
  EXPECT_EQ(lock.holder().thread().tid(), 11u);
  EXPECT_EQ(lock.holder().known_by(), "waker");
  EXPECT_THAT(lock.holder().run_frames(), ElementsAre("compute"));
  EXPECT_EQ(lock.threads(0).tid(), 12u);
  EXPECT_EQ(lock.p99_ns(), 0u);  // none was recorded by itself
}

TEST(CodecViews, ALockOfTheKernelIsToldWithWhoeverOwnedIt) {
  MadeMachine machine;
  const ThreadKey owner = machine.AddThread(10, 11, "freezer");
  wait_object lock{};
  lock.kind = OBJECT_kernel_lock;
  lock.protocol = KERNEL_LOCK_rwsem;
  lock.family = KERNEL_LOCK_ROLE_mmap;
  lock.id = 0xffff888000001000;
  machine.AddWait(machine.AddThread(10, 12, "shop"),
                  {.cls = WAIT_other,
                   .syscall = __NR_mmap,
                   .ns = 7 * kSecond,
                   .count = 50,
                   .object = lock,
                   .kernel_frames = {"schedule", "rwsem_down_write_slowpath", "vm_mmap_pgoff"}});
  machine.AddWait(machine.AddThread(10, 13, "shop"),
                  {.cls = WAIT_other,
                   .syscall = __NR_mmap,
                   .ns = kSecond,
                   .object = lock,
                   .kernel_frames = {"schedule", "rwsem_down_write_slowpath", "vm_mmap_pgoff"}});
  machine.snapshot().kernel_locks[{10, lock.id, KERNEL_LOCK_rwsem, KERNEL_LOCK_ROLE_mmap, owner}] =
      {40, 6 * kSecond, kSecond};
  const v1::LocksResponse response = EncodeLocks(machine.snapshot(), Target());
  ASSERT_EQ(response.locks_size(), 1);
  const v1::Lock& told = response.locks(0);
  EXPECT_EQ(told.name(), "mmap_lock");
  EXPECT_EQ(told.kind(), "kernel");
  EXPECT_EQ(told.kernel().kind(), "rwsem");
  EXPECT_EQ(told.kernel().address(), 0xffff888000001000);
  EXPECT_EQ(told.kernel().taken_in(), "vm_mmap_pgoff");
  EXPECT_EQ(told.holder().thread().tid(), 11u);
  EXPECT_EQ(told.holder().seen(), 40u);
  EXPECT_EQ(told.holder().waited_behind_ns(), 6 * kSecond);
  EXPECT_EQ(response.header().notes_size(), 0);
}

TEST(CodecViews, OwnersOfKernelLocksThatNobodyWatchedAreSaidToBeUnknown) {
  MadeMachine machine;
  for (const uint32_t tid : {12U, 13U}) {
    machine.AddWait(machine.AddThread(10, tid, "shop"),
                    {.cls = WAIT_other,
                     .syscall = __NR_mmap,
                     .ns = 7 * kSecond,
                     .count = 50,
                     .kernel_frames = {"schedule", "rwsem_down_write_slowpath", "vm_mmap_pgoff"}});
  }
  const v1::LocksResponse response = EncodeLocks(machine.snapshot(), Target());
  ASSERT_EQ(response.locks_size(), 1);
  EXPECT_TRUE(response.locks(0).holder().known_by().empty());
  ASSERT_EQ(response.header().notes_size(), 1);
  EXPECT_THAT(response.header().notes(0), testing::HasSubstr("Linux 5.19"));
}

TEST(CodecViews, ATargetIsAboutItsProcesses) {
  MadeMachine machine;
  for (const uint32_t pid : {10U, 20U}) {
    machine.AddThread(pid, pid, "server");
    machine.AddThread(pid, pid + 1, "worker");
    machine.AddThread(pid, pid + 2, "worker");
  }
  const v1::PoolsResponse response = EncodePools(machine.snapshot(), Target{.tids = {21}});
  ASSERT_EQ(response.pools_size(), 1);
  EXPECT_EQ(response.pools(0).pid(), 20u);
  EXPECT_EQ(response.pools(0).threads(), 2u);  // whole, though one thread was asked for
}

TEST(CodecFindings, NamesLeaveTheProofOut) {
  MadeMachine machine;
  machine.AddWait(machine.AddThread(10, 10, "db"),
                  {.cls = WAIT_commit, .syscall = __NR_fsync, .ns = 7 * kSecond, .count = 900});
  Findings findings = machine.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  findings[0].lasting = true;
  const auto names = EncodeFindingNames(machine.snapshot(), findings);
  EXPECT_EQ(names[0].condition(), "fsync-stall");
  EXPECT_TRUE(names[0].lasting());
  EXPECT_EQ(names[0].evidence_size(), 0);
  EXPECT_EQ(EncodeFindings(machine.snapshot(), findings)[0].evidence_size(),
            static_cast<int>(findings[0].evidence.size()));
}

}  // namespace
}  // namespace waitscope
