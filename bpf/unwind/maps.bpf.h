/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The tables as the agent publishes them, and room to unwind in. Rows and page indices are words,
 * in chunks of a page: an array's elements are rounded up to 8 bytes, and a lookup of a chunk is a
 * few inlined instructions. The agent maps both, appends, and publishes by one update of the
 * process's entry; ranges it gives up are not used again before every reader is long gone.
 */
#ifndef WAITSCOPE_BPF_UNWIND_MAPS_H
#define WAITSCOPE_BPF_UNWIND_MAPS_H

#include "bpf/maps.bpf.h"
#include "bpf/unwind/capture.h"
#include "bpf/unwind/python.h"
#include "bpf/unwind/step.h"

#define probe_function __attribute__((noinline))

/* Keeps the compiler from deriving an index anew from what the verifier has not bounded. */
#define opaque(value) __asm__ volatile("" : "+r"(value))

struct unwind_chunk {
	__u32 words[UNWIND_CHUNK_WORDS];
};

/* Sizes are the agent's, by the machine's memory. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 512);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct unwind_chunk);
} unwind_rows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 64);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct unwind_chunk);
} unwind_pages SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, UNWIND_MAX_RULES);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct unwind_rule);
} unwind_rules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct unwind_mapping);
} unwind_mappings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct unwind_process);
} unwind_processes SEC(".maps");

/* When each process may ship its next raw stack. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u64);
} raw_allowance SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} raw_stacks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PYTHON_MAX_LAYOUTS);
	__type(key, __u32);
	__type(value, struct python_layout);
} python_layouts SEC(".maps");

/* Where the thread states of Python's threads were found, by process and thread. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u64);
} python_threads SEC(".maps");

/* Of young processes' code objects, for the agent that comes too late. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 2048);
	__type(key, struct python_code_id);
	__type(value, struct python_name);
} python_names SEC(".maps");

/* When the agent was woken for a stack of Python's the last time, on any CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} last_python_wake SEC(".maps");

/* The Python frames of one thread being walked. */
struct python_walk {
	struct python_layout layout;
	__u32 tid; /* as the process itself sees it */
	__u32 frames;
	__u32 words; /* of the stack, behind its addresses */
	__u64 interpreter;
	__u64 thread;
	__u64 frame;
	__u64 code;	   /* of the frame noted last */
	__u64 young_since; /* the process's start, or 0: the agent will be in time */
	struct python_name name;
	__u8 memory[PYTHON_READ_BYTES]; /* of the object that was read last */
};

/* One stack being unwound. */
struct unwind_slot {
	__u32 holders;
	__u32 fills;
	struct unwind_registers r;
	struct unwind_process process;
	struct unwind_mapping mapping; /* the last one found: the next frame is often in it, too */
	struct user_frame entry;
	__u64 stack_top;
	__u64 window_at;
	__u32 window_bytes;
	__u32 rule;
	struct unwind_range range;
	__u64 word; /* what was read last */
	__u64 hash;
	struct stack_event stack;
	struct python_walk python;
	__u8 window[UNWIND_WINDOW_BYTES];
};

/*
 * Hooks that run with interrupts off have a slot of their own on each CPU. The others may be
 * interrupted by those, and, where the kernel preempts tracing programs, by each other: they take
 * one of two by a lock that is only tried.
 */
#define SLOT_IRQOFF	 0
#define SLOT_PREEMPTIBLE 1
#define SLOT_COUNT	 3

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SLOT_COUNT);
	__type(key, __u32);
	__type(value, struct unwind_slot);
} unwind_slots SEC(".maps");

probe_inline struct unwind_slot *slot_at(__u32 number)
{
	return bpf_map_lookup_elem(&unwind_slots, &number);
}

/*
 * Counting who is in: only one that finds itself alone goes on. An atomic that returns the old
 * value needs v5.12 (5ffa25502b5a), an increment does not.
 */
probe_inline int try_slot(__u32 number)
{
	struct unwind_slot *s = slot_at(number);

	if (!s)
		return 0;
	__sync_fetch_and_add(&s->holders, 1);
	if (*(volatile __u32 *)&s->holders == 1)
		return 1;
	__sync_fetch_and_add(&s->holders, -1);
	return 0;
}

probe_inline void leave_slot(__u32 number)
{
	struct unwind_slot *s = slot_at(number);

	if (s)
		__sync_fetch_and_add(&s->holders, -1);
}

/* A slot for a hook that may be preempted, or 0. */
probe_inline __u32 enter_slot(void)
{
	if (try_slot(SLOT_PREEMPTIBLE))
		return SLOT_PREEMPTIBLE;
	return try_slot(SLOT_PREEMPTIBLE + 1) ? SLOT_PREEMPTIBLE + 1 : 0;
}

#endif
