/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Frames of Java's methods, in a process of which the agent has found out where HotSpot's code is.
 */
#ifndef WAITSCOPE_BPF_UNWIND_HOTSPOT_BPF_H
#define WAITSCOPE_BPF_UNWIND_HOTSPOT_BPF_H

#include "bpf/unwind/hotspot.h"
#include "bpf/unwind/window.bpf.h"

/* Allocated at once: v5.10 lets programs of perf events use no other hash map. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct hotspot_code);
} hotspot_processes SEC(".maps");

probe_inline int hotspot_read_user(void *from, __u64 address, void *to, __u32 bytes)
{
	return !!bpf_probe_read_user(to, bytes, (void *)address);
}

/* Shows the frame noted last as the Method that it runs. */
probe_inline void hotspot_note_method(struct unwind_slot *s, __u64 method)
{
	__u64 index = (__u64)s->stack.count - 1;

	opaque(index);
	if (!method || index >= WS_STACK_DEPTH)
		return;
	s->stack.addresses[index] = method | HOTSPOT_METHOD_BIT;
	s->hash = (s->hash ^ method) * 0xff51afd7ed558ccdULL;
}

/* Returns UNWIND_CALLER, an unwind_stop or HOTSPOT_UNKNOWN. */
probe_function int unwind_by_hotspot(__u32 number)
{
	struct unwind_slot *s = slot_at(number);
	const struct hotspot_code *code;
	struct unwind_registers r;
	__u64 method = 0;
	int step;

	if (!s)
		return UNWIND_STOP_no_process;
	code = bpf_map_lookup_elem(&hotspot_processes, &s->stack.pid);
	if (!code)
		return HOTSPOT_UNKNOWN;
	r = s->r;
	step = hotspot_step(code, &r, read_stack, hotspot_read_user, FROM_SLOT(number), &method);
	if (step == HOTSPOT_UNKNOWN)
		return step;
	s->r = r;
	hotspot_note_method(s, method);
	return step;
}

#endif
