/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Which waits are told in detail: one of length d is chosen with probability min(1, d / T).
 * Weighted by the inverse of that, the chosen ones are an unbiased estimate of all time waited,
 * and there are at most about (time waited) / T of them.
 */
#ifndef WAITSCOPE_BPF_SAMPLING_H
#define WAITSCOPE_BPF_SAMPLING_H

#include "bpf/events.h"

/* `draw` is uniform over 32 bits; period_ns is below 2^32 (4.2 s). T = 0 chooses everything. */
static inline __attribute__((always_inline)) int sample_chosen(__u64 length_ns, __u64 period_ns,
							       __u32 draw)
{
	if (length_ns >= period_ns)
		return 1;
	return (((__u64)draw * period_ns) >> 32) < length_ns;
}

#endif
