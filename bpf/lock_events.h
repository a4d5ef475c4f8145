/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Records of locks and who holds them. Part of bpf/events.h, whose rules hold here. */
#ifndef WAITSCOPE_BPF_LOCK_EVENTS_H
#define WAITSCOPE_BPF_LOCK_EVENTS_H

#include "bpf/record.h"

/* Who held the lock that a thread waited for when the window closed, read from the lock's word. */
struct lock_owner_event {
	struct event_header hdr;
	struct thread_ref waiter;
	__u64 word;
	__u32 owner_tid;
	__u32 pad;
};
WS_ASSERT_SIZE(lock_owner_event, 40);

/* Locks of the kernel whose waiters sleep. */
enum kernel_lock_kind {
	KERNEL_LOCK_semaphore = 0,
	KERNEL_LOCK_mutex = 1,
	KERNEL_LOCK_rwsem = 2,
	KERNEL_LOCK_percpu_rwsem = 3,
	KERNEL_LOCK_rt_mutex = 4,
	KERNEL_LOCK_KIND_COUNT = 5,
};

/* What it guards, where its address tells. */
enum kernel_lock_role {
	KERNEL_LOCK_ROLE_unknown = 0,
	KERNEL_LOCK_ROLE_mmap = 1,  /* the address space of the waiter's process */
	KERNEL_LOCK_ROLE_inode = 2, /* a file or directory */
	KERNEL_LOCK_ROLE_COUNT = 3,
};

/*
 * The waits of one process for one lock of the kernel, by who owned it when they began: monotone
 * totals of those that ended, which begin anew with each generation.
 */
struct kernel_lock_event {
	struct event_header hdr;
	__u32 pid;
	__u8 lock_kind;
	__u8 role;
	__u16 generation; /* 0 in logs from before it was told: then less than before is another */
	__u64 lock;
	struct thread_ref owner; /* zero: not known, or readers */
	__u64 at_ns;
	__u64 waits;
	__u64 wait_ns;
	__u64 wait_max_ns;
};
WS_ASSERT_SIZE(kernel_lock_event, 72);

#endif
