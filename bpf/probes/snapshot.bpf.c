// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * The task iterator: every thread's ledger as it is now, and what open waits wait for. It also
 * makes the records of threads older than the agent, so that the scheduler's hooks never allocate.
 */
#include "bpf/kernel_locks.bpf.h"
#include "bpf/ledgers.bpf.h"
#include "bpf/objects.bpf.h"
#include "bpf/stacks.bpf.h"
#include "bpf/unwind/capture.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* One reader at a time: the agent's ingest thread. */
struct snapshot_scratch {
	struct ledger_event event;
	struct stack_event stack;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct snapshot_scratch);
} snapshot_scratch SEC(".maps");

#define READ_TRIES 16

probe_inline void seed_record(struct thread_record *r, struct task_struct *task)
{
	struct wait_facts facts = {};
	struct user_regs regs = {};
	__u32 state = compat_task_state(task);

	r->seed_syscall = -1;
	r->ran_ns = task->se.sum_exec_runtime;
	if (BPF_CORE_READ_BITFIELD(task, on_cpu)) { /* no plain int in v7.3 */
		r->seed_state = THREAD_running;
	} else if (!state) {
		r->seed_state = THREAD_preempted;
	} else {
		gather_wait_facts(&facts, task, &regs);
		r->seed_state = THREAD_blocked;
		r->seed_class = wait_class_of(&facts);
		r->seed_syscall = facts.syscall;
	}
	ledger_barrier();
	r->seed_ns = bpf_ktime_get_ns();
}

/* Copies a ledger that hooks on other CPUs may be writing. False when it never held still. */
probe_inline int read_ledger(struct ledger_event *e, const struct ledger *l)
{
	__u32 seq;
	int i;

	for (i = 0; i < READ_TRIES; i++) {
		seq = *(volatile const __u32 *)&l->seq;
		ledger_barrier();
		__builtin_memcpy(&e->totals, l, sizeof(e->totals));
		e->at_ns = bpf_ktime_get_ns();
		ledger_barrier();
		if (!(seq & 1) && seq == *(volatile const __u32 *)&l->seq)
			return 1;
	}
	return 0;
}

/* A thread that no hook has met yet is as the iterator first saw it. */
probe_inline void apply_seed(struct ledger_event *e, const struct thread_record *r)
{
	if (e->totals.state != THREAD_unknown)
		return;
	e->totals.state = r->seed_state;
	e->totals.wait_class = r->seed_class;
	e->totals.open_syscall = r->seed_syscall;
	e->totals.born_ns = r->seed_ns;
	e->totals.since_ns = r->seed_ns;
	e->totals.seeded = 1;
	e->totals.open_seeded = 1;
}

probe_inline void describe_open_wait(struct ledger_event *e, struct stack_event *stack,
				     struct task_struct *task, const struct thread_record *r)
{
	struct user_regs regs = {};
	int syscall = e->totals.open_syscall;

	if (e->totals.state != THREAD_blocked)
		return;
	if (!e->totals.open_seeded && e->at_ns - e->totals.since_ns < cfg.period_ns)
		return;
	e->kernel_stack = sleeping_kernel_stack(task, stack);
	if (waits_for_kernel_lock(r, task)) {
		describe_kernel_lock(&e->object, &r->lock);
		return;
	}
	if (syscall >= 0)
		compat_user_regs(task, &regs);
	describe_object(&e->object, task, syscall, &regs, r->polled, e->at_ns - e->totals.since_ns);
}

SEC("iter/task")
int snapshot_ledgers(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct snapshot_scratch *s;
	struct thread_record *r;
	__u32 zero = 0;

	if (!task)
		return 0;
	s = bpf_map_lookup_elem(&snapshot_scratch, &zero);
	r = make_record(task);
	if (!s || !r || r->delivered)
		return 0;
	if (!r->seed_ns && r->ledger.state == THREAD_unknown)
		seed_record(r, task);
	fill_ledger_event(&s->event, r, task, 0);
	if (!read_ledger(&s->event, &r->ledger)) {
		lose(LOST_ledger_torn);
		return 0;
	}
	apply_seed(&s->event, r);
	s->event.final = s->event.totals.state == THREAD_dead; /* a zombie whose mailbox was full */
	describe_open_wait(&s->event, &s->stack, task, r);
	/* A record that no longer fits the reader's page is asked for again. */
	if (!bpf_seq_write(ctx->meta->seq, &s->event, sizeof(s->event)) && s->event.final)
		r->delivered = 1;
	return 0;
}

/* Since when, as the ledger tells it; 0 when it does not wait, or not for long. */
probe_inline __u64 waiting_since(const struct thread_record *r)
{
	__u64 since = r->ledger.since_ns;
	__u8 state = r->ledger.state;

	if (state == THREAD_unknown) {
		since = r->seed_ns;
		state = r->seed_state;
	}
	if (state != THREAD_blocked || bpf_ktime_get_ns() - since < WAITING_LONG_NS)
		return 0;
	return since;
}

/* What the agent needs to read the user stacks of waits that are far from their end. */
SEC("iter/task")
int list_waiting(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct waiting_thread waiting = {};
	struct user_frame frame = {};
	struct thread_record *r;

	if (!task || task->flags & WS_PF_KTHREAD)
		return 0;
	r = find_record(task);
	if (!r)
		return 0;
	waiting.since_ns = waiting_since(r);
	if (!waiting.since_ns)
		return 0;
	compat_frame_of(task, &frame);
	waiting.thread = r->self;
	waiting.pc = frame.ip;
	waiting.sp = frame.sp;
	waiting.bp = frame.bp;
	waiting.bx = frame.bx;
	waiting.di = frame.di;
	waiting.ax = frame.ax;
	waiting.orig_ax = frame.orig_ax;
	bpf_seq_write(ctx->meta->seq, &waiting, sizeof(waiting));
	return 0;
}
