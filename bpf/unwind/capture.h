/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* What the kernel side and the agent's unwinder agree on beyond the tables. No helpers. */
#ifndef WAITSCOPE_BPF_UNWIND_CAPTURE_H
#define WAITSCOPE_BPF_UNWIND_CAPTURE_H

#include "bpf/events.h"
#include "bpf/unwind/table.h"

/* Rows and page indices lie in chunks of a page. */
#define UNWIND_CHUNK_SHIFT 10
#define UNWIND_CHUNK_WORDS (1 << UNWIND_CHUNK_SHIFT)

/* Of the stack, for the agent to finish with what it has: an interpreter's frames are large. */
#define RAW_WINDOW_BYTES 16384

/*
 * A stack that the kernel side could not finish: the registers, and as much of the stack as one
 * window holds. The agent finishes it under the same identity, which is this stack's alone.
 */
struct raw_stack {
	__u64 id;
	__u32 pid;
	__u32 tid;
	__u64 at_ns;
	__u64 pc;
	__u64 sp;
	__u64 bp;
	__u64 bx;
	__u64 di;
	__u64 ax;
	__s64 orig_ax;
	__u32 stop; /* enum unwind_stop of the kernel side's walk */
	__u32 window_bytes;
	__u32 python_words; /* of its Python frames (python.h); only so many of them are set */
	__u32 pad;
	__u64 python[WS_PYTHON_WORDS];
	__u8 window[RAW_WINDOW_BYTES];
};
WS_ASSERT_SIZE(raw_stack, 96 + 8 * WS_PYTHON_WORDS + RAW_WINDOW_BYTES);

/* Shorter waits are not worth a look at the other process's memory. */
#define WAITING_LONG_NS 100000000ULL

/*
 * A thread in a wait that has lasted long, with the registers it entered the kernel with. Its user
 * stack stays as it is until the wait ends, which a later reading of its ledger can rule out.
 */
struct waiting_thread {
	struct thread_ref thread;
	__u64 since_ns; /* as in its ledger */
	__u64 pc;
	__u64 sp;
	__u64 bp;
	__u64 bx;
	__u64 di;
	__u64 ax;
	__s64 orig_ax;
};
WS_ASSERT_SIZE(waiting_thread, 80);

#endif
