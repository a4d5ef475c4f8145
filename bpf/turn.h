/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Whose turn it was on a TCP connection while a thread waited on it. No helpers: the same code runs
 * in the kernel and under GoogleTest. docs/definitions.md says it in words.
 */
#ifndef WAITSCOPE_BPF_TURN_H
#define WAITSCOPE_BPF_TURN_H

#include "bpf/sides.h"
#include "bpf/wait_class.h"

/* What TCP keeps, and for how long the thread has waited. Times are in jiffies, up to now. */
struct conversation {
	__u64 waited;
	__u32 since_sent;
	__u32 since_received;
	__u32 sent;	/* segments with data, since the connection was made */
	__u32 received; /* those that came during the wait are in it */
};

#define TURN_LEAST_JIFFIES   8 /* what is kept in jiffies tells nothing of shorter waits */
#define TURN_FEWEST_SEGMENTS 3
#define TURN_MOST_SEGMENTS   4 /* of one message */

/*
 * Whether both sides had said the same number of things when the wait began, of so many segments
 * each: then whoever spoke last answered. Who asks is one ahead of who answers. What came first on
 * a connection tells it for the rest of its life, as long as the sides speak in turns. Messages of
 * several segments need some exchanges before they tell. Segments are taken for messages: after a
 * TLS handshake, or one answer in two pieces, an asker may look even. It is a hint, not a proof.
 */
wait_inline int said_equally(const struct conversation *talk, int answered)
{
	__u32 before = talk->received - answered; /* the first of what came now */
	__u32 few = talk->sent < before ? talk->sent : before;
	__u32 many = talk->sent < before ? before : talk->sent;
	__u32 each, rest;

	if (few < TURN_FEWEST_SEGMENTS)
		return 0;
	each = many / few;
	rest = many % few;
	if (each > TURN_MOST_SEGMENTS || few <= 2 * each)
		return 0;
	return !rest || (answered && many == before && rest < each);
}

/* What was sent during the wait was another thread's question: before it, nothing was owed. */
wait_inline __u8 turn_in(const struct conversation *talk)
{
	int answered;

	if (talk->waited < TURN_LEAST_JIFFIES)
		return TURN_unknown;
	if (talk->since_sent + 2 < talk->waited) /* where it is rounded */
		return TURN_own;
	answered = talk->since_received < talk->waited; /* what ended the wait */
	if (!answered && talk->since_sent > talk->since_received)
		return TURN_own;
	return said_equally(talk, answered) ? TURN_even : TURN_peer;
}

#endif
