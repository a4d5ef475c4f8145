/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The contract between the kernel side, the agent and recorded logs: one fixed-size struct per
 * record, padding explicit, sizes asserted. Times are CLOCK_MONOTONIC nanoseconds unless a name
 * says otherwise. Records are self-contained: their order does not matter.
 *
 * Change a struct and WS_SCHEMA_VERSION goes up; add fields at the end only.
 */
#ifndef WAITSCOPE_BPF_EVENTS_H
#define WAITSCOPE_BPF_EVENTS_H

#ifdef __BPF__
#include "vmlinux.h"
#else
#include <linux/types.h>
#endif

#include "bpf/histogram.h"
#include "bpf/lock_events.h"
#include "bpf/record.h"
#include "bpf/sides.h"
#include "bpf/stack_events.h"

#define WS_SCHEMA_VERSION 2
#define WS_COMM_LEN	  16
#define WS_NAME_LEN	  40

enum event_kind {
	EVENT_none = 0,
#define EVENT(kind, type) EVENT_##kind,
#include "bpf/events.def"
#undef EVENT
	EVENT_KIND_COUNT,
};

/* Append only: totals are arrays indexed by these, and logs keep the numbers. */
enum wait_class {
	WAIT_other = 0,	  /* blocked for a reason none of the rest names */
	WAIT_disk = 1,	  /* uninterruptible with in_iowait set */
	WAIT_network = 2, /* in a transfer on a socket */
	WAIT_lock = 3,	  /* futex, flock, semaphore: not proof of contention */
	WAIT_sleep = 4,	  /* nanosleep and its kin */
	WAIT_poll = 5,	  /* waiting for any event: epoll, poll, select, accept, sigwait, eventfd */
	WAIT_pipe = 6,	  /* in a transfer on a pipe, FIFO or terminal */
	WAIT_fault = 7,	  /* page fault: blocked outside a system call */
	WAIT_reclaim = 8, /* direct memory reclaim (PF_MEMALLOC) */
	WAIT_commit = 9,  /* inside fsync, fdatasync, sync, msync */
	WAIT_child = 10,  /* wait4, vfork, pthread_join */
	WAIT_CLASS_COUNT = 11,
};

enum thread_state {
	THREAD_unknown = 0,
	THREAD_running = 1,
	THREAD_woken = 2,     /* runnable since a wakeup */
	THREAD_preempted = 3, /* runnable since it lost the CPU */
	THREAD_blocked = 4,
	THREAD_dead = 5,
};

/*
 * Who ended a wait. An interrupt is its own waker, never the thread it interrupted. The kernel
 * side says task, interrupt or self; the agent tells interrupts apart by the waker's stack.
 */
enum waker_context {
	WAKER_none = 0, /* not seen */
	WAKER_task = 1,
	WAKER_softirq = 2,
	WAKER_hardirq = 3,
	WAKER_nmi = 4,
	WAKER_self = 5,	     /* preempted: nobody had to wake it */
	WAKER_interrupt = 6, /* a soft or a hard one */
};

enum object_kind {
	OBJECT_none = 0,
	OBJECT_file = 1,
	OBJECT_pipe = 2,
	OBJECT_socket = 3,
	OBJECT_futex = 4,
	OBJECT_anon = 5, /* eventfd, epoll, timerfd, inotify: the name says which */
	OBJECT_char = 6, /* terminal or other character device */
	OBJECT_block = 7,
	OBJECT_kernel_lock = 8,
};

enum life_kind {
	LIFE_fork = 1, /* a thread or process was created */
	LIFE_exec = 2,
	LIFE_exit = 3,
};

/* Why a fact was discarded. Append only. */
enum loss_reason {
	LOST_none = 0,
	LOST_ring_full = 1,	  /* a record did not fit in the ring buffer */
	LOST_stack_ring_full = 2, /* a stack's addresses did not fit; its frames are unknown */
	LOST_kernel_stack = 3,	  /* the kernel could not walk the kernel stack */
	LOST_user_stack = 4,	  /* no user stack: the hook was not passed, or the walk failed */
	LOST_no_ledger = 5,	  /* a thread (not a switch) had no ledger: it is not accounted */
	LOST_ledger_create = 6,	  /* no memory or room for a new thread's ledger */
	LOST_ledger_torn = 7,	  /* a snapshot could not read a ledger consistently */
	LOST_exit_detail = 8,	  /* an exited thread's last totals never reached the agent */
	LOST_unsplit = 9,	  /* a wait's wakeup was not seen: all of it charged as blocked */
	LOST_request_untracked = 10, /* a block request's issue or completion was not seen */
	LOST_recursion = 11,	     /* the kernel skipped a program (recursion_misses) */
	LOST_syscall_table = 12,     /* no room for a system call's totals */
	LOST_device_table = 13,	     /* no room for a block device's totals */
	LOST_stack_unresolved = 14,  /* a stack's addresses never reached the agent */
	LOST_state_mismatch = 15,    /* an event the kernel skipped was put back */
	LOST_raw_stack = 16,	/* an incomplete stack could not be handed over to be finished */
	LOST_unread_table = 17, /* no room for the age of unread requests */
	LOST_lock_table = 18,	/* no room for the waits at a kernel lock */
	LOST_REASON_COUNT = 19,
};

struct wait_object {
	__u8 kind;     /* enum object_kind */
	__u8 protocol; /* sockets: IPPROTO_*; kernel locks: enum kernel_lock_kind */
	__u16 family;  /* sockets: AF_*; kernel locks: enum kernel_lock_role */
	__s32 fd;      /* -1 when the wait is not on a descriptor */
	__u64 id;      /* inode number, or the address of the futex word or kernel lock */
	__u32 dev;     /* files: the file system's device, kernel encoding (major << 20 | minor) */
	__u32 futex_op;
	__u16 local_port; /* host byte order */
	__u16 peer_port;
	__u8 turn; /* enum object_turn */
	__u8 pad[3];
	__u8 local_addr[16]; /* IPv4 in the first four bytes */
	__u8 peer_addr[16];
	char name[WS_NAME_LEN]; /* last path component, or the anonymous inode's name */
};
WS_ASSERT_SIZE(wait_object, 104);

/* One off-CPU interval: off_ns <= wake_ns <= on_ns. */
struct wait_event {
	struct event_header hdr;
	struct thread_ref thread;
	char comm[WS_COMM_LEN];
	__u64 off_ns;
	__u64 wake_ns; /* equals off_ns when preempted, 0 when the wakeup was not seen */
	__u64 on_ns;
	__u64 period_ns; /* T: chosen with probability min(1, (on_ns - off_ns) / T); 0: always */
	__u64 kernel_stack;
	__u64 user_stack;
	struct thread_ref waker; /* current at the wakeup, whatever the context */
	char waker_comm[WS_COMM_LEN];
	__u64 waker_kernel_stack; /* 0 when not captured: see definitions, "waker stack" */
	__u64 waker_user_stack;
	__s32 syscall;	 /* number; -1 outside a system call; -2 kernel thread */
	__u8 wait_class; /* enum wait_class; of no meaning when preempted */
	__u8 preempted;
	__u8 waker_context; /* enum waker_context */
	__u8 pad;
	struct wait_object object;
	__u32 request_dev; /* block request whose completion ended the wait; 0 none */
	__u32 request_bytes;
	__u64 request_queue_ns;
	__u64 request_device_ns;
};
WS_ASSERT_SIZE(wait_event, 272);

struct oncpu_event {
	struct event_header hdr;
	struct thread_ref thread;
	char comm[WS_COMM_LEN];
	__u64 at_ns;
	__u64 period_ns; /* CPU time this sample stands for */
	__u64 kernel_stack;
	__u64 user_stack;
};
WS_ASSERT_SIZE(oncpu_event, 72);

/*
 * Monotone totals of one thread, exact: folded in the scheduler's own hooks.
 * running + woken + preempted + sum(blocked) + (now - since) = now - born, always.
 */
struct ledger {
	__u32 seq;	      /* odd while a hook writes; a reader retries */
	__u8 state;	      /* enum thread_state: the open state */
	__u8 wait_class;      /* of the open wait */
	__u8 seeded;	      /* was alive before the agent: born_ns is the seeding */
	__u8 open_seeded;     /* the open state began before born_ns, nobody knows when */
	__s32 open_syscall;   /* of the open wait; -1, -2 as in wait_event */
	__u32 runq_max_epoch; /* the window runq_max_ns belongs to */
	__u64 born_ns;
	__u64 since_ns; /* start of the open state */
	__u64 wake_ns;	/* last waking seen since the last switch-in; 0 none */
	__u64 running_ns;
	__u64 woken_ns;
	__u64 preempted_ns;
	__u64 blocked_ns[WAIT_CLASS_COUNT];
	__u64 blocked_count[WAIT_CLASS_COUNT];
	__u64 running_count; /* closed turns on a CPU */
	__u64 woken_count;
	__u64 preempted_count;
	__u64 unsplit_ns; /* part of blocked_ns whose wakeup was not seen */
	__u64 unsplit_count;
	__u64 runq_max_ns;
	__u32 runq[WS_HIST_BUCKETS]; /* run-queue latency, woken and preempted alike */
};
WS_ASSERT_SIZE(ledger, 288 + 4 * WS_HIST_BUCKETS);

struct ledger_event {
	struct event_header hdr;
	struct thread_ref thread;
	struct thread_ref creator; /* who made the thread; zero when older than the agent */
	char comm[WS_COMM_LEN];
	__u64 at_ns;		 /* when the totals were read; the open state counts up to here */
	__u64 cgroup_id;	 /* cgroup v2 id; 0 when there is none */
	__u64 kernel_stack;	 /* of a wait still open, when it is at least T old; else 0 */
	__u64 kernel_runtime_ns; /* se.sum_exec_runtime: the scheduler's own count, for checks */
	__u32 parent_pid;
	__u8 final; /* the thread is dead: no more will come */
	__u8 kernel_thread;
	__u16 pad;
	struct wait_object object; /* of a wait still open and at least T old */
	struct ledger totals;
	__u64 user_stack; /* of a wait long open, once the agent has read it; else 0 */
};
WS_ASSERT_SIZE(ledger_event, 208 + sizeof(struct ledger));

enum block_op {
	BLOCK_read = 0,
	BLOCK_write = 1,
	BLOCK_discard = 2,
	BLOCK_flush = 3,
	BLOCK_other = 4,
	BLOCK_OP_COUNT = 5,
};

enum block_flag {
	BLOCK_FLAG_sync = 1,
	BLOCK_FLAG_meta = 2,
	BLOCK_FLAG_fua = 4,
	BLOCK_FLAG_readahead = 8,
	BLOCK_FLAG_preflush = 16,
};

/* One request: queued at insert_ns, given to the device at issue_ns, done at complete_ns. */
struct block_event {
	struct event_header hdr;
	__u32 dev; /* major << 20 | minor, of the whole disk */
	__u8 op;   /* enum block_op */
	__u8 flags;
	__u16 error;
	__u64 sector;
	__u64 bytes;
	__u64 insert_ns;
	__u64 issue_ns;
	__u64 complete_ns;
	__u64 period_ns; /* chosen with probability min(1, (complete - insert) / T); 0: always */
	struct thread_ref issuer; /* current at insert: a kworker for buffered writes */
	char issuer_comm[WS_COMM_LEN];
};
WS_ASSERT_SIZE(block_event, 96);

/* Monotone totals of one whole disk; all of iostat's columns follow from two of these. */
struct device_op_totals {
	__u64 requests;
	__u64 bytes;
	__u64 queue_ns;	 /* insert to issue */
	__u64 device_ns; /* issue to completion */
};

struct device_event {
	struct event_header hdr;
	__u32 dev;
	__u32 in_flight;
	__u64 at_ns;
	__u64 busy_ns; /* time with at least one request in flight (issued, not completed) */
	__u64 errors;
	struct device_op_totals ops[BLOCK_OP_COUNT];
	__u32 queue_hist[WS_HIST_BUCKETS];
	__u32 read_hist[WS_HIST_BUCKETS];  /* device time of reads */
	__u32 write_hist[WS_HIST_BUCKETS]; /* device time of the rest */
};
WS_ASSERT_SIZE(device_event, 200 + 12 * WS_HIST_BUCKETS);

struct life_event {
	struct event_header hdr;
	__u64 at_ns;
	struct thread_ref thread;  /* the new, executing or dying thread */
	struct thread_ref creator; /* fork: who called clone */
	char comm[WS_COMM_LEN];
	__u64 cgroup_id;
	__u64 clone_flags;
	__u64 kernel_stack; /* fork: of the creator, sampled */
	__u64 user_stack;
	__s32 exit_code; /* exit: as in wait status */
	__u8 kind;	 /* enum life_kind */
	__u8 pad[3];
	char filename[64]; /* exec */
};
WS_ASSERT_SIZE(life_event, 168);

struct syscall_event {
	struct event_header hdr;
	struct thread_ref thread;
	__s32 syscall;
	__u32 pad;
	__u64 count;
	__u64 errors;
	__u64 total_ns;
	__u64 max_ns;
	__u32 hist[WS_HIST_BUCKETS];
};
WS_ASSERT_SIZE(syscall_event, 64 + 4 * WS_HIST_BUCKETS);

struct syscall_error_event {
	struct event_header hdr;
	__u32 pid;
	__s32 syscall;
	__s32 error; /* errno, positive */
	__u32 pad;
	__u64 count;
};
WS_ASSERT_SIZE(syscall_error_event, 32);

/* A thread's polling cadence: poll = inside epoll_wait and its kin, gap = between two of them. */
struct loop_event {
	struct event_header hdr;
	struct thread_ref thread;
	__u64 polls;
	__u64 ready; /* polls that returned at least one event */
	__u64 poll_ns;
	__u64 gap_ns;
	__u64 gap_max_ns;
	__u32 gap_hist[WS_HIST_BUCKETS];
};
WS_ASSERT_SIZE(loop_event, 64 + 4 * WS_HIST_BUCKETS);

struct loss_event {
	struct event_header hdr;
	__u32 reason; /* enum loss_reason */
	__u32 pad;
	__u64 count; /* since the agent started */
};
WS_ASSERT_SIZE(loss_event, 24);

struct process_event {
	struct event_header hdr;
	__u32 pid;
	__u32 parent_pid;
	char cgroup[256];   /* path below the cgroup root */
	char container[72]; /* id, empty outside a container */
	char command[256];  /* command line, arguments joined by spaces */
};
WS_ASSERT_SIZE(process_event, 600);

struct device_name_event {
	struct event_header hdr;
	__u32 dev;
	__u32 pad;
	char name[32];
};
WS_ASSERT_SIZE(device_name_event, 48);

struct cost_event {
	struct event_header hdr;
	__u64 at_ns;
	__u64 agent_cpu_ns; /* user and system time of the agent process so far */
	__u64 agent_rss_bytes;
	__u64 bpf_run_ns; /* all our programs, when kernel.bpf_stats_enabled is on; else 0 */
	__u64 bpf_run_count;
};
WS_ASSERT_SIZE(cost_event, 48);

struct host_event {
	struct event_header hdr;
	__u32 cpus;
	__u32 pid; /* the agent's own */
	char hostname[64];
	char kernel[64];
	char agent_version[32];
	char limits[512]; /* what this kernel lacks and what that costs, a sentence a line */
};
WS_ASSERT_SIZE(host_event, 688);

/* Monotone totals of the whole machine, from /proc/pressure and /proc/stat, in ns; 0 where absent.
 */
struct pressure_event {
	struct event_header hdr;
	__u64 at_ns;
	__u64 cpu_some_ns;
	__u64 io_some_ns;
	__u64 io_full_ns;
	__u64 memory_some_ns;
	__u64 memory_full_ns;
	__u64 busy_ns;	/* of all CPUs together: user, nice, system, interrupts */
	__u64 idle_ns;	/* idle and iowait */
	__u64 steal_ns; /* wanted by us, given to another guest by the hypervisor */
	__u64 swapped_pages;
	__u64 refaulted_pages; /* evicted, then needed again */
};
WS_ASSERT_SIZE(pressure_event, 96);

/* Monotone totals and limits of one cgroup, whichever version its controllers have. */
struct cgroup_event {
	struct event_header hdr;
	__u64 at_ns;
	__u64 periods;
	__u64 throttled_periods;
	__u64 throttled_ns;
	__u64 quota_ns; /* CPU time per period; 0 no limit */
	__u64 period_ns;
	__u64 memory_bytes;
	__u64 memory_limit; /* 0 no limit */
	__u64 memory_limit_hits;
	__u64 oom_kills;
	__u64 memory_some_ns; /* pressure inside the group; 0 where the kernel does not tell */
	__u64 pids;
	__u64 pids_limit; /* 0 no limit */
	__u64 pids_limit_hits;
	char path[256]; /* as in process_event */
};
WS_ASSERT_SIZE(cgroup_event, 376);

/* The cgroups of a process by controller, where they are not all the one in process_event. */
struct membership_event {
	struct event_header hdr;
	__u32 pid;
	__u32 pad;
	char cpu[256];
	char memory[256];
	char pids[256];
};
WS_ASSERT_SIZE(membership_event, 784);

/* A TCP port of this machine that accepts connections. */
struct listener_event {
	struct event_header hdr;
	__u32 port;
	__u32 pad;
};
WS_ASSERT_SIZE(listener_event, 16);

/*
 * Requests on one listening port as one process reads them: monotone totals of the reads, and how
 * old at at_ns what is still unread.
 */
struct unread_event {
	struct event_header hdr;
	__u32 pid;
	__u32 port;
	__u64 at_ns;
	__u64 reads; /* that found something unread */
	__u64 age_ns;
	__u64 age_max_ns;
	__u64 open_oldest_ns;
	__u32 age_hist[WS_HIST_BUCKETS];
	__u32 open_hist[WS_HIST_BUCKETS]; /* a connection counts once */
};
WS_ASSERT_SIZE(unread_event, 56 + 8 * WS_HIST_BUCKETS);

/* Everything that ended at or before at_ns belongs to the window this closes. */
struct tick_event {
	struct event_header hdr;
	__u64 at_ns;
	__u64 wall_clock_ns; /* CLOCK_REALTIME at the same moment */
};
WS_ASSERT_SIZE(tick_event, 24);

#endif
