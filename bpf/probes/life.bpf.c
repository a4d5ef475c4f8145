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

/* In the hash fallback the record lies under the number that the thread had. */
probe_inline struct thread_record *record_of_former(struct task_struct *task, __u32 old_tid)
{
	__u32 tid = task->pid;
	struct thread_record *r;

	if (cfg.task_storage)
		return find_record(task);
	r = bpf_map_lookup_elem(&ledgers_by_tid, &old_tid);
	if (!r || r->self.pid != (__u32)task->tgid)
		return NULL;
	bpf_map_update_elem(&ledgers_by_tid, &tid, r, BPF_ANY);
	bpf_map_delete_elem(&ledgers_by_tid, &old_tid);
	return bpf_map_lookup_elem(&ledgers_by_tid, &tid);
}

probe_inline void tell_former(struct thread_record *r, struct task_struct *task, __u64 now)
{
	struct ledger_event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e) {
		lose(LOST_exit_detail);
		return;
	}
	fill_ledger_event(e, r, task, now);
	__builtin_memcpy(&e->totals, &r->ledger, sizeof(e->totals));
	ledger_dead(&e->totals, now);
	e->final = 1;
	bpf_ringbuf_submit(e, submit_flags());
}

/*
 * execve by another thread than the first: all others end, and the kernel gives the caller the
 * first one's number and start (de_thread). The caller's own ledger ends here, and one of the first
 * thread's begins.
 */
probe_inline void become_first_thread(struct task_struct *task, __u32 old_tid, __u64 now)
{
	struct thread_record *r = record_of_former(task, old_tid);

	if (!r)
		return;
	if (r->ledger.state == THREAD_running)
		tell_former(r, task, now);
	fill_ref(&r->self, task);
	r->ran_ns = task->se.sum_exec_runtime;
	ledger_restart(&r->ledger, now);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(sched_process_exec, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	__u32 pid = task->tgid;
	struct life_event *e;
	__u64 now = bpf_ktime_get_ns();

	if (old_pid != task->pid)
		become_first_thread(task, old_pid, now);
	/* Rules of the old program must not be used on the new one's stack. */
	bpf_map_delete_elem(&unwind_processes, &pid);
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
