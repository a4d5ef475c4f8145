// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/* Block requests from queue to completion: exact totals per disk, and the requests worth telling.
 */
#include "bpf/blkio.h"
#include "bpf/maps.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Requests between insert and completion, by their address: unique while they are alive. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_REQUESTS);
	__type(key, __u64);
	__type(value, struct request_note);
} requests SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_DEVICES);
	__type(key, __u32);
	__type(value, struct device_totals);
} devices SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct device_totals);
} blank_device SEC(".maps");

probe_inline __u32 device_number(struct request *rq)
{
	struct gendisk *disk = compat_request_disk(rq);

	if (!disk)
		return 0;
	return BPF_CORE_READ(disk, major) << 20 | BPF_CORE_READ(disk, first_minor);
}

probe_inline struct device_totals *find_device(__u32 dev)
{
	struct device_totals *d = bpf_map_lookup_elem(&devices, &dev);
	__u32 zero = 0;

	if (d)
		return d;
	d = bpf_map_lookup_elem(&blank_device, &zero);
	if (!d)
		return NULL;
	bpf_map_update_elem(&devices, &dev, d, BPF_NOEXIST);
	d = bpf_map_lookup_elem(&devices, &dev);
	if (!d)
		lose(LOST_device_table);
	return d;
}

/* A note older than its request is of an earlier one at the same address: that one was merged into
 * another, or the kernel skipped its completion (6.18 does, for events in the idle thread). */
probe_inline int of_another(const struct request_note *note, struct request *rq)
{
	return note->insert_ns < rq->start_time_ns;
}

probe_inline void withdraw(struct request *rq, const struct request_note *note, __u64 now)
{
	struct device_totals *d = note->issue_ns ? find_device(device_number(rq)) : NULL;

	if (d)
		device_withdrawn(d, now);
	if (d && of_another(note, rq))
		lose(LOST_request_untracked);
}

probe_inline void request_queued(struct request *rq)
{
	struct request_note note = {.insert_ns = bpf_ktime_get_ns()}, *before;
	__u64 key = (__u64)rq;

	before = bpf_map_lookup_elem(&requests, &key);
	if (before)
		withdraw(rq, before, note.insert_ns);
	fill_current(&note.issuer);
	bpf_get_current_comm(note.comm, sizeof(note.comm));
	bpf_map_update_elem(&requests, &key, &note, BPF_ANY);
}

probe_inline void request_issued(struct request *rq)
{
	__u64 key = (__u64)rq, now = bpf_ktime_get_ns();
	struct request_note *note = bpf_map_lookup_elem(&requests, &key);
	struct device_totals *d;

	/* No note: no scheduler, or straight to the device. */
	if (!note || of_another(note, rq)) {
		request_queued(rq);
		note = bpf_map_lookup_elem(&requests, &key);
		if (!note)
			return; /* counted at its completion */
	}
	/* When the kernel keeps its own start stamp (iostats on), queueing began there. */
	if (rq->start_time_ns && rq->start_time_ns < note->insert_ns)
		note->insert_ns = rq->start_time_ns;
	if (note->issue_ns) { /* the device was busy and it is given to it again */
		note->issue_ns = now;
		return;
	}
	note->issue_ns = now;
	d = find_device(device_number(rq));
	if (d)
		device_issued(d, now);
}

probe_inline __u8 request_flags(__u32 flags)
{
	__u8 out = 0;

	if (flags & 1U << bpf_core_enum_value(enum req_flag_bits, __REQ_SYNC))
		out |= BLOCK_FLAG_sync;
	if (flags & 1U << bpf_core_enum_value(enum req_flag_bits, __REQ_META))
		out |= BLOCK_FLAG_meta;
	if (flags & 1U << bpf_core_enum_value(enum req_flag_bits, __REQ_FUA))
		out |= BLOCK_FLAG_fua;
	if (flags & 1U << bpf_core_enum_value(enum req_flag_bits, __REQ_RAHEAD))
		out |= BLOCK_FLAG_readahead;
	if (flags & 1U << bpf_core_enum_value(enum req_flag_bits, __REQ_PREFLUSH))
		out |= BLOCK_FLAG_preflush;
	return out;
}

probe_inline void fill_block(struct block_event *e, struct request *rq,
			     const struct request_note *note, unsigned int bytes, int error)
{
	e->hdr.kind = EVENT_block;
	e->hdr.size = sizeof(*e);
	e->dev = device_number(rq);
	e->op = block_op_of(rq->cmd_flags);
	e->flags = request_flags(rq->cmd_flags);
	e->error = error ? 1 : 0;
	e->sector = rq->__sector;
	e->bytes = bytes;
	e->insert_ns = note->insert_ns;
	e->issue_ns = note->issue_ns;
	e->complete_ns = bpf_ktime_get_ns();
	e->period_ns = sampling_period();
	e->issuer = note->issuer;
	__builtin_memcpy(e->issuer_comm, note->comm, WS_COMM_LEN);
}

probe_inline void remember_done(const struct block_event *e)
{
	__u32 zero = 0;
	struct done_request *done = bpf_map_lookup_elem(&last_done, &zero);

	if (!done)
		return;
	done->at_ns = e->complete_ns;
	done->dev = e->dev;
	done->bytes = e->bytes;
	done->queue_ns = e->issue_ns - e->insert_ns;
	done->device_ns = e->complete_ns - e->issue_ns;
}

probe_inline void tell_request(const struct block_event *e)
{
	__u64 length = e->complete_ns - e->insert_ns;

	if (!sample_chosen(length, e->period_ns, bpf_get_prandom_u32()))
		return;
	if (bpf_ringbuf_output(&events, (void *)e, sizeof(*e), submit_flags()))
		lose(LOST_ring_full);
}

/* block_rq_insert and block_rq_issue lost their queue argument in v5.11 (a54895fa057c), and the
 * change was carried back to v5.10.137: the agent counts the parameters and loads one pair. */
SEC("tp_btf/block_rq_insert")
int BPF_PROG(block_rq_insert, struct request *rq)
{
	request_queued(rq);
	return 0;
}

SEC("tp_btf/block_rq_insert")
int BPF_PROG(block_rq_insert_v5_10, struct request_queue *q, struct request *rq)
{
	request_queued(rq);
	return 0;
}

SEC("tp_btf/block_rq_issue")
int BPF_PROG(block_rq_issue, struct request *rq)
{
	request_issued(rq);
	return 0;
}

SEC("tp_btf/block_rq_issue")
int BPF_PROG(block_rq_issue_v5_10, struct request_queue *q, struct request *rq)
{
	request_issued(rq);
	return 0;
}

SEC("tp_btf/block_rq_complete")
int BPF_PROG(block_rq_complete, struct request *rq, int error, unsigned int bytes)
{
	__u64 key = (__u64)rq;
	struct request_note *note = bpf_map_lookup_elem(&requests, &key);
	struct block_event e = {};
	struct device_totals *d;

	if (bytes < rq->__data_len) { /* part of it: the rest completes later */
		if (note)
			note->bytes_done += bytes;
		return 0;
	}
	if (!note || !note->issue_ns || of_another(note, rq)) {
		/* An empty flush never goes to the device: a request of the queue does its work. */
		if (rq->__data_len)
			lose(LOST_request_untracked);
		if (note)
			withdraw(rq, note, bpf_ktime_get_ns());
		bpf_map_delete_elem(&requests, &key);
		return 0;
	}
	fill_block(&e, rq, note, bytes + note->bytes_done, error);
	bpf_map_delete_elem(&requests, &key);
	d = find_device(e.dev);
	if (d)
		device_completed(d, &e);
	remember_done(&e);
	tell_request(&e);
	return 0;
}
