#include "agent/core/refine.h"

#include <gmock/gmock.h>

namespace waitscope {
namespace {

using testing::SizeIs;

// Leaf first, as captured.
Stack StackOf(std::initializer_list<const char*> symbols) {
  Stack stack;
  for (const char* symbol : symbols) stack.frames.emplace_back().symbol = symbol;
  return stack;
}

const Stack kJournal = StackOf({"schedule", "jbd2_log_wait_commit", "ext4_sync_file"});
const Stack kLoopback = StackOf({"try_to_wake_up", "sock_def_readable", "tcp_rcv_established",
                                 "net_rx_action", "__do_softirq", "__local_bh_enable_ip",
                                 "tcp_sendmsg", "__x64_sys_sendto", "do_syscall_64"});
const Stack kFromNetworkCard =
    StackOf({"try_to_wake_up", "tcp_rcv_established", "net_rx_action", "handle_softirqs",
             "irq_exit_rcu", "common_interrupt", "asm_common_interrupt", "do_syscall_64"});
const Stack kTimer = StackOf({"try_to_wake_up", "hrtimer_wakeup", "hrtimer_interrupt",
                              "__sysvec_apic_timer_interrupt", "asm_sysvec_apic_timer_interrupt"});

TEST(RefineClass, NamesWaitsTheKernelSideHadNoWordFor) {
  EXPECT_EQ(RefineClass(WAIT_other, StackOf({"schedule", "pipe_read", "vfs_read"})), WAIT_pipe);
  EXPECT_EQ(RefineClass(WAIT_other, StackOf({"schedule", "rwsem_down_read_slowpath"})), WAIT_lock);
  EXPECT_EQ(RefineClass(WAIT_other, kJournal), WAIT_commit);
}

TEST(RefineClass, CorrectsDiskTimeThatIsTheJournals) {
  EXPECT_EQ(RefineClass(WAIT_disk, kJournal), WAIT_commit);
}

TEST(RefineClass, LeavesAClassThatFits) {
  EXPECT_EQ(RefineClass(WAIT_network, StackOf({"schedule", "__mutex_lock", "tcp_sendmsg"})),
            WAIT_network);
  EXPECT_EQ(RefineClass(WAIT_disk, StackOf({"io_schedule", "balance_dirty_pages"})), WAIT_disk);
  EXPECT_EQ(RefineClass(WAIT_other, StackOf({"schedule", "kthread"})), WAIT_other);
}

TEST(RefineClass, FrameNearestTheLeafDecides) {
  EXPECT_EQ(RefineClass(WAIT_other, StackOf({"schedule", "__mutex_lock", "pipe_read"})), WAIT_lock);
}

const Stack kPageFault = StackOf({"wake_up_q", "rwsem_wake", "up_read", "do_user_addr_fault",
                                  "exc_page_fault", "asm_exc_page_fault"});

TEST(RefineContext, TellsInterruptsApart) {
  EXPECT_EQ(RefineContext(WAKER_interrupt, kLoopback), WAKER_softirq);
  EXPECT_EQ(RefineContext(WAKER_interrupt, kFromNetworkCard), WAKER_softirq);
  EXPECT_EQ(RefineContext(WAKER_interrupt, kTimer), WAKER_hardirq);
  EXPECT_EQ(RefineContext(WAKER_interrupt, kPageFault), WAKER_task);
  EXPECT_EQ(RefineContext(WAKER_interrupt, Stack{}), WAKER_interrupt);
  EXPECT_EQ(RefineContext(WAKER_task, kTimer), WAKER_task);
}

TEST(RefineContext, OnlyTheSendersOwnCallMakesItTheWaker) {
  EXPECT_TRUE(RanInOwnCall(kLoopback));
  EXPECT_FALSE(RanInOwnCall(kFromNetworkCard));
  EXPECT_FALSE(RanInOwnCall(Stack{}));
}

class RefineSnapshot : public testing::Test {
 protected:
  SampleKey Sample(waker_context context, StackId waker_stack) {
    return {.thread = {1, 1, 1},
            .kernel_stack = 1,
            .waker = {50, 50, 1},
            .context = context,
            .waker_kernel_stack = waker_stack,
            .waker_user_stack = 99};
  }
  SampleKey OnlyKey() {
    Refine(snapshot_);
    return snapshot_.samples.begin()->first;
  }

  Snapshot snapshot_{};
};

TEST_F(RefineSnapshot, BystanderOfAnInterruptIsNotBlamed) {
  snapshot_.stacks[3] = kFromNetworkCard;
  snapshot_.samples[Sample(WAKER_interrupt, 3)].ns = 10;
  const SampleKey key = OnlyKey();
  EXPECT_EQ(key.context, WAKER_softirq);
  EXPECT_EQ(key.waker, ThreadKey{});
  EXPECT_EQ(key.waker_user_stack, 0u);
}

TEST_F(RefineSnapshot, InterruptWithoutAStackNamesNobody) {
  snapshot_.samples[Sample(WAKER_interrupt, 0)].ns = 10;
  EXPECT_EQ(OnlyKey().waker, ThreadKey{});
}

TEST_F(RefineSnapshot, SenderOverLoopbackKeepsItsName) {
  snapshot_.stacks[3] = kLoopback;
  snapshot_.samples[Sample(WAKER_interrupt, 3)].ns = 10;
  EXPECT_EQ(OnlyKey().waker.pid, 50u);
}

TEST_F(RefineSnapshot, ThreadThatWakesFromItsPageFaultKeepsItsName) {
  snapshot_.stacks[3] = kPageFault;
  snapshot_.samples[Sample(WAKER_interrupt, 3)].ns = 10;
  const SampleKey key = OnlyKey();
  EXPECT_EQ(key.context, WAKER_task);
  EXPECT_EQ(key.waker.pid, 50u);
}

TEST_F(RefineSnapshot, TaskKeepsItsNameWithoutAStack) {
  snapshot_.samples[Sample(WAKER_task, 0)].ns = 10;
  EXPECT_EQ(OnlyKey().waker.pid, 50u);
}

TEST_F(RefineSnapshot, RowsThatBecomeEqualAddUp) {
  snapshot_.stacks[1] = kJournal;
  SampleKey key = Sample(WAKER_task, 0);
  for (const wait_class cls : {WAIT_other, WAIT_disk, WAIT_commit}) {
    key.cls = cls;
    snapshot_.samples[key].ns = 10;
  }
  EXPECT_EQ(OnlyKey().cls, WAIT_commit);
  ASSERT_THAT(snapshot_.samples, SizeIs(1));
  EXPECT_EQ(snapshot_.samples.begin()->second.ns, 30);
}

TEST(TrimProbeFrames, TakesOnlyOurOwnFramesOffTheLeaf) {
  Stack stack{.frames = {{.symbol = "bpf_prog_c25578_sched_waking", .module = "[bpf]"},
                         {.symbol = "bpf_trace_run1"},
                         {.symbol = "__traceiter_sched_waking"},
                         {.symbol = "try_to_wake_up"},
                         {.symbol = "bpf_trace_run1"}}};
  TrimProbeFrames(stack);
  ASSERT_THAT(stack.frames, SizeIs(2));
  EXPECT_EQ(stack.frames[0].symbol, "try_to_wake_up");
}

}  // namespace
}  // namespace waitscope
