/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Records of stacks: as captured, and as named. Part of bpf/events.h, whose rules hold here. */
#ifndef WAITSCOPE_BPF_STACK_EVENTS_H
#define WAITSCOPE_BPF_STACK_EVENTS_H

#include "bpf/record.h"

/* Of user stacks; the kernel's own end at 127 (PERF_MAX_STACK_DEPTH). */
#define WS_STACK_DEPTH 256
/* Of the Python frames of one thread: a word ahead, and two of each (bpf/unwind/python.h). */
#define WS_PYTHON_FRAMES 128
#define WS_PYTHON_WORDS	 (1 + 2 * WS_PYTHON_FRAMES)
#define WS_STACK_WORDS	 (WS_STACK_DEPTH + WS_PYTHON_WORDS)

/*
 * The first `count` words are addresses. Each but the first lies behind an instruction of its
 * frame: where a call returns to, or one behind the pc a signal interrupted. What hdr.size leaves
 * after them are the words of a thread's Python frames (schema 2); nothing else is sent.
 */
struct stack_event {
	struct event_header hdr;
	__u64 id;
	__u32 pid; /* 0 for a kernel stack */
	__u16 count;
	__u8 stack_class;		 /* enum unwind_class; kernel stacks: none */
	__u8 stop;			 /* enum unwind_stop, when truncated */
	__u64 addresses[WS_STACK_WORDS]; /* leaf first */
};
WS_ASSERT_SIZE(stack_event, 24 + 8 * WS_STACK_WORDS);

struct frame_event {
	struct event_header hdr;
	__u64 stack;
	__u32 index; /* 0 is the leaf */
	__u32 count; /* frames of the whole stack */
	__u64 address;
	__u64 file_offset;
	char symbol[256];
	char module[64];
	char build_id[48];
	char truncated[64];
	char file[256]; /* of the source, where it is known (schema 2) */
	__u32 line;
	__u32 pad;
};
WS_ASSERT_SIZE(frame_event, 736);

#endif
