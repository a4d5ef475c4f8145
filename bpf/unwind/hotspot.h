/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * From a frame of HotSpot's code to its caller's, without frame pointers and without call frame
 * information: HotSpot keeps the size of each frame beside the code, for its own walks. No helpers:
 * like step.h, this runs in the kernel, in the agent and under GoogleTest.
 *
 *   code heap -> segment map -> block -> CodeBlob, which knows how large its frames are
 *
 * On x86-64 every compiled frame saves its caller's rbp next to the return address, and every
 * interpreted frame has one in rbp (frame_x86.hpp of JDK 8 to 25).
 */
#ifndef WAITSCOPE_BPF_UNWIND_HOTSPOT_H
#define WAITSCOPE_BPF_UNWIND_HOTSPOT_H

#include "bpf/unwind/step.h"

#define HOTSPOT_MAX_HEAPS 4 /* a segmented code cache has three */

/*
 * A segment's byte is 0 where a block begins and else how many segments to go back, at most 254 at
 * once; joined blocks take more. 255: nothing lies there.
 */
#define HOTSPOT_MAX_HOPS 16
#define HOTSPOT_NO_BLOCK 0xff

/* In words from rbp of an interpreted frame. */
#define HOTSPOT_INTERPRETED_SENDER_SP (-8)
#define HOTSPOT_INTERPRETED_METHOD    (-24)

/* Set in a stack's address that is a Method, run by the interpreter, instead of a place in code. */
#define HOTSPOT_METHOD_BIT (1ULL << 62)

unwind_inline int hotspot_is_method(__u64 address)
{
	return address >> 62 == 1; /* addresses of the kernel have all upper bits set */
}

/* Not a frame that can be told from here. */
#define HOTSPOT_UNKNOWN (-2)

struct hotspot_heap {
	__u64 low;
	__u64 high; /* of what is reserved: it grows within */
	__u64 segments;
	__u32 segment_shift;
	__u32 pad;
};

/* Where one process keeps its code, and what its build looks like: both stay as they are. */
struct hotspot_code {
	struct hotspot_heap heaps[HOTSPOT_MAX_HEAPS]; /* unused ones are empty */
	__u64 interpreter_start;
	__u64 interpreter_end;
	__u64 call_stub_return; /* in the stub through which C++ calls Java: it keeps rbp */
	__u32 block_header;	/* bytes ahead of a CodeBlob */
	__u32 frame_size;	/* in CodeBlob; of type int, in words */
};
UNWIND_ASSERT_SIZE(hotspot_code, 160);

/* Reads `bytes` of code or of what describes it. 0 when they were read. */
typedef int (*hotspot_read)(void *from, __u64 address, void *to, __u32 bytes);

/* The blob whose block holds `pc`, an address of this heap; or 0. */
unwind_inline __u64 hotspot_blob_in(const struct hotspot_code *code,
				    const struct hotspot_heap *heap, __u64 pc, hotspot_read read,
				    void *from)
{
	__u64 segment = (pc - heap->low) >> (heap->segment_shift & 63);
	__u8 back;
	int i;

	for (i = 0; i < HOTSPOT_MAX_HOPS; i++) {
		if (read(from, heap->segments + segment, &back, sizeof(back)))
			return 0;
		if (back == HOTSPOT_NO_BLOCK)
			return 0;
		if (!back)
			return heap->low + (segment << (heap->segment_shift & 63)) +
			       code->block_header;
		segment -= back;
	}
	return 0;
}

/* The blob that holds `pc`, or 0. */
unwind_inline __u64 hotspot_blob(const struct hotspot_code *code, __u64 pc, hotspot_read read,
				 void *from)
{
	const struct hotspot_heap *heap = code->heaps;
	int i;

	for (i = 0; i < HOTSPOT_MAX_HEAPS; i++, heap++)
		if (pc - heap->low < heap->high - heap->low)
			return hotspot_blob_in(code, heap, pc, read, from);
	return 0;
}

/* How large the frames of the blob are, in bytes; 0: not known, or it has none of its own. */
unwind_inline __u64 hotspot_frame_bytes(const struct hotspot_code *code, __u64 blob,
					hotspot_read read, void *from)
{
	__s32 words;

	if (!blob || read(from, blob + code->frame_size, &words, sizeof(words)))
		return 0;
	if (words < 2 || words >= UNWIND_MAX_GUESSED_FRAME / 8)
		return 0;
	return (__u64)words * 8;
}

unwind_inline int hotspot_is_interpreted(const struct hotspot_code *code, __u64 pc)
{
	return pc - code->interpreter_start < code->interpreter_end - code->interpreter_start;
}

/* Returns UNWIND_CALLER or an unwind_stop. */
unwind_inline int hotspot_step_sized(struct unwind_registers *r, __u64 bytes, unwind_read_word read,
				     void *from)
{
	__u64 cfa = r->sp + bytes, pc, bp;

	if (read(from, cfa - 8, &pc) || read(from, cfa - 16, &bp))
		return UNWIND_STOP_read_failed;
	r->bp = bp;
	r->known |= UNWIND_KNOWN_rbp;
	r->known &= ~UNWIND_KNOWN_rbx;
	return unwind_enter(r, pc, cfa);
}

/*
 * Where the caller's frame ends is noted in the callee's, for between them lie arguments and
 * locals. Returns UNWIND_CALLER, with the frame's Method, or an unwind_stop.
 */
unwind_inline int hotspot_step_interpreted(struct unwind_registers *r, unwind_read_word read,
					   void *from, __u64 *method)
{
	__u64 frame = r->bp, pc, bp, sp;

	if (!(r->known & UNWIND_KNOWN_rbp))
		return UNWIND_STOP_lost_register;
	if (frame < r->sp || frame - r->sp >= UNWIND_MAX_GUESSED_FRAME)
		return UNWIND_STOP_frame_pointer;
	if (read(from, frame + 8, &pc) || read(from, frame, &bp) ||
	    read(from, frame + HOTSPOT_INTERPRETED_SENDER_SP, &sp) ||
	    read(from, frame + HOTSPOT_INTERPRETED_METHOD, method))
		return UNWIND_STOP_read_failed;
	if (sp < frame + 16 || sp - frame >= UNWIND_MAX_GUESSED_FRAME)
		return UNWIND_STOP_frame_pointer;
	r->bp = bp;
	r->known &= ~UNWIND_KNOWN_rbx;
	return unwind_enter(r, pc, sp);
}

/*
 * One step from HotSpot's code; *method stays as it is where no Method is interpreted. The leaf,
 * stopped between two instructions, may have no frame yet or no more: then this is a guess.
 * Returns UNWIND_CALLER, an unwind_stop or HOTSPOT_UNKNOWN.
 */
unwind_inline int hotspot_step(const struct hotspot_code *code, struct unwind_registers *r,
			       unwind_read_word read, hotspot_read read_code, void *from,
			       __u64 *method)
{
	__u64 pc = unwind_lookup_pc(r), bytes;
	int leaf = r->leaf;
	int step;

	if (hotspot_is_interpreted(code, pc)) {
		step = hotspot_step_interpreted(r, read, from, method);
	} else if (r->pc == code->call_stub_return) {
		step = unwind_guess_frame_pointer(r, read, from);
	} else {
		bytes = hotspot_frame_bytes(code, hotspot_blob(code, pc, read_code, from),
					    read_code, from);
		if (!bytes)
			return HOTSPOT_UNKNOWN;
		step = hotspot_step_sized(r, bytes, read, from);
	}
	if (leaf)
		unwind_count_guess(r);
	return step;
}

#endif
