// Disks, CPUs and memory: too little of them, and loads they bear.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/diagnose/made_machine.h"

namespace waitscope {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr uint32_t kDisk = 254U << 20;

class ResourceTest : public testing::Test {
 protected:
  ThreadKey Add(uint32_t tid, const std::string& comm = "job") {
    return machine_.AddThread(10, tid, comm);
  }
  void Read(uint32_t tid, uint64_t ns, double count) {
    machine_.AddWait(
        Add(tid),
        {.cls = WAIT_disk, .syscall = __NR_pread64, .ns = ns, .count = count, .device = kDisk});
  }

  // A quarter of the time each.
  void CommitByFour(double times, const std::vector<std::string>& frames) {
    for (uint32_t tid = 10; tid < 14; ++tid) {
      machine_.AddWait(Add(tid), {.cls = WAIT_commit,
                                  .syscall = __NR_fsync,
                                  .ns = 2 * kSecond,
                                  .count = times,
                                  .user_frames = frames});
    }
  }

  MadeMachine machine_;
};

TEST_F(ResourceTest, ADiskWithALongQueueIsSaturated) {
  for (uint32_t tid = 10; tid < 34; ++tid) Read(tid, 7800 * kMillisecond, 400);
  machine_.AddDevice(kDisk, "vda", 9600, 19 * kMillisecond, 500'000);
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].condition, "disk-saturation");
  EXPECT_THAT(findings[0].evidence, Contains(Field(&Evidence::object, "vda")));
}

TEST_F(ResourceTest, OneCopyKeepsADiskBusyAndIsHealthy) {
  Read(10, 5 * kSecond, 800);
  machine_.AddDevice(kDisk, "vda", 8000, 12 * kMillisecond, 500'000);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(ResourceTest, ASlowDeviceWithAShortQueueHasLatency) {
  Read(10, 7800 * kMillisecond, 390);
  machine_.AddDevice(kDisk, "loop0", 390, 19 * kMillisecond, 10'000);
  EXPECT_THAT(machine_.Conditions(), ElementsAre("disk-latency"));
}

TEST_F(ResourceTest, WaitsMuchLongerThanTheDeviceAreHeldBackAboveIt) {
  Read(10, 7900 * kMillisecond, 80);
  machine_.AddDevice(kDisk, "vda", 80, 2 * kMillisecond, 10'000);
  EXPECT_THAT(machine_.Conditions(), ElementsAre("io-throttled"));
}

TEST_F(ResourceTest, ReadingFromAFastDiskAllDayIsABatchJob) {
  Read(10, 6 * kSecond, 6000);
  machine_.AddDevice(kDisk, "vda", 6000, 900'000, 10'000);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(ResourceTest, AProcessThatOnlyCommitsIsStalled) {
  machine_.AddWait(Add(10), {.cls = WAIT_commit,
                             .syscall = __NR_fdatasync,
                             .ns = 7 * kSecond,
                             .count = 2000,
                             .object = FileNamed("journal.log")});
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].condition, "fsync-stall");
  EXPECT_THAT(findings[0].evidence, Contains(Field(&Evidence::object, "file journal.log")));
}

TEST_F(ResourceTest, ACommitNowAndThenIsHealthy) {
  machine_.AddWait(
      Add(10),
      {.cls = WAIT_commit, .syscall = __NR_fdatasync, .ns = 80 * kMillisecond, .count = 16});
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(ResourceTest, SlowCommitsByWhicheverThreadIsFreeAreAStall) {
  CommitByFour(14, {"internal/runtime/syscall.Syscall6", "os.(*File).Sync", "runtime.goexit"});
  EXPECT_THAT(machine_.Conditions(), ElementsAre("fsync-stall"));
}

TEST_F(ResourceTest, ThreadsThatEachCommitNowAndThenAreHealthyThoughTheirSumIsMuch) {
  CommitByFour(14, {"fsync", "flush_segment", "start_thread"});
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(ResourceTest, QuickCommitsOfSeveralThreadsAreNone) {
  CommitByFour(400, {"internal/runtime/syscall.Syscall6", "os.(*File).Sync", "runtime.goexit"});
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(ResourceTest, MoreBusyThreadsThanTwiceTheCpusAreTooMany) {
  for (uint32_t tid = 10; tid < 16; ++tid) {
    const ThreadKey hog = Add(tid);
    machine_.AddRunning(hog, kWindow / 3, {"compute"});
    machine_.AddRunnable(hog, 2 * kWindow / 3, 40 * kMillisecond);
  }
  const ThreadKey victim = machine_.AddThread(20, 20, "victim");
  machine_.AddRunning(victim, 300 * kMillisecond);
  machine_.AddRunnable(victim, 2 * kSecond, 30 * kMillisecond);
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].condition, "cpu-saturation");
  EXPECT_EQ(findings[0].pid, 10u);
  EXPECT_EQ(findings[0].evidence.back().pid, 20u);
}

TEST_F(ResourceTest, AFullMachineWithoutAQueueIsHealthy) {
  for (uint32_t tid = 10; tid < 12; ++tid) {
    const ThreadKey hog = Add(tid);
    machine_.AddRunning(hog, 7500 * kMillisecond);
    machine_.AddRunnable(hog, 500 * kMillisecond, 4 * kMillisecond);
  }
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(ResourceTest, AQuotaThatRunsOutThrottles) {
  const ThreadKey hog = Add(10);
  machine_.AddRunning(hog, 2 * kSecond);
  machine_.AddRunnable(hog, 6 * kSecond, 70 * kMillisecond);
  machine_.snapshot().processes[10].cpu_cgroup = "/shop";
  CgroupWindow& group = machine_.snapshot().cgroups["/shop"];
  group.periods = 80;
  group.throttled_periods = 78;
  group.throttled_ns = 6 * kSecond;
  group.quota_ns = 25 * kMillisecond;
  group.period_ns = 100 * kMillisecond;
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].condition, "cpu-throttling");
  EXPECT_THAT(findings[0].summary, HasSubstr("quota of 0.25 CPUs"));
}

TEST_F(ResourceTest, AQuotaWithRoomDoesNot) {
  const ThreadKey job = Add(10);
  machine_.AddRunning(job, 2 * kSecond);
  machine_.snapshot().processes[10].cpu_cgroup = "/shop";
  machine_.snapshot().cgroups["/shop"] = {.periods = 80, .throttled_periods = 2};
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(ResourceTest, FaultsUnderPressureAreAMemoryStall) {
  machine_.AddWait(Add(10), {.cls = WAIT_fault, .ns = 6 * kSecond, .count = 1500, .device = kDisk});
  machine_.AddDevice(kDisk, "vda", 1500, 3 * kMillisecond, 10'000);
  machine_.snapshot().pressure.memory_some_ns = 4 * kSecond;
  EXPECT_THAT(machine_.Conditions(), ElementsAre("memory-stall"));
}

TEST_F(ResourceTest, HitsOfTheLimitAreAMemoryStallWherePressureIsNotKnown) {
  machine_.AddWait(Add(10), {.cls = WAIT_fault, .ns = 6 * kSecond, .count = 1500, .device = kDisk});
  machine_.snapshot().processes.at(10).memory_cgroup = "/shop";
  machine_.snapshot().cgroups["/shop"].memory_limit_hits = 1500;
  machine_.snapshot().pressure.refaulted_pages = 1500;
  EXPECT_THAT(machine_.Conditions(), ElementsAre("memory-stall"));
}

TEST_F(ResourceTest, FirstReadsThatFillACgroupAreNoMemoryStall) {
  machine_.AddWait(Add(10), {.cls = WAIT_fault, .ns = 3 * kSecond, .count = 3000, .device = kDisk});
  machine_.AddDevice(kDisk, "vda", 3000, kMillisecond, 10'000);
  machine_.snapshot().processes.at(10).memory_cgroup = "/shop";
  machine_.snapshot().cgroups["/shop"].memory_limit_hits = 3000;
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(ResourceTest, PagesThatComeBackAreAMemoryStallOnKernelsWithoutPressure) {
  machine_.AddWait(Add(10), {.cls = WAIT_fault, .ns = 6 * kSecond, .count = 1500, .device = kDisk});
  machine_.snapshot().pressure.refaulted_pages = 4000;
  EXPECT_THAT(machine_.Conditions(), ElementsAre("memory-stall"));
  machine_.snapshot().pressure.cpu_some_ns = kSecond;
  EXPECT_THAT(machine_.Conditions(), IsEmpty()) << "where there is pressure, it knows better";
}

TEST_F(ResourceTest, FirstReadsOfAMappedFileAreNoMemoryStall) {
  machine_.AddWait(Add(10), {.cls = WAIT_fault, .ns = 3 * kSecond, .count = 3000, .device = kDisk});
  machine_.AddDevice(kDisk, "vda", 3000, kMillisecond, 10'000);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(ResourceTest, WritersHeldBackByDirtyPagesAreTold) {
  machine_.AddWait(Add(10), {.cls = WAIT_disk,
                             .syscall = __NR_pwrite64,
                             .ns = 5 * kSecond,
                             .count = 100,
                             .kernel_frames = {"balance_dirty_pages", "generic_perform_write"}});
  EXPECT_THAT(machine_.Conditions(), ElementsAre("dirty-throttling"));
}

TEST_F(ResourceTest, ALongForkIsTold) {
  const ThreadKey thread = Add(10, "redis-server");
  machine_.AddRunning(thread, kSecond);
  machine_.AddCalls(thread, __NR_clone, 2, 300 * kMillisecond);
  EXPECT_THAT(machine_.Conditions(), ElementsAre("fork-stall"));
}

TEST_F(ResourceTest, WaitingForTheChildAfterwardsDoesNotExcuseTheFork) {
  const ThreadKey thread = Add(10);
  machine_.AddRunning(thread, 650 * kMillisecond);
  machine_.AddCalls(thread, __NR_clone, 20, 30 * kMillisecond);
  machine_.AddWait(
      thread, {.cls = WAIT_child, .syscall = __NR_wait4, .ns = 700 * kMillisecond, .count = 20});
  EXPECT_THAT(machine_.Conditions(), ElementsAre("fork-stall"));
}

TEST_F(ResourceTest, AVforkThatWaitsForItsChildIsNoForkStall) {
  const ThreadKey thread = Add(10);
  machine_.AddCalls(thread, __NR_clone, 20, 150 * kMillisecond);
  machine_.AddWait(
      thread, {.cls = WAIT_child, .syscall = __NR_clone, .ns = 2990 * kMillisecond, .count = 20});
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(ResourceTest, AForkThatStoodInLineForACpuCopiedNothing) {
  const ThreadKey thread = Add(10);
  machine_.AddRunning(thread, 20 * kMillisecond);
  machine_.AddRunnable(thread, kSecond, 100 * kMillisecond);
  machine_.AddCalls(thread, __NR_clone, 8, 120 * kMillisecond);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(ResourceTest, StartingProgramsQuicklyIsNoForkStall) {
  machine_.AddCalls(Add(10), __NR_clone, 200, kMillisecond);
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(ResourceTest, ATitleThatSaysWaitingIsADatabaseLock) {
  const ThreadKey backend = machine_.AddThread(30, 30, "postgres");
  machine_.AddWait(backend, {.cls = WAIT_poll, .syscall = __NR_epoll_wait, .ns = kWindow});
  machine_.snapshot().processes[30].command = "postgres: 15/main: app shop [local] UPDATE waiting";
  EXPECT_THAT(machine_.Conditions(), ElementsAre("database-lock"));
}

TEST_F(ResourceTest, SessionsThatWaitForRowsOfAnIdleTransactionAreADatabaseLock) {
  machine_.AddThread(30, 30, "mariadbd");
  for (uint32_t tid = 31; tid < 34; ++tid) {
    machine_.AddWait(
        machine_.AddThread(30, tid, "mariadbd"),
        {.cls = WAIT_lock,
         .syscall = __NR_futex,
         .ns = kWindow,
         .object = Futex(0x7000 + 64ULL * tid, kTimedOp),
         .user_frames = {"pthread_cond_timedwait", "", "handler::ha_rnd_next", "mysql_update"}});
  }
  const Findings findings = machine_.Diagnosed();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].condition, "database-lock");
  EXPECT_EQ(findings[0].threads.size(), 3u);
}

TEST_F(ResourceTest, AStandbyThatWaitsForANamedLockWaitsForNoRow) {
  machine_.AddThread(30, 30, "mariadbd");
  machine_.AddWait(machine_.AddThread(30, 31, "mariadbd"),
                   {.cls = WAIT_lock,
                    .syscall = __NR_futex,
                    .ns = kWindow,
                    .object = Futex(0x7000, kTimedOp),
                    .user_frames = {"pthread_cond_timedwait", "MDL_wait::timed_wait",
                                    "Item_func_get_lock::val_int"}});
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(ResourceTest, ASessionThatSleepsByItsOwnQueryWaitsForNoRow) {
  machine_.AddThread(30, 30, "mariadbd");
  machine_.AddWait(machine_.AddThread(30, 31, "mariadbd"),
                   {.cls = WAIT_lock,
                    .syscall = __NR_futex,
                    .ns = kWindow,
                    .object = Futex(0x7000, kTimedOp),
                    .user_frames = {"pthread_cond_timedwait", "Item_func_sleep::val_int"}});
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

TEST_F(ResourceTest, AnIdleBackendWaitsTheSameWayAndIsHealthy) {
  const ThreadKey backend = machine_.AddThread(30, 30, "postgres");
  machine_.AddWait(backend, {.cls = WAIT_poll, .syscall = __NR_epoll_wait, .ns = kWindow});
  machine_.snapshot().processes[30].command = "postgres: 15/main: app shop [local] idle";
  EXPECT_THAT(machine_.Conditions(), IsEmpty());
}

}  // namespace
}  // namespace waitscope
