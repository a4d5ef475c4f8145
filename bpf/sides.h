/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Who is at the other end of sockets: part of the contract of bpf/events.h. */
#ifndef WAITSCOPE_BPF_SIDES_H
#define WAITSCOPE_BPF_SIDES_H

#include "bpf/record.h"

/* Whose turn it was on a TCP connection while a thread waited on it: who had sent last. */
enum object_turn {
	TURN_unknown = 0,
	TURN_peer = 1, /* we had asked, or the peer was about to answer */
	TURN_own = 2,  /* the peer owed nothing: what came was not asked for in that time */
	TURN_even = 3, /* we spoke last, yet had said no more than the peer: we may have answered */
	TURN_connecting = 4, /* there was no connection yet: the peer had not answered at all */
};

/* Bits of sides_event. */
enum socket_side_bit {
	SIDE_listens = 1,  /* accepts connections */
	SIDE_waiting = 2,  /* some wait to be accepted */
	SIDE_asked = 4,	   /* holds connections that others made */
	SIDE_receives = 8, /* holds a bound socket for datagrams of anybody */
	SIDE_asks = 16,	   /* holds a connection that it made */
	SIDE_asks_several = 32,
};

/* What the sockets are that one epoll instance of a process watches, or all of a process's. */
struct sides_event {
	struct event_header hdr;
	__u32 pid;
	__s32 epoll; /* its descriptor; -1: all sockets of the process */
	__u64 at_ns;
	__u32 sides; /* enum socket_side_bit */
	__u32 pad;
};
WS_ASSERT_SIZE(sides_event, 32);

#endif
