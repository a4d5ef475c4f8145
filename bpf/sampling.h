/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Which waits are told in detail: one of length d is chosen with probability min(1, d / T).
 * Weighted by the inverse of that, the chosen ones are an unbiased estimate of all time waited,
 * and there are at most about (time waited) / T of them.
 */
#ifndef WAITSCOPE_BPF_SAMPLING_H
#define WAITSCOPE_BPF_SAMPLING_H

#include "bpf/events.h"

/* What a wait must be longer than to be chosen. `draw` is uniform over 32 bits; period_ns is below
 * 2^32 (4.2 s). */
static inline __attribute__((always_inline)) __u64 sample_threshold(__u64 period_ns, __u32 draw)
{
	return ((__u64)draw * period_ns) >> 32;
}

/* T = 0 chooses everything. */
static inline __attribute__((always_inline)) int sample_chosen(__u64 length_ns, __u64 period_ns,
							       __u32 draw)
{
	return length_ns >= period_ns || sample_threshold(period_ns, draw) < length_ns;
}

/*
 * Until when a chosen wait lasts. Taking its waker's stacks, for `cost_ns` from the waking on,
 * makes it longer, and only because it is chosen: with that its weight would be too low (by 2 % for
 * waits of 110 us and a cost of 3 us, and the time in the run queue 12 % too much). What is told in
 * any case keeps its length.
 */
static inline __attribute__((always_inline)) __u64
told_until(__u64 off_ns, __u64 wake_ns, __u64 on_ns, __u64 period_ns, __u64 cost_ns)
{
	if (!wake_ns || wake_ns > on_ns)
		return on_ns;
	if (cost_ns > on_ns - wake_ns)
		cost_ns = on_ns - wake_ns;
	return on_ns - cost_ns - off_ns < period_ns ? on_ns - cost_ns : on_ns;
}

/* Of one thread: so many in T (16 us a millisecond), and what it did not use of so many T. */
#define EARLY_STACKS  8
#define EARLY_RESERVE 16
/* A wait that is told only from a length of T on leaves the stacks of so many T to others. */
#define EARLY_CARE 4

/*
 * Whether a stack is taken before a wait of which only the draw is known. What must last long to be
 * told is less likely to be, so it gets one only while enough of the reserve is left; what is told
 * in any case gets one down to the last. A thread that leaves its CPU n times in T has then stacks
 * of the waits that are told from about 8 T / n on, and its waits are of less than T / n on
 * average.
 */
static inline __attribute__((always_inline)) int early_stack_due(__u64 *spent_ns, __u64 now,
								 __u64 period_ns, __u32 draw)
{
	__u64 reserve = EARLY_RESERVE * period_ns, spent = now > reserve ? now - reserve : 0;

	if (*spent_ns > spent)
		spent = *spent_ns;
	if (spent + EARLY_CARE * sample_threshold(period_ns, draw) > now)
		return 0;
	*spent_ns = spent + period_ns / EARLY_STACKS;
	return 1;
}

/* Where a thread came into the kernel from, in one of its calls or faults. */
struct kernel_entry {
	__u64 ip;
	__u64 frame; /* of its user stack, and the registers that callees keep */
};

static inline __attribute__((always_inline)) struct kernel_entry kernel_entry_of(__u64 ip, __u64 sp,
										 __u64 bp, __u64 bx)
{
	struct kernel_entry entry = {
		.ip = ip,
		.frame = sp ^ (bp * 0x9e3779b97f4a7c15ULL) ^ (bx * 0xff51afd7ed558ccdULL),
	};

	return entry;
}

/* A call that a signal broke off is set to be made again: its ip goes back by the instruction. */
#define RESTART_BYTES 2

/* Whether the thread has stayed in the kernel, or come back by the same call of the same function.
 */
static inline __attribute__((always_inline)) int same_entry(const struct kernel_entry *then,
							    const struct kernel_entry *now)
{
	return then->frame == now->frame &&
	       (then->ip == now->ip || then->ip - now->ip == RESTART_BYTES);
}

#endif
