/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The maps, declared in every object that uses them; the agent creates each once and hands the
 * same one to all objects, by name.
 */
#ifndef WAITSCOPE_BPF_MAPS_H
#define WAITSCOPE_BPF_MAPS_H

#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/config.h"
#include "bpf/events.h"
#include "bpf/ledger.h"
#include "bpf/sampling.h"
#include "bpf/totals.h"
#include "kernel-compat/compat.bpf.h"

/* What is known of an open wait's waker, and of a closed wait until its user stack is taken. */
struct waker_note {
	__u64 pid_tgid;
	__u64 kernel_stack;
	__u64 user_stack;
	__u64 start_ns;
	char comm[WS_COMM_LEN];
	__u32 draw;
	__u8 context;
	__u8 chosen;
	__u16 cost_ns; /* of taking the stacks, from the waking on; saturates */
	__u32 request_dev;
	__u32 request_bytes;
	__u64 request_queue_ns;
	__u64 request_device_ns;
};

/* Of a wait that was chosen. */
enum sample_state {
	SAMPLE_none = 0,
	SAMPLE_waits = 1, /* for its user stack */
	SAMPLE_told = 2,  /* right now, by a hook that may be preempted: hands off */
};

/* For the system-call programs, attached on demand. */
struct call_state {
	__u64 start_ns; /* of the thread, where these lie in a table by tid */
	__u64 enter_ns;
	__u64 poll_exit_ns;
	__s32 nr;
	__u32 polls; /* this call, for a descriptor at least */
};

/* The kernel lock that a thread stands in line for; written by itself alone. */
struct lock_note {
	struct kernel_lock_key key; /* its lock is 0 when there is none */
	__u64 since_ns;
	struct kernel_entry entry; /* that it came to the lock by; of no kernel thread */
};

/* Everything the kernel side keeps of one thread, in its task storage. */
struct thread_record {
	struct ledger ledger;
	struct waker_note waker;
	struct thread_ref creator;
	__u64 ran_ns;	     /* se.sum_exec_runtime at the last switch-out */
	__u64 ran_before_ns; /* the same when this life of the thread began, after an exec */
	/* What the iterator saw of a thread older than the agent; seed_ns is written last. */
	__u64 seed_ns;
	__s32 seed_syscall;
	__u8 seed_state;
	__u8 seed_class;
	__u8 pending;	/* enum sample_state of `sample` */
	__u8 delivered; /* the final ledger is on its way: nothing more to tell */
	/* Threads without rseq: the user stack of the wait that may follow. */
	__u64 early_stack;
	__u64 early_stack_ns;
	__u64 early_spent_ns; /* up to when what it may have is used up */
	struct call_state call;
	struct lock_note lock;
	struct kernel_entry entry; /* of the thread, when `sample` began to wait for its stack */
	__s32 polled; /* descriptor + 1, when the open wait is a poll for a single one */
	__u32 pad;
	struct wait_event sample;
	/* The thread may have another tid by now (exec); for the hash fallback also the guard
	 * against a reused one. */
	struct thread_ref self;
};

struct request_note {
	__u64 insert_ns;
	__u64 issue_ns;
	__u64 bytes_done; /* by completions of parts of it */
	struct thread_ref issuer;
	char comm[WS_COMM_LEN];
};

struct done_request {
	__u64 at_ns;
	__u64 queue_ns;
	__u64 device_ns;
	__u32 dev;
	__u32 bytes;
};

#define MAX_DEAD     4096
#define MAX_REQUESTS 10240
#define MAX_DEVICES  256
#define MAX_STACKS   16384
#define MAX_HASHED   32768

/* v5.12 (a10787e6d58c). */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread_record);
} ledgers SEC(".maps");

/* The fallback before that: of living threads, and of the dead until RCU frees them. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_HASHED);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct thread_record);
} ledgers_by_tid SEC(".maps");

/* Final ledgers, a mailbox that a full ring buffer cannot lose. Preallocated: filled in a hook
 * that holds the run-queue lock. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_DEAD);
	__type(key, struct dead_key);
	__type(value, struct ledger_event);
} dead SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LOST_REASON_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} losses SEC(".maps");

/* Stacks already shipped: id to generation. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_STACKS);
	__type(key, __u64);
	__type(value, __u32);
} seen_stacks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct probe_control);
} control SEC(".maps");

/* Room to build a record in hooks that run with interrupts off; one such hook at a time a CPU. */
struct irqoff_scratch {
	struct stack_event stack;
	struct ledger_event ledger;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct irqoff_scratch);
} scratch SEC(".maps");

/* The thread that came onto this CPU with a sample still waiting for its user stack. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} pending_here SEC(".maps");

/* The block request that completed last on this CPU: a waking in the same interrupt is due to it.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct done_request);
} last_done SEC(".maps");

const volatile struct probe_config cfg SEC(".rodata.cfg");

/* Threads met without a ledger, by tid: each is a loss once, not at every switch. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} unknown_threads SEC(".maps");

#define probe_inline static __always_inline

probe_inline void lose(__u32 reason)
{
	__u64 *count = bpf_map_lookup_elem(&losses, &reason);

	if (count)
		(*count)++;
}

probe_inline void lose_thread(struct task_struct *task)
{
	__u32 tid = task->pid;
	__u64 start_ns = task->start_time, *seen = bpf_map_lookup_elem(&unknown_threads, &tid);

	if (seen && *seen == start_ns)
		return;
	bpf_map_update_elem(&unknown_threads, &tid, &start_ns, BPF_ANY);
	lose(LOST_no_ledger);
}

probe_inline __u32 current_epoch(void)
{
	__u32 zero = 0;
	struct probe_control *c = bpf_map_lookup_elem(&control, &zero);

	return c ? c->epoch : 0;
}

/* T, as it is now. */
probe_inline __u64 sampling_period(void)
{
	__u32 zero = 0;
	struct probe_control *c = bpf_map_lookup_elem(&control, &zero);

	return c ? c->period_ns : cfg.period_ns;
}

probe_inline struct thread_record *hashed_record(struct task_struct *task)
{
	__u32 tid = task->pid;
	struct thread_record *r = bpf_map_lookup_elem(&ledgers_by_tid, &tid);

	/* An entry of a dead thread whose tid was reused is nobody's. */
	return r && r->self.start_ns == task->start_time ? r : NULL;
}

probe_inline struct irqoff_scratch *my_scratch(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&scratch, &zero);
}

/* The thread's record, or NULL. Never allocates: safe under the run-queue lock. */
probe_inline struct thread_record *find_record(struct task_struct *task)
{
	if (!cfg.task_storage)
		return hashed_record(task);
	return bpf_task_storage_get(&ledgers, task, 0, 0);
}

probe_inline void fill_ref(struct thread_ref *ref, struct task_struct *task)
{
	ref->pid = task->tgid;
	ref->tid = task->pid;
	ref->start_ns = task->start_time;
}

/* `current` where only its address is to be had without a helper of v5.11. */
probe_inline void fill_current(struct thread_ref *ref)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	__u64 id = bpf_get_current_pid_tgid();

	ref->pid = id >> 32;
	ref->tid = (__u32)id;
	ref->start_ns = BPF_CORE_READ(task, start_time);
}

/* Submitting never wakes the agent, which drains on a timer, unless much is waiting: a wakeup per
 * record would preempt the very threads being measured. */
probe_inline __u64 submit_flags(void)
{
	if (bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) > cfg.ring_wake_bytes)
		return BPF_RB_FORCE_WAKEUP;
	return BPF_RB_NO_WAKEUP;
}

#endif
