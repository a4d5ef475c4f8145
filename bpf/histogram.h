/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Log-linear histogram of nanoseconds: unit 1.024 us, eight buckets per doubling, so a bucket's
 * middle is within 6.25 % of any value in it (or within 0.6 us below 8 us). Mergeable by adding.
 * The last bucket takes everything from about 17 s up.
 */
#ifndef WAITSCOPE_BPF_HISTOGRAM_H
#define WAITSCOPE_BPF_HISTOGRAM_H

#define WS_HIST_UNIT_SHIFT 10
#define WS_HIST_SUB_BITS   3
#define WS_HIST_SUB	   (1 << WS_HIST_SUB_BITS)
#define WS_HIST_OCTAVES	   22
#define WS_HIST_BUCKETS	   (WS_HIST_SUB * WS_HIST_OCTAVES)

static inline __attribute__((always_inline)) unsigned int hist_log2(unsigned long long v)
{
	unsigned int r, shift;

	r = (v > 0xFFFFFFFFULL) << 5;
	v >>= r;
	shift = (v > 0xFFFF) << 4;
	v >>= shift;
	r |= shift;
	shift = (v > 0xFF) << 3;
	v >>= shift;
	r |= shift;
	shift = (v > 0xF) << 2;
	v >>= shift;
	r |= shift;
	shift = (v > 0x3) << 1;
	v >>= shift;
	r |= shift;
	return r | (unsigned int)(v >> 1);
}

/* The verifier must see the bounds check that the compiler would prove away; 64 bits wide, since
 * verifiers before v5.7 forget bounds across the shifts of a 32-bit conversion. */
#define hist_opaque(value) __asm__ volatile("" : "+r"(value))

/* The bucket of a duration. */
static inline __attribute__((always_inline)) unsigned int hist_bucket(unsigned long long ns)
{
	unsigned long long units = ns >> WS_HIST_UNIT_SHIFT;
	unsigned int octave, bucket;

	if (units < WS_HIST_SUB)
		return (unsigned int)units;
	octave = hist_log2(units) - WS_HIST_SUB_BITS;
	bucket = (octave << WS_HIST_SUB_BITS) + (unsigned int)(units >> octave);
	return bucket < WS_HIST_BUCKETS ? bucket : WS_HIST_BUCKETS - 1;
}

static inline __attribute__((always_inline)) void hist_count(unsigned int *buckets,
							     unsigned long long ns)
{
	unsigned long long bucket = hist_bucket(ns);

	hist_opaque(bucket);
	if (bucket < WS_HIST_BUCKETS)
		buckets[bucket]++;
}

/* The same for buckets that several CPUs count in at once. */
static inline __attribute__((always_inline)) void hist_count_shared(unsigned int *buckets,
								    unsigned long long ns)
{
	unsigned long long bucket = hist_bucket(ns);

	hist_opaque(bucket);
	if (bucket < WS_HIST_BUCKETS)
		__sync_fetch_and_add(&buckets[bucket], 1);
}

/* Lower bound of a bucket, in nanoseconds; the upper bound is the next bucket's lower bound. */
static inline __attribute__((always_inline)) unsigned long long hist_floor_ns(unsigned int bucket)
{
	unsigned int octave;
	unsigned long long units;

	if (bucket < WS_HIST_SUB)
		return (unsigned long long)bucket << WS_HIST_UNIT_SHIFT;
	octave = (bucket >> WS_HIST_SUB_BITS) - 1;
	units = (unsigned long long)((bucket & (WS_HIST_SUB - 1)) + WS_HIST_SUB) << octave;
	return units << WS_HIST_UNIT_SHIFT;
}

#endif
