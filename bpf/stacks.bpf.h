/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Stacks by identity: a 64-bit hash of process, addresses and class, the addresses shipped once per
 * generation. A kernel stack map would drop the hottest stacks when buckets collide (36 % of
 * 1024 stacks in 1024 buckets).
 */
#ifndef WAITSCOPE_BPF_STACKS_H
#define WAITSCOPE_BPF_STACKS_H

#include "bpf/unwind/walk.bpf.h"

/* What the kernel walks itself ends here, unless a sysctl (perf_event_max_stack) says less. */
#define KERNEL_WALK_DEPTH 127

/* Raw stacks of one process: one in so long, and so many at once when there were none before. */
#define RAW_EVERY_NS	     20000000
#define RAW_AT_ONCE	     16

#define PYTHON_WAKE_EVERY_NS 10000000

/* Multiply and fold, over one stack. Never 0, which means "no stack". */
probe_inline __u64 stack_hash(const struct stack_event *s)
{
	__u64 hash = 0x9e3779b97f4a7c15ULL ^ s->pid;
	__u32 i;

	for (i = 0; i < KERNEL_WALK_DEPTH; i++) {
		if (i >= s->count)
			break;
		hash = (hash ^ s->addresses[i]) * 0xff51afd7ed558ccdULL;
		hash ^= hash >> 32;
	}
	return hash ? hash : 1;
}

/* True when the agent already has the addresses. Marks them as shipped otherwise. */
probe_inline int stack_seen(__u64 id)
{
	__u32 zero = 0, generation = 0, *seen;
	struct probe_control *c = bpf_map_lookup_elem(&control, &zero);

	if (c)
		generation = c->generation;
	seen = bpf_map_lookup_elem(&seen_stacks, &id);
	if (seen && *seen == generation)
		return 1;
	bpf_map_update_elem(&seen_stacks, &id, &generation, BPF_ANY);
	return 0;
}

/*
 * Python's names are in the process's memory, and many programs in Python are over soon: the agent
 * is woken for a new stack of one, but not for each of a crowd.
 */
probe_inline __u64 python_flags(void)
{
	__u32 zero = 0;
	__u64 now = bpf_ktime_get_ns(), *last = bpf_map_lookup_elem(&last_python_wake, &zero);

	if (!last || now - *last < PYTHON_WAKE_EVERY_NS)
		return submit_flags();
	*last = now;
	return BPF_RB_FORCE_WAKEUP;
}

/* Ships a stack that has its identity and its size, unless the agent has it. */
probe_inline void ship_stack(struct stack_event *s, int is_python)
{
	__u64 size = s->hdr.size;

	if (stack_seen(s->id))
		return;
	opaque(size);
	if (size > sizeof(*s))
		return;
	s->hdr.kind = EVENT_stack;
	if (bpf_ringbuf_output(&events, s, size, is_python ? python_flags() : submit_flags())) {
		bpf_map_delete_elem(&seen_stacks, &s->id);
		lose(LOST_stack_ring_full);
	}
}

/* The same for what the kernel walked. Returns its identity. */
probe_inline __u64 ship_walked_stack(struct stack_event *s, __u32 pid, long bytes)
{
	s->hdr.size = offsetof(struct stack_event, addresses) + (__u32)bytes;
	s->count = (__u32)bytes / sizeof(__u64);
	s->pid = pid;
	s->stack_class = pid ? UNWIND_CLASS_unverified : UNWIND_CLASS_none;
	s->stop = UNWIND_STOP_none;
	s->id = stack_hash(s);
	ship_stack(s, 0);
	return s->id;
}

/* Kernel stack of a thread that is not running. Interrupts off. */
probe_inline __u64 sleeping_kernel_stack(struct task_struct *task, struct stack_event *s)
{
	long bytes = bpf_get_task_stack(task, s->addresses, KERNEL_WALK_DEPTH * sizeof(__u64), 0);

	if (bytes <= 0) {
		lose(LOST_kernel_stack);
		return 0;
	}
	return ship_walked_stack(s, 0, bytes);
}

/*
 * Where an interrupt's own frames end. Below its entry lies what it interrupted, which has nothing
 * to do with it, and makes every such stack a new one.
 */
probe_inline long without_interrupted(const struct stack_event *s, long bytes)
{
	__u32 i, count = (__u32)bytes / sizeof(__u64);

	for (i = 0; i < KERNEL_WALK_DEPTH; i++) {
		if (i >= count)
			break;
		if (s->addresses[i] - cfg.interrupt_entry < cfg.interrupt_entry_bytes)
			return (i + 1) * sizeof(__u64);
	}
	return bytes;
}

probe_inline __u64 walk_current_kernel(void *ctx, struct stack_event *s, int interrupt)
{
	long bytes = bpf_get_stack(ctx, s->addresses, KERNEL_WALK_DEPTH * sizeof(__u64), 0);

	if (bytes <= 0) {
		lose(LOST_kernel_stack);
		return 0;
	}
	if (interrupt)
		bytes = without_interrupted(s, bytes);
	return ship_walked_stack(s, 0, bytes);
}

/* Kernel stack of `current`. Interrupts off. */
probe_inline __u64 current_kernel_stack(void *ctx, struct stack_event *s)
{
	return walk_current_kernel(ctx, s, 0);
}

/* The same of a tracepoint that may fire in an interrupt: only the interrupt's own part. */
probe_inline __u64 current_context_stack(void *ctx, struct stack_event *s)
{
	return walk_current_kernel(ctx, s, compat_in_interrupt(ctx));
}

/* A thread that is exiting has given up its memory: no user stack is not a loss. */
probe_inline void lose_user_stack(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	if (BPF_CORE_READ(task, mm))
		lose(LOST_user_stack);
}

probe_inline int may_ship_raw(__u32 pid)
{
	__u64 now = bpf_ktime_get_ns(), *paid = bpf_map_lookup_elem(&raw_allowance, &pid);
	__u64 until = now - RAW_AT_ONCE * RAW_EVERY_NS;

	if (paid && *paid > until)
		until = *paid;
	if (until > now)
		return 0;
	until += RAW_EVERY_NS;
	bpf_map_update_elem(&raw_allowance, &pid, &until, BPF_ANY);
	return 1;
}

probe_inline void fill_raw(struct raw_stack *raw, const struct unwind_slot *s)
{
	__u64 bytes = RAW_WINDOW_BYTES;

	raw->id = s->stack.id;
	raw->pid = s->stack.pid;
	raw->tid = (__u32)bpf_get_current_pid_tgid();
	raw->at_ns = bpf_ktime_get_ns();
	raw->pc = s->entry.ip;
	raw->sp = s->entry.sp;
	raw->bp = s->entry.bp;
	raw->bx = s->entry.bx;
	raw->di = s->entry.di;
	raw->ax = s->entry.ax;
	raw->orig_ax = s->entry.orig_ax;
	raw->stop = s->stack.stop;
	raw->python_words = s->python.words;
	if (raw->python_words)
		bpf_probe_read_kernel(raw->python, sizeof(raw->python),
				      &s->stack.addresses[s->stack.count]);
	if (s->stack_top > raw->sp && s->stack_top - raw->sp < bytes)
		bytes = s->stack_top - raw->sp;
	opaque(bytes);
	if (bytes > RAW_WINDOW_BYTES)
		bytes = RAW_WINDOW_BYTES;
	raw->window_bytes = bytes;
	if (!bpf_probe_read_user(raw->window, bytes, (void *)raw->sp))
		return;
	bytes = UNWIND_PAGE_BYTES - (raw->sp & (UNWIND_PAGE_BYTES - 1));
	raw->window_bytes = bytes;
	if (bpf_probe_read_user(raw->window, bytes, (void *)raw->sp))
		raw->window_bytes = 0;
}

/*
 * Hands what is needed to finish an incomplete stack to the agent's unwinder. The identity is then
 * this capture's alone: the same few addresses may begin many stacks. False: as it is will have to
 * do.
 */
probe_inline int ship_raw(struct unwind_slot *s)
{
	struct raw_stack *raw;

	if (s->stack.stack_class != UNWIND_CLASS_truncated || s->entry.cs != USER_CODE_64 ||
	    s->stack.stop == UNWIND_STOP_too_deep || !may_ship_raw(s->stack.pid))
		return 0;
	raw = bpf_ringbuf_reserve(&raw_stacks, sizeof(*raw), 0);
	if (!raw) {
		lose(LOST_raw_stack);
		return 0;
	}
	s->stack.id ^= (__u64)bpf_get_prandom_u32() << 32 | bpf_get_prandom_u32();
	fill_raw(raw, s);
	bpf_ringbuf_submit(raw, 0);
	return 1;
}

/* The user stack of `current` by unwind tables, in a slot that is the caller's. */
probe_function int ship_unwound_stack(__u32 number)
{
	struct unwind_slot *s = slot_at(number);

	if (!s || unwind_current(number))
		return 1;
	if (!ship_raw(s))
		ship_stack(&s->stack, s->python.words > 1);
	return 0;
}

/* For a wait in an execve that has brought a new program since, in a slot that is the caller's. */
probe_inline __u64 exec_stack(__u32 number)
{
	struct unwind_slot *s = slot_at(number);

	if (!s)
		return 0;
	s->stack.pid = bpf_get_current_pid_tgid() >> 32;
	become_exec(s);
	s->stack.id = s->hash ^ (__u64)UNWIND_CLASS_exec << 56;
	s->stack.hdr.size = offsetof(struct stack_event, addresses);
	ship_stack(&s->stack, 0);
	return s->stack.id;
}

probe_inline __u64 unwound_stack(__u32 number)
{
	struct unwind_slot *s;

	if (ship_unwound_stack(number))
		return 0;
	s = slot_at(number);
	return s ? s->stack.id : 0;
}

/* User stack of `current` as the kernel walks it, by frame pointers. */
probe_inline __u64 walked_user_stack(void *ctx, struct stack_event *s)
{
	long bytes = bpf_get_stack(ctx, s->addresses, KERNEL_WALK_DEPTH * sizeof(__u64),
				   BPF_F_USER_STACK);

	if (bytes <= 0) {
		lose_user_stack();
		return 0;
	}
	return ship_walked_stack(s, bpf_get_current_pid_tgid() >> 32, bytes);
}

probe_inline int current_has_memory(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return BPF_CORE_READ(task, mm) != NULL;
}

/* User stack of `current`, which is no kernel thread. Interrupts off. */
probe_inline __u64 current_user_stack(void *ctx)
{
	struct unwind_slot *s;

	if (!current_has_memory())
		return 0;
	if (cfg.unwind)
		return unwound_stack(SLOT_IRQOFF);
	s = slot_at(SLOT_IRQOFF);
	return s ? walked_user_stack(ctx, &s->stack) : 0;
}

/* User stack of `current` in a hook that may be interrupted or preempted. */
probe_inline __u64 preemptible_user_stack(void *ctx)
{
	__u32 number = current_has_memory() ? enter_slot() : 0;
	struct unwind_slot *s;
	__u64 id = 0;

	if (!number) {
		lose_user_stack();
		return 0;
	}
	s = slot_at(number);
	if (cfg.unwind)
		id = unwound_stack(number);
	else if (s)
		id = walked_user_stack(ctx, &s->stack);
	leave_slot(number);
	return id;
}

#endif
