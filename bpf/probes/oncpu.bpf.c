// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/* What runs: one stack a tick of each CPU's clock. */
#include "bpf/stacks.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Its own: the timer may interrupt a hook that uses the other one (a thread that wakes itself). */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct stack_event);
} timer_scratch SEC(".maps");

/* Called from the CPU clock's timer, interrupts off. */
SEC("perf_event")
int oncpu_tick(struct bpf_perf_event_data *ctx)
{
	struct oncpu_event e = {.hdr = {EVENT_oncpu, sizeof(e)}};
	struct task_struct *task = (void *)bpf_get_current_task();
	__u32 zero = 0;
	struct stack_event *s = bpf_map_lookup_elem(&timer_scratch, &zero);

	if (!s || !(__u32)bpf_get_current_pid_tgid())
		return 0;
	fill_current(&e.thread);
	bpf_get_current_comm(e.comm, sizeof(e.comm));
	e.at_ns = bpf_ktime_get_ns();
	e.period_ns = cfg.cpu_period_ns;
	/* In user mode (an address in the lower half) there is no kernel stack: not a loss. */
	if ((__s64)PT_REGS_IP(&ctx->regs) < 0)
		e.kernel_stack = current_kernel_stack(ctx, s);
	if (!(BPF_CORE_READ(task, flags) & 0x200000)) /* PF_KTHREAD */
		e.user_stack = current_user_stack(ctx);
	if (bpf_ringbuf_output(&events, &e, sizeof(e), submit_flags()))
		lose(LOST_ring_full);
	return 0;
}
