/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What a thread waits for, from facts that cost a few loads at switch-out. No helpers: the same
 * code runs in the kernel and under GoogleTest. docs/definitions.md says it in words.
 */
#ifndef WAITSCOPE_BPF_WAIT_CLASS_H
#define WAITSCOPE_BPF_WAIT_CLASS_H

#include <asm/unistd.h>

#include "bpf/events.h"

/* Fixed since v4.14; compared as masks because sleeps may carry TASK_FREEZABLE (v6.1) and more. */
#define WS_TASK_INTERRUPTIBLE	0x1
#define WS_TASK_UNINTERRUPTIBLE 0x2
#define WS_TASK_HELD		0xc /* stopped by a signal (0x4) or a tracer (0x8) */
#define WS_TASK_DEAD		0x80

#define WS_JOBCTL_TRAP_FREEZE	0x800000 /* cgroup.freeze, since v5.2 */

#define WS_PF_MEMALLOC		0x800
#define WS_PF_KTHREAD		0x200000

/* What a system call can wait for, as far as its number tells. */
enum syscall_trait {
	TRAIT_none,
	TRAIT_sleep,
	TRAIT_poll,
	TRAIT_poll_fd, /* any event, and argument 0 is the descriptor */
	TRAIT_futex,
	TRAIT_lock,
	TRAIT_commit,
	TRAIT_child,
	TRAIT_socket, /* argument 0 is a socket */
	TRAIT_fd,     /* argument 0 is a descriptor of any kind */
};

#define wait_inline static inline __attribute__((always_inline))

wait_inline enum syscall_trait syscall_trait(int nr)
{
	switch (nr) {
	case __NR_nanosleep:
	case __NR_clock_nanosleep:
		return TRAIT_sleep;
	case __NR_poll:
	case __NR_ppoll:
	case __NR_select:
	case __NR_pselect6:
	case __NR_pause:
	case __NR_rt_sigsuspend:
	case __NR_rt_sigtimedwait:
		return TRAIT_poll;
	case __NR_epoll_wait:
	case __NR_epoll_pwait:
	case 441: /* epoll_pwait2, v5.11 */
	case 426: /* io_uring_enter, v5.1 */
	case __NR_accept:
	case __NR_accept4:
		return TRAIT_poll_fd;
	case __NR_futex:
		return TRAIT_futex;
	case 449: /* futex_waitv, v5.16; no word and no operation where futex has them */
	case 455: /* futex_wait, v6.7; neither */
	case __NR_flock:
	case __NR_fcntl:
	case __NR_semop:
	case __NR_semtimedop:
		return TRAIT_lock;
	case __NR_fsync:
	case __NR_fdatasync:
	case __NR_sync_file_range:
	case __NR_syncfs:
	case __NR_sync:
	case __NR_msync:
		return TRAIT_commit;
	case __NR_wait4:
	case __NR_waitid:
	case __NR_vfork:
	case __NR_clone:
	case 435: /* clone3, v5.3 */
		return TRAIT_child;
	case __NR_recvfrom:
	case __NR_recvmsg:
	case __NR_recvmmsg:
	case __NR_sendto:
	case __NR_sendmsg:
	case __NR_sendmmsg:
	case __NR_connect:
		return TRAIT_socket;
	case __NR_read:
	case __NR_write:
	case __NR_readv:
	case __NR_writev:
	case __NR_pread64:
	case __NR_pwrite64:
	case __NR_preadv:
	case __NR_pwritev:
	case __NR_preadv2:
	case __NR_pwritev2:
	case __NR_sendfile:
	case __NR_splice:
	case __NR_tee:
	case __NR_vmsplice:
	case __NR_ioctl:
	case __NR_close:
	case __NR_ftruncate:
	case __NR_fallocate:
	case __NR_getdents64:
		return TRAIT_fd;
	default:
		return TRAIT_none;
	}
}

/*
 * A thread that leaves its CPU with no sleeping state, or by preemption whatever its state, can
 * still run. (0x100 in a formatted sched_switch line also means preempted, but in the raw argument
 * it is TASK_WAKEKILL, part of a killable sleep.)
 */
wait_inline int still_runnable(int preempted, __u32 state)
{
	return preempted || !state;
}

wait_inline int trait_has_fd(enum syscall_trait trait)
{
	return trait == TRAIT_fd || trait == TRAIT_socket || trait == TRAIT_poll_fd;
}

/* Whether argument 0 is the descriptor of what is waited for. */
wait_inline int names_file(enum syscall_trait trait, int nr)
{
	if (trait == TRAIT_commit)
		return nr != __NR_sync && nr != __NR_msync; /* no argument; an address */
	return trait_has_fd(trait) || nr == __NR_flock || nr == __NR_fcntl;
}

/* S_IFMT of the inode behind a descriptor: what kind of thing it is. Anonymous inodes have 0. */
wait_inline __u8 object_kind_of_mode(__u32 mode)
{
	switch (mode & 0170000) {
	case 0100000:
	case 0040000:
		return OBJECT_file;
	case 0010000:
		return OBJECT_pipe;
	case 0140000:
		return OBJECT_socket;
	case 0020000:
		return OBJECT_char;
	case 0060000:
		return OBJECT_block;
	default:
		return OBJECT_anon;
	}
}

wait_inline __u8 class_of_object(__u8 kind)
{
	switch (kind) {
	case OBJECT_pipe:
	case OBJECT_char:
		return WAIT_pipe;
	case OBJECT_socket:
		return WAIT_network;
	case OBJECT_anon: /* eventfd, timerfd, signalfd, inotify */
		return WAIT_poll;
	default:
		return WAIT_other;
	}
}

/*
 * pthread_join waits, without a time-out, on the tid word that the kernel clears: a shared (no
 * FUTEX_PRIVATE_FLAG) FUTEX_WAIT_BITSET (glibc 2.31 to 2.41: op 0x109). Untimed waits on a
 * process-shared condition variable look the same.
 */
wait_inline __u8 class_of_futex(__u32 op, __u64 timeout)
{
	const __u32 wait_bitset = 9, private_flag = 128, clock_realtime = 256;

	if ((op & ~clock_realtime) == wait_bitset && !(op & private_flag) && !timeout)
		return WAIT_child;
	return WAIT_lock;
}

/*
 * Whether a poll's arguments say that it is for nothing but the time: no descriptors, and a limit.
 * A program that is older than usleep, or Perl's select, sleeps so.
 */
wait_inline int polls_nothing(int nr, const __u64 *args)
{
	switch (nr) {
	case __NR_select:
	case __NR_pselect6:
		return !(int)args[0] && args[4];
	case __NR_poll:
		return !(__u32)args[1] && (int)args[2] > 0;
	case __NR_ppoll:
		return !(__u32)args[1] && args[2];
	default:
		return 0;
	}
}

/* Everything known at a switch-out that decides the class. */
struct wait_facts {
	__u32 task_flags;
	__u32 state;
	__u64 jobctl;
	int in_iowait;
	int syscall; /* -1 outside, -2 kernel thread */
	__u32 futex_op;
	__u64 futex_timeout;
	__u8 object; /* enum object_kind of argument 0; OBJECT_none when not asked */
	__u8 polls_nothing;
};

/*
 * No file system waits for its disk so that a signal may end it; io_uring, from v6.5 on (and in the
 * stable kernels that have it from there), counts a wait for whatever completes first as one for
 * I/O.
 */
wait_inline int waits_for_disk(const struct wait_facts *facts)
{
	return facts->in_iowait && !(facts->state & WS_TASK_INTERRUPTIBLE);
}

/* The call it is in has been interrupted, and says nothing any more. */
wait_inline int is_held(const struct wait_facts *facts)
{
	int frozen = facts->jobctl & WS_JOBCTL_TRAP_FREEZE && facts->state & WS_TASK_INTERRUPTIBLE;

	return frozen || facts->state & WS_TASK_HELD;
}

wait_inline __u8 wait_class_of(const struct wait_facts *facts)
{
	enum syscall_trait trait = syscall_trait(facts->syscall);

	if (is_held(facts))
		return WAIT_other;
	if (facts->task_flags & WS_PF_MEMALLOC)
		return WAIT_reclaim;
	if (trait == TRAIT_commit)
		return WAIT_commit;
	if (facts->syscall == -1)
		return WAIT_fault;
	if (waits_for_disk(facts))
		return WAIT_disk;
	switch (trait) {
	case TRAIT_sleep:
		return WAIT_sleep;
	case TRAIT_poll:
		return facts->polls_nothing ? WAIT_sleep : WAIT_poll;
	case TRAIT_poll_fd:
		return WAIT_poll;
	case TRAIT_futex:
		return class_of_futex(facts->futex_op, facts->futex_timeout);
	case TRAIT_lock:
		return WAIT_lock;
	case TRAIT_child:
		return WAIT_child;
	case TRAIT_socket:
		return WAIT_network;
	case TRAIT_fd:
		return class_of_object(facts->object);
	default:
		return WAIT_other;
	}
}

#endif
