/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Arithmetic of block requests and devices: no helpers, tested on the host. */
#ifndef WAITSCOPE_BPF_BLKIO_H
#define WAITSCOPE_BPF_BLKIO_H

#include "bpf/events.h"

/* REQ_OP_* (include/linux/blk_types.h), fixed since v4.10. */
static inline __attribute__((always_inline)) __u8 block_op_of(__u32 cmd_flags)
{
	switch (cmd_flags & 0xff) {
	case 0:
		return BLOCK_read;
	case 1:
		return BLOCK_write;
	case 2:
		return BLOCK_flush;
	case 3:
	case 5:
		return BLOCK_discard;
	default:
		return BLOCK_other;
	}
}

/* Device totals while the programs run; the wire record without its header. */
struct device_totals {
	__u64 stamp_ns; /* up to when busy_ns is accounted */
	__u64 busy_ns;
	__s64 in_flight;
	__u64 errors;
	struct device_op_totals ops[BLOCK_OP_COUNT];
	__u32 queue_hist[WS_HIST_BUCKETS];
	__u32 read_hist[WS_HIST_BUCKETS];
	__u32 write_hist[WS_HIST_BUCKETS];
};

/*
 * Advances the clock of a device's busy time, as the kernel's own update_io_ticks does. Two CPUs
 * in here within the same few nanoseconds may count those twice: below what any view shows.
 */
static inline __attribute__((always_inline)) void device_busy_until(struct device_totals *d,
								    __u64 now)
{
	__u64 stamp = d->stamp_ns;

	if (now <= stamp)
		return;
	d->stamp_ns = now;
	if (d->in_flight > 0)
		__sync_fetch_and_add(&d->busy_ns, now - stamp);
}

static inline __attribute__((always_inline)) void device_issued(struct device_totals *d, __u64 now)
{
	device_busy_until(d, now);
	__sync_fetch_and_add(&d->in_flight, 1);
}

/* Issued, but it went back to the queue, or its completion was skipped by the kernel. */
static inline __attribute__((always_inline)) void device_withdrawn(struct device_totals *d,
								   __u64 now)
{
	device_busy_until(d, now);
	__sync_fetch_and_add(&d->in_flight, -1);
}

static inline __attribute__((always_inline)) void device_hist_add(__u32 *buckets, __u64 ns)
{
	__u64 bucket = hist_bucket(ns);

	hist_opaque(bucket);
	if (bucket < WS_HIST_BUCKETS)
		__sync_fetch_and_add(&buckets[bucket], 1);
}

static inline __attribute__((always_inline)) void device_completed(struct device_totals *d,
								   const struct block_event *e)
{
	__u64 op = e->op, queue_ns = e->issue_ns - e->insert_ns;
	__u64 device_ns = e->complete_ns - e->issue_ns;

	device_busy_until(d, e->complete_ns);
	__sync_fetch_and_add(&d->in_flight, -1);
	hist_opaque(op);
	if (op >= BLOCK_OP_COUNT)
		return;
	__sync_fetch_and_add(&d->ops[op].requests, 1);
	__sync_fetch_and_add(&d->ops[op].bytes, e->bytes);
	__sync_fetch_and_add(&d->ops[op].queue_ns, queue_ns);
	__sync_fetch_and_add(&d->ops[op].device_ns, device_ns);
	if (e->error)
		__sync_fetch_and_add(&d->errors, 1);
	device_hist_add(d->queue_hist, queue_ns);
	device_hist_add(op == BLOCK_read ? d->read_hist : d->write_hist, device_ns);
}

#endif
