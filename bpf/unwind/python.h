/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What the kernel side, the agent and logs agree on about Python frames. No helpers.
 *
 *   _PyRuntime -> interpreters -> threads (found by native_thread_id) -> frames, leaf first
 */
#ifndef WAITSCOPE_BPF_UNWIND_PYTHON_H
#define WAITSCOPE_BPF_UNWIND_PYTHON_H

#include "bpf/stack_events.h"
#include "bpf/unwind/table.h"

/* Builds of CPython that differ in their layout, on one machine at one time. */
#define PYTHON_MAX_LAYOUTS 64
/* The part of an object that is read at once; what is wanted of it lies below. */
#define PYTHON_READ_BYTES 256
/* Threads, in all interpreters of a process, among which one is looked for. */
#define PYTHON_MAX_THREADS 1024

/*
 * Where CPython keeps what is needed to walk its frames: byte offsets within its structs. Those of
 * one struct lie below PYTHON_READ_BYTES, except of the runtime and the interpreter.
 */
struct python_layout {
	__u32 interpreters_head; /* in _PyRuntime */
	__u32 threads_head;	 /* in PyInterpreterState */
	__u32 next_interpreter;
	__u16 next_thread; /* in PyThreadState */
	__u16 native_thread_id;
	__u16 current_frame; /* the frame, or, where cframe_frame is not none, what leads to it */
	__u16 cframe_frame;  /* in _PyCFrame; PYTHON_NONE: there is no such struct (3.13) */
	__u16 thread_bytes;  /* to be read of a PyThreadState */
	__u16 code;	     /* in _PyInterpreterFrame */
	__u16 previous;
	__u16 instruction;
	__u16 owner;
	__u16 is_entry;	   /* PYTHON_NONE: a frame of its own marks the entry (3.12) */
	__u16 frame_bytes; /* to be read of an _PyInterpreterFrame */
	__u8 entry_owner;  /* the owner of such a frame; PYTHON_NO_OWNER: there are none */
	__u8 minor;	   /* 11 is CPython 3.11 */
	__u16 filename;	   /* in PyCodeObject; PYTHON_NONE: too far in to be read here */
	__u16 qualified_name;
	__u16 first_line;
	__u16 ascii_text; /* where the text of a str begins that is all ASCII */
};
UNWIND_ASSERT_SIZE(python_layout, 44);

#define PYTHON_NONE	0xffff
#define PYTHON_NO_OWNER 0xff

/* A str's head, the same since 3.3: its length, and a word of bits. */
#define PYTHON_TEXT_LENGTH 16
#define PYTHON_TEXT_STATE  32
#define PYTHON_TEXT_HEAD   40
/* Of the bits: one byte a character, text right behind the head, all ASCII. */
#define PYTHON_TEXT_PLAIN_MASK 0x7cU
#define PYTHON_TEXT_PLAIN      0x64U

/* To be read of a PyCodeObject: what is wanted of it lies below. */
#define PYTHON_CODE_BYTES 144
#define PYTHON_NAME_BYTES 96
#define PYTHON_FILE_BYTES 144

/*
 * What a young process's code object is called: such a process may be over before the agent reads
 * it. Texts are cut where they are too long, a name at its end and a file at its beginning.
 */
struct python_code_id {
	__u64 code;
	__u32 pid;
	__u32 pad;
};

struct python_name {
	__u64 start_ns; /* task_struct::start_boottime of the process */
	__u64 name_at;	/* another code object at the same address has other texts */
	__u64 file_at;
	__u32 first_line;
	__u16 name_bytes; /* kept below */
	__u16 file_bytes;
	char name[PYTHON_NAME_BYTES];
	char file[PYTHON_FILE_BYTES];
};
UNWIND_ASSERT_SIZE(python_code_id, 16);
UNWIND_ASSERT_SIZE(python_name, 32 + PYTHON_NAME_BYTES + PYTHON_FILE_BYTES);

/* How a walk of Python frames ended. Append only: logs keep the numbers. */
enum python_outcome {
	PYTHON_whole = 0,	/* at the thread's first frame */
	PYTHON_too_deep = 1,	/* more than WS_PYTHON_FRAMES */
	PYTHON_read_failed = 2, /* memory that could not be read */
	PYTHON_no_thread = 3,	/* the thread is none of Python's, or not yet, or no more */
	PYTHON_OUTCOME_COUNT = 4,
};

/* The words of a stack's Python frames: one ahead, then the code object and the place of each. */
unwind_inline __u64 python_ahead(__u32 count, __u32 outcome, __u32 minor)
{
	return count | (__u64)outcome << 16 | (__u64)minor << 24;
}

unwind_inline __u32 python_count(__u64 ahead)
{
	return ahead & 0xffff;
}

unwind_inline __u32 python_outcome_of(__u64 ahead)
{
	return ahead >> 16 & 0xff;
}

unwind_inline __u32 python_minor(__u64 ahead)
{
	return ahead >> 24 & 0xff;
}

/* A frame that C code called: the call of the interpreter that runs it runs none below it. */
#define PYTHON_ENTRY (1ULL << 32)
/* The instruction is not within 4 GiB of its code object, as in damaged memory. */
#define PYTHON_NO_INSTRUCTION 0xffffffffU

/* How far into its code object a frame is, in bytes, and whether it is an entry. */
unwind_inline __u64 python_place(__u64 code, __u64 instruction, int is_entry)
{
	__u64 within = instruction - code;

	if (within > PYTHON_NO_INSTRUCTION)
		within = PYTHON_NO_INSTRUCTION;
	return within | (is_entry ? PYTHON_ENTRY : 0);
}

#endif
