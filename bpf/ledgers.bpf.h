/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* A thread's record: made outside the scheduler's hooks, told through ledger events. */
#ifndef WAITSCOPE_BPF_LEDGERS_H
#define WAITSCOPE_BPF_LEDGERS_H

#include "bpf/maps.bpf.h"

/* Zeros, to create an entry of the hash fallback from: a record is too big for the stack. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct thread_record);
} blank_record SEC(".maps");

probe_inline struct thread_record *create_hashed_record(struct task_struct *task)
{
	__u32 tid = task->pid, zero = 0;
	struct thread_record *blank = bpf_map_lookup_elem(&blank_record, &zero);

	if (!blank)
		return NULL;
	bpf_map_update_elem(&ledgers_by_tid, &tid, blank, BPF_ANY);
	return bpf_map_lookup_elem(&ledgers_by_tid, &tid);
}

/*
 * One draw decides all of a wait: whether it is told, and its stacks that are taken before. It is
 * made before the wait can be seen: from then on the note is the waker's.
 */
probe_inline void draw_anew(struct waker_note *note)
{
	note->draw = bpf_get_prandom_u32();
	note->chosen = 0;
	note->cost_ns = 0;
	note->context = WAKER_none;
}

/* Finds or makes the record. It may allocate, so never under a run-queue lock. */
probe_inline struct thread_record *make_record(struct task_struct *task)
{
	struct thread_record *r = find_record(task);

	if (r)
		return r;
	if (cfg.task_storage)
		r = bpf_task_storage_get(&ledgers, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	else
		r = create_hashed_record(task);
	if (!r) {
		lose(LOST_ledger_create);
		return NULL;
	}
	fill_ref(&r->self, task);
	draw_anew(&r->waker);
	return r;
}

probe_inline __u64 cgroup_id_of(struct task_struct *task)
{
	return task->cgroups->dfl_cgrp->kn->id;
}

/* Everything of the event but the totals, the open wait's stack and its object. */
probe_inline void fill_ledger_event(struct ledger_event *e, struct thread_record *r,
				    struct task_struct *task, __u64 now)
{
	e->hdr.kind = EVENT_ledger;
	e->hdr.size = sizeof(*e);
	e->thread = r->self;
	e->creator = r->creator;
	bpf_probe_read_kernel_str(e->comm, sizeof(e->comm), task->comm);
	e->at_ns = now;
	e->cgroup_id = cgroup_id_of(task);
	e->kernel_stack = 0;
	e->user_stack = 0;
	e->kernel_runtime_ns = task->se.sum_exec_runtime - r->ran_before_ns;
	e->parent_pid = task->real_parent->tgid;
	e->final = 0;
	e->kernel_thread = !!(task->flags & 0x200000); /* PF_KTHREAD */
	e->pad = 0;
	__builtin_memset(&e->object, 0, sizeof(e->object));
}

#endif
