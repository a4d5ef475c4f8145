/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Keys and values of the maps that the agent reads whole: shared by both sides, never on a wire. */
#ifndef WAITSCOPE_BPF_TOTALS_H
#define WAITSCOPE_BPF_TOTALS_H

#include "bpf/blkio.h"
#include "bpf/events.h"

struct dead_key {
	__u64 start_ns;
	__u32 tid;
	__u32 pad;
};

struct call_key {
	struct thread_ref thread;
	__s32 syscall;
	__u32 pad;
};

struct call_totals {
	__u64 count;
	__u64 errors;
	__u64 total_ns;
	__u64 max_ns;
	__u32 hist[WS_HIST_BUCKETS];
};

struct error_key {
	__u32 pid;
	__s32 syscall;
	__s32 error;
	__u32 pad;
};

struct loop_totals {
	__u64 polls;
	__u64 ready;
	__u64 poll_ns;
	__u64 gap_ns;
	__u64 gap_max_ns;
	__u32 gap_hist[WS_HIST_BUCKETS];
};

/* One listening port as one process reads from it. */
struct unread_key {
	__u32 pid;
	__u32 port;
};

struct unread_totals {
	__u64 reads;
	__u64 age_ns;
	__u64 age_max_ns;
	__u32 age_hist[WS_HIST_BUCKETS];
};

/* A connection with something unread, as the iterator tells it. */
struct unread_now {
	struct unread_key key; /* pid 0: nobody is known to listen at this port */
	__u64 since_ns;
	__u32 claimed; /* 0: a process that listens there stands for the reader */
	__u32 pad;
};

/* What one open file of a process is, as far as it tells who is on the other side. */
enum socket_kind {
	SOCKET_none = 0,
	SOCKET_epoll, /* none, but it watches some */
	SOCKET_listener,
	SOCKET_connection, /* which side has made it is told by the listening ports */
	SOCKET_asked,	   /* a connection that the other side has made */
	SOCKET_asks,	   /* one that this side has made */
	SOCKET_receiver,   /* bound, for datagrams of anybody */
};

/* One for each epoll instance that watches it, or one for none. */
struct socket_row {
	__u32 pid;
	__s32 fd;
	__u64 epoll; /* the instance that watches it; 0: none */
	__u64 id;    /* of the instance itself, or of this end of a connection */
	__u64 peer;  /* the other end's id */
	__u32 netns;
	__u16 port;
	__u8 kind;    /* enum socket_kind */
	__u8 waiting; /* listeners: somebody waits to be accepted */
};

/* As in kernel_lock_event. */
struct kernel_lock_key {
	__u64 lock;
	struct thread_ref owner;
	__u32 pid;
	__u8 lock_kind;
	__u8 role;
	__u16 pad;
};

struct kernel_lock_totals {
	__u64 waits;
	__u64 wait_ns;
	__u64 wait_max_ns;
};

#endif
