/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The waits told in detail. A wait is chosen when it closes, since only then its length is known:
 * the waker's side at the waking, the sleeper's kernel stack at its switch-in, its user stack on
 * its way back to user mode.
 */
#ifndef WAITSCOPE_BPF_SAMPLES_H
#define WAITSCOPE_BPF_SAMPLES_H

#include "bpf/kernel_locks.bpf.h"
#include "bpf/objects.bpf.h"
#include "bpf/stacks.bpf.h"

/* A completion and the waking it causes are in one interrupt; nothing else is this close. */
#define SAME_INTERRUPT_NS 50000

probe_inline void note_request(struct waker_note *note, __u64 now)
{
	__u32 zero = 0;
	struct done_request *done = bpf_map_lookup_elem(&last_done, &zero);

	if (!done || now - done->at_ns > SAME_INTERRUPT_NS)
		return;
	note->request_dev = done->dev;
	note->request_bytes = done->bytes;
	note->request_queue_ns = done->queue_ns;
	note->request_device_ns = done->device_ns;
}

/* Captures the waker's stacks: it is `current`, in its own context, right now. */
probe_inline void note_waker_stacks(void *ctx, struct waker_note *note)
{
	struct irqoff_scratch *s = my_scratch();
	struct task_struct *waker = (void *)bpf_get_current_task();

	note->chosen = 1;
	note->start_ns = BPF_CORE_READ(waker, start_time);
	bpf_get_current_comm(note->comm, sizeof(note->comm));
	if (!s)
		return;
	note->kernel_stack = current_context_stack(ctx, &s->stack);
	if (note->context == WAKER_task && !(BPF_CORE_READ(waker, flags) & WS_PF_KTHREAD))
		note->user_stack = current_user_stack(ctx);
}

/*
 * An interrupt that hits user mode stays on the thread's own, empty, kernel stack (x86-64 since
 * v5.8, 931b94145981), where only the entry tells: it is not a system call.
 */
probe_inline int in_interrupt(void *ctx)
{
	struct user_regs regs = {};

	if (compat_in_interrupt(ctx))
		return 1;
	return compat_current_user_regs(&regs) && regs.syscall == -1;
}

probe_inline void note_waking(void *ctx, struct thread_record *r, __u64 now)
{
	struct waker_note *note = &r->waker;
	__u64 blocked = now - r->ledger.since_ns, period_ns = sampling_period(), cost;

	note->pid_tgid = bpf_get_current_pid_tgid();
	note->context = in_interrupt(ctx) ? WAKER_interrupt : WAKER_task;
	note->kernel_stack = 0;
	note->user_stack = 0;
	note->request_dev = 0;
	note->chosen = 0;
	if (!sample_chosen(blocked, period_ns, note->draw))
		return;
	if (note->context != WAKER_task)
		note_request(note, now);
	note_waker_stacks(ctx, note);
	cost = bpf_ktime_get_ns() - now;
	note->cost_ns = cost < 0xffff ? cost : 0xffff;
}

/* Whether it is told; as long as it would have lasted had it not been. */
probe_inline int wait_chosen(struct thread_record *r, struct closed_wait *wait)
{
	wait->on_ns = told_until(wait->off_ns, wait->wake_ns, wait->on_ns, wait->period_ns,
				 r->waker.cost_ns);
	return sample_chosen(wait->on_ns - wait->off_ns, wait->period_ns, r->waker.draw);
}

probe_inline void fill_waker(struct wait_event *e, const struct waker_note *note)
{
	e->waker_context = note->context;
	e->waker.pid = note->pid_tgid >> 32;
	e->waker.tid = (__u32)note->pid_tgid;
	e->waker.start_ns = 0;
	e->waker_kernel_stack = 0;
	e->waker_user_stack = 0;
	e->waker_comm[0] = 0;
	e->request_dev = 0;
	if (!note->chosen)
		return;
	e->waker.start_ns = note->start_ns;
	e->waker_kernel_stack = note->kernel_stack;
	e->waker_user_stack = note->user_stack;
	__builtin_memcpy(e->waker_comm, note->comm, WS_COMM_LEN);
	e->request_dev = note->request_dev;
	e->request_bytes = note->request_bytes;
	e->request_queue_ns = note->request_queue_ns;
	e->request_device_ns = note->request_device_ns;
}

probe_inline void fill_wait(struct thread_record *r, struct task_struct *task,
			    const struct closed_wait *wait)
{
	struct wait_event *e = &r->sample;

	e->hdr.kind = EVENT_wait;
	e->hdr.size = sizeof(*e);
	e->thread = r->self;
	bpf_probe_read_kernel_str(e->comm, sizeof(e->comm), task->comm);
	e->off_ns = wait->off_ns;
	e->wake_ns = wait->wake_ns;
	e->on_ns = wait->on_ns;
	e->period_ns = wait->period_ns;
	e->user_stack = 0;
	e->wait_class = wait->wait_class;
	e->preempted = wait->preempted;
	e->syscall = wait->syscall;
}

/* Everything but the user stack, of a thread that is about to run. */
probe_inline void describe_wait(struct thread_record *r, struct task_struct *task,
				const struct closed_wait *wait)
{
	struct wait_event *e = &r->sample;
	struct irqoff_scratch *s = my_scratch();
	struct user_regs regs = {};

	fill_wait(r, task, wait);
	e->kernel_stack = s ? sleeping_kernel_stack(task, &s->stack) : 0;
	if (wait->preempted) {
		__builtin_memset(&e->object, 0, sizeof(e->object));
		fill_waker(e, &r->waker);
		e->waker_context = WAKER_self;
		e->waker.pid = e->waker.tid = 0;
		return;
	}
	fill_waker(e, &r->waker);
	if (waits_for_kernel_lock(r, task)) {
		describe_kernel_lock(&e->object, &r->lock);
		return;
	}
	if (wait->syscall >= 0)
		compat_user_regs(task, &regs);
	describe_object(&e->object, task, wait->syscall, &regs, r->polled,
			wait->on_ns - wait->off_ns);
}

probe_inline void emit_sample(struct thread_record *r, __u64 user_stack)
{
	r->sample.user_stack = user_stack;
	if (bpf_ringbuf_output(&events, &r->sample, sizeof(r->sample), submit_flags()))
		lose(LOST_ring_full);
	ledger_barrier();
	r->pending = SAMPLE_none;
}

/* False, and counted, when the room for it is taken by a sample that is not told yet: its hook was
 * preempted or skipped. */
probe_inline int may_describe(struct thread_record *r)
{
	if (r->pending == SAMPLE_none)
		return 1;
	lose(LOST_recursion);
	return 0;
}

/* A wait whose end nobody saw: the thread has run since, so its stacks tell nothing of it. */
probe_inline void emit_bare_sample(struct thread_record *r, struct task_struct *task,
				   const struct closed_wait *wait)
{
	struct wait_event *e = &r->sample;

	fill_wait(r, task, wait);
	fill_waker(e, &r->waker);
	e->kernel_stack = 0;
	__builtin_memset(&e->object, 0, sizeof(e->object));
	emit_sample(r, 0);
}

probe_inline int takes_late_stack(struct task_struct *task)
{
	return cfg.late_hook && compat_has_rseq(task);
}

/* The late hook does something only for the thread named here. */
probe_inline void expect_late_hook(struct task_struct *task)
{
	__u32 zero = 0, *here = bpf_map_lookup_elem(&pending_here, &zero);

	if (here)
		*here = task->pid;
}

/* Whether the user stack of `current` is still that of the wait its sample tells. It is not when
 * the kernel skipped the late hook and the thread has been in user mode, or in a new program,
 * since. */
probe_inline int keeps_stack(const struct thread_record *r)
{
	struct user_frame frame = {};
	struct kernel_entry now;

	compat_current_frame(&frame);
	now = entry_of(&frame);
	return same_entry(&r->entry, &now);
}

/* Instead of a stack that is another's by now. Interrupts off. */
probe_inline __u64 replaced_stack(const struct thread_record *r)
{
	if (cfg.unwind && unwind_is_exec_call(r->sample.syscall))
		return exec_stack(SLOT_IRQOFF);
	lose_user_stack();
	return 0;
}

probe_inline void note_entry(struct thread_record *r, struct task_struct *task)
{
	struct user_frame frame = {};

	compat_frame_of(task, &frame);
	r->entry = entry_of(&frame);
}

probe_inline __u64 early_stack(const struct thread_record *r, const struct closed_wait *wait)
{
	if (r->early_stack_ns >= wait->off_ns)
		return r->early_stack;
	lose(LOST_user_stack);
	return 0;
}

/* Emits the sample, or leaves it for the thread's way back to user mode. */
probe_inline void finish_or_defer(struct thread_record *r, struct task_struct *task,
				  const struct closed_wait *wait)
{
	if (task->flags & WS_PF_KTHREAD) {
		emit_sample(r, 0);
		return;
	}
	if (!takes_late_stack(task)) {
		emit_sample(r, early_stack(r, wait));
		return;
	}
	note_entry(r, task);
	r->pending = SAMPLE_waits;
	expect_late_hook(task);
}

#endif
