/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* The memory of the stack being unwound, read a window at a time. */
#ifndef WAITSCOPE_BPF_UNWIND_WINDOW_H
#define WAITSCOPE_BPF_UNWIND_WINDOW_H

#include "bpf/unwind/maps.bpf.h"

/* Windows read for one stack; a deeper one is read word by word. */
#define MAX_FILLS 16
/* Saved registers lie below the return address that asks for a window. */
#define BELOW_RETURN_ADDRESS 256

/*
 * Reads stack memory around `address` into the window, up to the thread's stack top: a read that
 * faults costs a microsecond, and gives nothing at all. Else up to the page's end.
 */
probe_inline int fill_window(struct unwind_slot *s, __u64 address)
{
	__u64 from = address - BELOW_RETURN_ADDRESS, bytes = UNWIND_WINDOW_BYTES;

	if (from < s->r.sp)
		from = s->r.sp;
	if (from > address)
		from = address;
	if (s->stack_top > address + 8 && s->stack_top - from < bytes)
		bytes = s->stack_top - from;
	opaque(bytes);
	if (bytes > UNWIND_WINDOW_BYTES)
		bytes = UNWIND_WINDOW_BYTES;
	s->window_at = from;
	s->window_bytes = bytes;
	if (!bpf_probe_read_user(s->window, bytes, (void *)from))
		return 0;
	bytes = UNWIND_PAGE_BYTES - (address & (UNWIND_PAGE_BYTES - 1));
	s->window_at = address;
	s->window_bytes = bytes;
	if (bytes > 8 && !bpf_probe_read_user(s->window, bytes, (void *)address))
		return 0;
	s->window_bytes = 0;
	return 1;
}

probe_inline int in_window(const struct unwind_slot *s, __u64 address)
{
	__u64 offset = address - s->window_at;

	return offset < s->window_bytes && offset + 8 <= s->window_bytes;
}

/* Reads the word at `address` into the slot. 0 when it was read. */
probe_function int unwind_read(__u32 number, __u64 address)
{
	struct unwind_slot *s = slot_at(number);
	__u64 offset;

	if (!s)
		return 1;
	if (!in_window(s, address)) {
		if (s->fills >= MAX_FILLS || (++s->fills, fill_window(s, address)))
			return !!bpf_probe_read_user(&s->word, 8, (void *)address);
		if (!in_window(s, address)) /* over the page's end */
			return !!bpf_probe_read_user(&s->word, 8, (void *)address);
	}
	offset = address - s->window_at;
	opaque(offset);
	if (offset > UNWIND_WINDOW_BYTES - 8)
		return 1;
	s->word = *(__u64 *)(s->window + offset);
	return 0;
}

/* The number of a slot, as the accessors carry it. */
#define FROM_SLOT(number) ((void *)(__u64)(number))

probe_inline int read_stack(void *from, __u64 address, __u64 *word)
{
	__u32 number = (__u32)(__u64)from;
	struct unwind_slot *s;

	if (unwind_read(number, address))
		return 1;
	s = slot_at(number);
	if (!s)
		return 1;
	*word = s->word;
	return 0;
}

#endif
