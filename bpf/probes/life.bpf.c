// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/* Births, programs and deaths of threads. */
#include "bpf/ledgers.bpf.h"
#include "bpf/stacks.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* At most one creator's stack per CPU in so long: a fork storm stays cheap. */
#define CREATOR_STACK_EVERY_NS 1000000

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} last_creator_stack SEC(".maps");

probe_inline __u64 sampled_creator_stack(void *ctx, __u64 now)
{
	__u32 zero = 0;
	__u64 *last = bpf_map_lookup_elem(&last_creator_stack, &zero);

	if (!last || now - *last < CREATOR_STACK_EVERY_NS)
		return 0;
	*last = now;
	return preemptible_user_stack(ctx);
}

probe_inline struct life_event *begin_life(struct task_struct *task, __u8 kind, __u64 now)
{
	struct life_event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e) {
		lose(LOST_ring_full);
		return NULL;
	}
	__builtin_memset(e, 0, sizeof(*e));
	e->hdr.kind = EVENT_life;
	e->hdr.size = sizeof(*e);
	e->at_ns = now;
	e->kind = kind;
	fill_ref(&e->thread, task);
	bpf_probe_read_kernel_str(e->comm, sizeof(e->comm), task->comm);
	e->cgroup_id = cgroup_id_of(task);
	return e;
}

probe_inline void open_at_birth(struct task_struct *task, __u64 now)
{
	struct thread_record *r = make_record(task);

	if (!r)
		return;
	fill_current(&r->creator);
	ledger_open(&r->ledger, now, THREAD_blocked, WAIT_other, -1);
}

probe_inline void tell_birth(void *ctx, struct task_struct *task, __u64 clone_flags, __u64 now)
{
	__u64 stack = sampled_creator_stack(ctx, now);
	struct life_event *e = begin_life(task, LIFE_fork, now);

	if (!e)
		return;
	fill_current(&e->creator);
	e->clone_flags = clone_flags;
	e->user_stack = stack;
	bpf_ringbuf_submit(e, submit_flags());
}

/* In copy_process, before the new thread can run: the place where its record is made. */
SEC("tp_btf/task_newtask")
int BPF_PROG(task_newtask, struct task_struct *task, u64 clone_flags)
{
	__u64 now = bpf_ktime_get_ns();

	open_at_birth(task, now);
	tell_birth(ctx, task, clone_flags, now);
	return 0;
}

/*
 * Still before the new thread can run. A creator that is preempted within the program above keeps
 * the kernel from running it for other creators on that CPU (bpf_prog::active, since v4.15): their
 * threads get their records here.
 */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(sched_process_fork, struct task_struct *parent, struct task_struct *child)
{
	__u64 now = bpf_ktime_get_ns();

	if (find_record(child))
		return 0;
	open_at_birth(child, now);
	tell_birth(ctx, child, 0, now);
	return 0;
}

/*
 * Loaded only where records lie in a hash by tid, which nothing empties by itself. In RCU's own
 * context, after the last switch-out: no run-queue lock is held.
 */
SEC("tp_btf/sched_process_free")
int BPF_PROG(forget_hashed_record, struct task_struct *task)
{
	__u32 tid = task->pid;

	if (hashed_record(task))
		bpf_map_delete_elem(&ledgers_by_tid, &tid);
	return 0;
}

/* The record of `current` under the tid it had before its exec. */
probe_inline struct thread_record *record_before_exec(struct task_struct *task, __u32 old_tid)
{
	if (cfg.task_storage)
		return find_record(task);
	return bpf_map_lookup_elem(&ledgers_by_tid, &old_tid);
}

probe_inline void tell_final(struct thread_record *r, struct task_struct *task, __u64 now)
{
	struct ledger_event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	ledger_dead(&r->ledger, now);
	if (!e) {
		lose(LOST_exit_detail);
		return;
	}
	fill_ledger_event(e, r, task, now);
	e->final = 1;
	__builtin_memcpy(&e->totals, &r->ledger, sizeof(e->totals));
	bpf_ringbuf_submit(e, submit_flags());
}

/*
 * A thread other than the leader that calls exec takes the leader's tid and start time
 * (de_thread(), since v2.6): the ledger under its own tid ends, the leader's goes on from here.
 */
probe_inline void take_leaders_place(struct task_struct *task, __u32 old_tid, __u64 now)
{
	struct thread_record *r = record_before_exec(task, old_tid);

	if (r)
		tell_final(r, task, now);
	if (!cfg.task_storage)
		bpf_map_delete_elem(&ledgers_by_tid, &old_tid);
	r = make_record(task);
	if (!r)
		return;
	fill_ref(&r->self, task);
	__builtin_memset(&r->creator, 0, sizeof(r->creator));
	r->ran_before_ns = r->ran_ns = task->se.sum_exec_runtime;
	r->delivered = 0;
	ledger_restart(&r->ledger, now);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(sched_process_exec, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 pid = task->tgid;
	struct life_event *e;

	/* Rules of the old program must not be used on the new one's stack. */
	bpf_map_delete_elem(&unwind_processes, &pid);
	if (old_pid != task->pid)
		take_leaders_place(task, old_pid, now);
	e = begin_life(task, LIFE_exec, now);
	if (!e)
		return 0;
	bpf_probe_read_kernel_str(e->filename, sizeof(e->filename), BPF_CORE_READ(bprm, filename));
	bpf_ringbuf_submit(e, submit_flags());
	return 0;
}

/* The thread still runs for a while after this; its totals come with its last switch-out. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(sched_process_exit, struct task_struct *task)
{
	struct life_event *e = begin_life(task, LIFE_exit, bpf_ktime_get_ns());

	if (!e)
		return 0;
	e->exit_code = task->exit_code;
	bpf_ringbuf_submit(e, submit_flags());
	return 0;
}
