// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/* The scheduler's hooks: every thread's ledger, and the waits worth telling. */
#include "bpf/ledgers.bpf.h"
#include "bpf/samples.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* A thread older than the agent enters with what the iterator saw of it, or, when the iterator is
 * looking at it right now, with this moment. */
probe_inline void adopt_seed(struct thread_record *r, __u64 now)
{
	if (r->ledger.state != THREAD_unknown)
		return;
	if (r->seed_ns)
		ledger_open(&r->ledger, r->seed_ns, r->seed_state, r->seed_class, r->seed_syscall);
	else
		ledger_open(&r->ledger, now, THREAD_running, WAIT_other, -1);
	r->ledger.seeded = 1;
	r->ledger.open_seeded = 1;
}

/*
 * Threads without rseq have no hook between waking up and user mode. Their user stack is taken
 * here, since nobody knows yet how long the wait will be.
 */
probe_inline void take_early_stack(void *ctx, struct thread_record *r, struct task_struct *task,
				   __u64 now)
{
	if (task->flags & WS_PF_KTHREAD || takes_late_stack(task))
		return;
	if (!early_stack_due(&r->early_spent_ns, now, sampling_period(), r->waker.draw))
		return;
	r->early_stack = current_user_stack(ctx);
	r->early_stack_ns = now;
}

probe_inline void account_blocked(void *ctx, struct thread_record *r, struct task_struct *task,
				  __u64 now)
{
	struct wait_facts facts = {};
	struct user_regs regs = {};

	gather_wait_facts(&facts, task, &regs);
	draw_anew(&r->waker);
	ledger_blocked(&r->ledger, now, wait_class_of(&facts), facts.syscall);
	r->polled = polled_descriptor(facts.syscall, &regs);
	take_early_stack(ctx, r, task, now);
}

probe_inline void account_preempted(void *ctx, struct thread_record *r, struct task_struct *task,
				    __u64 now)
{
	draw_anew(&r->waker);
	ledger_preempted(&r->ledger, now);
	take_early_stack(ctx, r, task, now);
}

/*
 * The thread leaves its CPU again without the late hook: it has not been in user mode since its
 * wait, so its user stack is still the one it waited with, or the kernel skipped the hook.
 */
probe_inline void finish_in_kernel(void *ctx, struct thread_record *r, __u32 state)
{
	if (state & WS_TASK_DEAD) /* exiting: there is no user stack any more */
		emit_sample(r, 0);
	else if (keeps_stack(r))
		emit_sample(r, current_user_stack(ctx));
	else
		emit_sample(r, replaced_stack(r));
}

/* The thread's last switch-out: its totals go to the mailbox, or to the ring when that is full. */
probe_inline void account_dead(struct thread_record *r, struct task_struct *task, __u64 now)
{
	struct irqoff_scratch *s = my_scratch();
	struct dead_key key = {.start_ns = r->self.start_ns, .tid = r->self.tid};
	struct ledger_event *e;

	ledger_dead(&r->ledger, now);
	if (!s)
		return;
	e = &s->ledger;
	fill_ledger_event(e, r, task, now);
	e->final = 1;
	__builtin_memcpy(&e->totals, &r->ledger, sizeof(e->totals));
	r->delivered = 1;
	if (!bpf_map_update_elem(&dead, &key, e, BPF_ANY))
		return;
	if (bpf_ringbuf_output(&events, e, sizeof(*e), submit_flags())) {
		r->delivered = 0; /* the iterator may still meet it, as a zombie */
		lose(LOST_exit_detail);
	}
}

/*
 * Kernels skip a tracepoint now and then: 6.18 on the reference machine loses some of the events
 * that fire in the idle thread, about one a second. The scheduler's own counts tell what happened.
 */
probe_inline void recover_switch_in(struct thread_record *r, struct task_struct *task, __u64 now)
{
	struct closed_wait wait = {.period_ns = sampling_period()};

	if (r->ledger.state == THREAD_running || r->ledger.state == THREAD_unknown)
		return;
	lose(LOST_state_mismatch);
	ledger_recover_switch_in(&r->ledger, now, task->se.sum_exec_runtime - r->ran_ns,
				 current_epoch(), &wait);
	if (wait.closed && task->tgid != cfg.agent_pid && wait_chosen(r, &wait) && may_describe(r))
		emit_bare_sample(r, task, &wait);
}

probe_inline void recover_switch_out(struct thread_record *r, struct task_struct *task, __u64 now)
{
	if (r->ledger.state != THREAD_running)
		return;
	lose(LOST_state_mismatch);
	draw_anew(&r->waker);
	ledger_recover_switch_out(&r->ledger, now, task->se.sum_exec_runtime - r->ran_ns);
}

probe_inline void recover_waking(struct thread_record *r, struct task_struct *task, __u64 now)
{
	__u64 queued_ns;

	if (r->ledger.state != THREAD_blocked || ledger_wake_time(&r->ledger))
		return;
	queued_ns = compat_queued_ns(task);
	if (!queued_ns || queued_ns > now - r->ledger.since_ns)
		return;
	lose(LOST_state_mismatch);
	ledger_waking(&r->ledger, now - queued_ns);
}

/*
 * Called with the run-queue lock held. From v5.18 to v6.14 `state` is still the sleeping one when
 * a pending signal kept the thread runnable; its own field then says 0.
 */
probe_inline void leave_cpu(void *ctx, struct task_struct *prev, int preempted, __u32 state,
			    __u64 now)
{
	struct thread_record *r = find_record(prev);

	if (!r) {
		lose_thread(prev);
		return;
	}
	adopt_seed(r, now);
	recover_switch_in(r, prev, now);
	if (r->pending == SAMPLE_waits)
		finish_in_kernel(ctx, r, state);
	if (state & WS_TASK_DEAD)
		account_dead(r, prev, now);
	else if (still_runnable(preempted, state) || !compat_task_state(prev))
		account_preempted(ctx, r, prev, now);
	else
		account_blocked(ctx, r, prev, now);
	r->ran_ns = prev->se.sum_exec_runtime;
}

probe_inline void enter_cpu(struct task_struct *next, __u64 now)
{
	struct thread_record *r = find_record(next);
	struct closed_wait wait = {.period_ns = sampling_period()};

	if (!r) {
		lose_thread(next);
		expect_late_hook(next);
		return;
	}
	adopt_seed(r, now);
	recover_switch_out(r, next, now);
	recover_waking(r, next, now);
	ledger_switch_in(&r->ledger, now, current_epoch(), &wait);
	if (!wait.closed || next->tgid == cfg.agent_pid)
		return;
	if (!wait.wake_ns)
		lose(LOST_unsplit);
	if (!wait_chosen(r, &wait) || !may_describe(r))
		return;
	describe_wait(r, next, &wait);
	finish_or_defer(r, next, &wait);
}

probe_inline void on_switch(void *ctx, int preempted, struct task_struct *prev,
			    struct task_struct *next, __u32 state)
{
	__u64 now = bpf_ktime_get_ns();

	if (prev->pid) /* 0: the idle threads, one a CPU */
		leave_cpu(ctx, prev, preempted, state, now);
	if (next->pid)
		enter_cpu(next, now);
}

/* v5.18 (fa2c3254d7cf) hands over the state as it was when the scheduler decided. */
SEC("tp_btf/sched_switch")
int BPF_PROG(sched_switch, bool preempted, struct task_struct *prev, struct task_struct *next,
	     unsigned int prev_state)
{
	on_switch(ctx, preempted, prev, next, prev_state);
	return 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(sched_switch_v5_10, bool preempted, struct task_struct *prev, struct task_struct *next)
{
	on_switch(ctx, preempted, prev, next, compat_task_state(prev));
	return 0;
}

/* sched_waking, not sched_wakeup: only the former runs in the waker's context. */
SEC("tp_btf/sched_waking")
int BPF_PROG(sched_waking, struct task_struct *task)
{
	struct thread_record *r = find_record(task);
	__u64 now;

	if (!r)
		return 0;
	now = bpf_ktime_get_ns();
	if (r->ledger.state == THREAD_blocked && r->ledger.wake_ns >= r->ledger.since_ns)
		return 0;
	ledger_waking(&r->ledger, now);
	/* One that has not left its CPU yet has waited for nothing. */
	if (r->ledger.state == THREAD_blocked && task->tgid != cfg.agent_pid)
		note_waking(ctx, r, now);
	return 0;
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(sched_wakeup_new, struct task_struct *task)
{
	struct thread_record *r = find_record(task);

	if (r)
		ledger_first_wakeup(&r->ledger, bpf_ktime_get_ns());
	return 0;
}

/* A thread that neither a birth nor the iterator made known: here allocating is safe. */
probe_inline void adopt_running(struct task_struct *task)
{
	struct thread_record *r = make_record(task);

	if (!r)
		return;
	r->ran_ns = task->se.sum_exec_runtime;
	ledger_open(&r->ledger, bpf_ktime_get_ns(), THREAD_running, WAIT_other, -1);
	r->ledger.seeded = 1;
	r->ledger.open_seeded = 1;
}

/*
 * The kernel updates a thread's restartable-sequence area on its way back to user mode after
 * every switch: the thread is current, its user stack is as it was when it blocked.
 */
SEC("tp_btf/rseq_update")
int BPF_PROG(rseq_update, struct task_struct *task)
{
	__u32 zero = 0, *here = bpf_map_lookup_elem(&pending_here, &zero);
	struct thread_record *r;

	if (!here || *here != (__u32)task->pid)
		return 0;
	*here = 0;
	r = find_record(task);
	if (!r)
		adopt_running(task);
	if (!r || r->pending != SAMPLE_waits)
		return 0;
	if (!keeps_stack(r)) /* this is not the first time since: its next switch-out finishes it */
		return 0;
	r->pending = SAMPLE_told;
	emit_sample(r, preemptible_user_stack(ctx));
	return 0;
}
