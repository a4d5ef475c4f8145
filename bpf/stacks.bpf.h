/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Stacks by identity: a 64-bit hash of process and addresses, the addresses shipped once per
 * generation. A kernel stack map would drop the hottest stacks when buckets collide (36 % of
 * 1024 stacks in 1024 buckets).
 */
#ifndef WAITSCOPE_BPF_STACKS_H
#define WAITSCOPE_BPF_STACKS_H

#include "bpf/maps.bpf.h"

/* Multiply and fold, over one stack. Never 0, which means "no stack". */
probe_inline __u64 stack_hash(const struct stack_event *s)
{
	__u64 hash = 0x9e3779b97f4a7c15ULL ^ s->pid;
	__u32 i;

	for (i = 0; i < WS_STACK_DEPTH; i++) {
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

probe_inline void stack_header(struct stack_event *s, __u32 pid, long bytes)
{
	s->count = (__u32)bytes / sizeof(__u64);
	s->pid = pid;
	s->hdr.kind = EVENT_stack;
	s->hdr.size = offsetof(struct stack_event, addresses) + s->count * sizeof(__u64);
	s->id = stack_hash(s);
}

/* Ships a stack built in scratch, unless the agent has it. Returns its identity. */
probe_inline __u64 ship_scratch_stack(struct stack_event *s, __u32 pid, long bytes)
{
	__u64 size;

	stack_header(s, pid, bytes);
	if (stack_seen(s->id))
		return s->id;
	size = offsetof(struct stack_event, addresses) + (s->count & 127) * sizeof(__u64);
	if (bpf_ringbuf_output(&events, s, size, submit_flags())) {
		bpf_map_delete_elem(&seen_stacks, &s->id);
		lose(LOST_stack_ring_full);
	}
	return s->id;
}

/* Kernel stack of a thread that is not running. Interrupts off. */
probe_inline __u64 sleeping_kernel_stack(struct task_struct *task, struct stack_event *s)
{
	long bytes = bpf_get_task_stack(task, s->addresses, sizeof(s->addresses), 0);

	if (bytes <= 0) {
		lose(LOST_kernel_stack);
		return 0;
	}
	return ship_scratch_stack(s, 0, bytes);
}

/* A thread that is exiting has given up its memory: no user stack is not a loss. */
probe_inline void lose_user_stack(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	if (BPF_CORE_READ(task, mm))
		lose(LOST_user_stack);
}

/* Stack of `current`, kernel or (flags = BPF_F_USER_STACK) user. Interrupts off. */
probe_inline __u64 current_stack(void *ctx, struct stack_event *s, __u64 flags)
{
	__u32 pid = flags & BPF_F_USER_STACK ? bpf_get_current_pid_tgid() >> 32 : 0;
	long bytes = bpf_get_stack(ctx, s->addresses, sizeof(s->addresses), flags);

	if (bytes <= 0 && pid)
		lose_user_stack();
	else if (bytes <= 0)
		lose(LOST_kernel_stack);
	if (bytes <= 0)
		return 0;
	return ship_scratch_stack(s, pid, bytes);
}

/*
 * User stack of `current` in a hook that may be preempted: built in the ring buffer itself, since
 * per-CPU scratch could be overwritten by the thread that preempts this one.
 */
probe_inline __u64 preemptible_user_stack(void *ctx)
{
	struct stack_event *s = bpf_ringbuf_reserve(&events, sizeof(*s), 0);
	__u64 id;
	long bytes;

	if (!s) {
		lose(LOST_stack_ring_full);
		return 0;
	}
	bytes = bpf_get_stack(ctx, s->addresses, sizeof(s->addresses), BPF_F_USER_STACK);
	if (bytes <= 0) {
		bpf_ringbuf_discard(s, BPF_RB_NO_WAKEUP);
		lose_user_stack();
		return 0;
	}
	stack_header(s, bpf_get_current_pid_tgid() >> 32, bytes);
	id = s->id;
	if (stack_seen(id))
		bpf_ringbuf_discard(s, BPF_RB_NO_WAKEUP);
	else
		bpf_ringbuf_submit(s, submit_flags());
	return id;
}

#endif
