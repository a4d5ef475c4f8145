/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Unwind tables as the agent builds them and both unwinders read them. No helpers: the same code
 * runs in the kernel and under GoogleTest.
 *
 *   process -> mappings (sorted) -> page of text -> rows of the page (sorted) -> rule
 *
 * A table covers whole 4 KiB pages from the first executable byte of a file to the last. A row
 * holds from its pc up to the next row's, also across pages; a gap in the call frame information
 * has a row of its own (UNWIND_RULE_none). Every table starts with a row at offset 0.
 */
#ifndef WAITSCOPE_BPF_UNWIND_TABLE_H
#define WAITSCOPE_BPF_UNWIND_TABLE_H

#ifdef __BPF__
#include "vmlinux.h"
#else
#include <linux/types.h>
#endif

#define UNWIND_MAX_FRAMES    256
#define UNWIND_WINDOW_BYTES  8192  /* one read of so much costs as much as three of one word */
#define UNWIND_MAX_RULES     16384 /* all of a Debian 12 install has 5152 */
#define UNWIND_PAGE_SHIFT    12
#define UNWIND_PAGE_BYTES    (1 << UNWIND_PAGE_SHIFT)
#define UNWIND_ROW_STEPS     13 /* halvings until at most 4096 rows of one page are one */
#define UNWIND_MAPPING_STEPS 17 /* the same for 65536 mappings of one process */

#ifdef __cplusplus
#define UNWIND_ASSERT_SIZE(type, size) static_assert(sizeof(struct type) == (size), #type)
#else
#define UNWIND_ASSERT_SIZE(type, size) _Static_assert(sizeof(struct type) == (size), #type)
#endif
#define unwind_inline static inline __attribute__((always_inline))

/* How the canonical frame address (the stack pointer before the call) is computed. */
enum unwind_cfa_kind {
	UNWIND_CFA_none = 0,	      /* no information: a gap, data, hand-written code */
	UNWIND_CFA_end = 1,	      /* the thread's root: nothing called this */
	UNWIND_CFA_unsupported = 2,   /* information of a form that no kind here carries */
	UNWIND_CFA_signal = 3,	      /* the kernel's signal frame is at rsp */
	UNWIND_CFA_rsp = 4,	      /* rsp + cfa_off */
	UNWIND_CFA_rbp = 5,	      /* rbp + cfa_off */
	UNWIND_CFA_rbx = 6,	      /* rbx + cfa_off: ld.so's lazy binding */
	UNWIND_CFA_plt = 7,	      /* rsp + 8, and 8 more where (pc & 15) >= cfa_off */
	UNWIND_CFA_at_rsp = 8,	      /* the word at rsp + cfa_off */
	UNWIND_CFA_at_rbp = 9,	      /* the word at rbp + cfa_off: realigned stacks */
	UNWIND_CFA_above_at_rsp = 10, /* the word at rsp + cfa_off, plus 8: libcrypto's assembly */
	UNWIND_CFA_v8 = 11,	      /* V8's builtins: types of frames instead of offsets (v8.h) */
	UNWIND_CFA_KIND_COUNT = 12,
};

/* Where the caller's rbp or rbx is. */
enum unwind_saved_kind {
	UNWIND_SAVED_same = 0,	  /* in the register still */
	UNWIND_SAVED_at_cfa = 1,  /* the word at CFA + offset */
	UNWIND_SAVED_at_rbp = 2,  /* the word at this frame's rbp + offset */
	UNWIND_SAVED_at_rsp = 3,  /* the word at this frame's rsp + offset */
	UNWIND_SAVED_unknown = 4, /* undefined, or of a form that no kind here carries */
	UNWIND_SAVED_KIND_COUNT = 5,
};

enum unwind_return_kind {
	UNWIND_RETURN_at_cfa = 0, /* the word below the CFA, as `call` left it */
	UNWIND_RETURN_in_rdi = 1, /* glibc's vfork, in the leaf frame only */
	UNWIND_RETURN_KIND_COUNT = 2,
};

/* 16 bits are enough for every saved register of 13 million rows; what does not fit is `unknown`.
 */
struct unwind_rule {
	__u8 cfa_kind;
	__u8 return_kind;
	__u8 rbp_kind;
	__u8 rbx_kind;
	__s32 cfa_off;
	__s16 rbp_off;
	__s16 rbx_off;
};
UNWIND_ASSERT_SIZE(unwind_rule, 12);

/* The first entries of every rule dictionary. */
enum unwind_fixed_rule {
	UNWIND_RULE_none = 0,
	UNWIND_RULE_end = 1,
	UNWIND_RULE_unsupported = 2,
	UNWIND_FIXED_RULES = 3,
};

/* A row: 12 bits of pc within its page above 20 bits of rule index, of which 16 are in use. */
#define UNWIND_RULE_BITS 20

unwind_inline __u32 unwind_row(__u32 pc_in_page, __u32 rule)
{
	return pc_in_page << UNWIND_RULE_BITS | rule;
}

unwind_inline __u32 unwind_row_pc(__u32 row)
{
	return row >> UNWIND_RULE_BITS;
}

unwind_inline __u32 unwind_row_rule(__u32 row)
{
	return row & 0xffff;
}

enum unwind_mapping_type {
	UNWIND_MAPPING_no_table = 0,  /* a file whose table is missing: reason no_table */
	UNWIND_MAPPING_table = 1,     /* a file, or the vdso, with a table */
	UNWIND_MAPPING_anonymous = 2, /* code without a file: a JIT's, walked by frame pointer */
};

/*
 * One executable mapping of one process. pc - bias counts from the first page of the table, whose
 * page index begins at page_base and has npages + 1 entries: page p's rows are
 * [pages[page_base + p], pages[page_base + p + 1]).
 */
struct unwind_mapping {
	__u64 start;
	__u64 end;
	__u64 bias;
	__u32 page_base;
	__u32 npages;
	__u32 type;
	__u32 file; /* the agent's number of the file; nothing to the kernel side */
};
UNWIND_ASSERT_SIZE(unwind_mapping, 40);

/* The process's mappings are [first, first + count) of the arena, sorted and not overlapping. */
struct unwind_process {
	__u32 first;
	__u32 count;
	__u32 generation; /* rises whenever the range is replaced; part of every cache key */
	__u32 python;	  /* 1 + the index of its CPython's layout; 0: it runs none that is known */
	__u64 python_runtime; /* where its _PyRuntime is */
};
UNWIND_ASSERT_SIZE(unwind_process, 24);

enum unwind_class {
#define UNWIND_CLASS(name) UNWIND_CLASS_##name,
#include "bpf/unwind/results.def"
#undef UNWIND_CLASS
	UNWIND_CLASS_COUNT,
};

enum unwind_stop {
#define UNWIND_STOP(name) UNWIND_STOP_##name,
#include "bpf/unwind/results.def"
#undef UNWIND_STOP
	UNWIND_STOP_COUNT,
};

/*
 * Both searches read through an accessor, so that the arrays may be globals, map values or a
 * vector. Accessors bound their index themselves.
 */
typedef const struct unwind_mapping *(*unwind_mapping_at)(void *from, __u32 index);
typedef __u32 (*unwind_word_at)(void *from, __u32 index);

/* The mapping of [first, first + count) that holds `pc`, or 0. */
unwind_inline const struct unwind_mapping *unwind_find_mapping(unwind_mapping_at at, void *from,
							       __u32 first, __u32 count, __u64 pc)
{
	const struct unwind_mapping *m;
	__u32 low = first, high = first + count, middle;
	int i;

	for (i = 0; i < UNWIND_MAPPING_STEPS && low < high; i++) {
		middle = low + (high - low) / 2;
		m = at(from, middle);
		if (!m)
			return 0;
		if (pc < m->start)
			high = middle;
		else if (pc >= m->end)
			low = middle + 1;
		else
			return m;
	}
	return 0;
}

/*
 * What a search has narrowed down to. It lies in memory of the caller's: loaded anew for each
 * halving, it is an unknown number to the verifier, which then need not follow each way to it (a
 * million instructions else, a thousand so).
 */
struct unwind_range {
	__u32 low;
	__u32 high;
};

/* How many of the rows [first, end), all of one page, begin at or before `pc_in_page`; plus first.
 */
unwind_inline __u32 unwind_rows_upto(unwind_word_at row_at, void *from,
				     volatile struct unwind_range *range, __u32 pc_in_page)
{
	__u32 low, high, middle;
	int i;

	for (i = 0; i < UNWIND_ROW_STEPS; i++) {
		low = range->low;
		high = range->high;
		if (low >= high)
			break;
		middle = low + (high - low) / 2;
		if (unwind_row_pc(row_at(from, middle)) <= pc_in_page)
			range->low = middle + 1;
		else
			range->high = middle;
	}
	return range->low;
}

/*
 * The rule index for `offset`, counted from the first page of a table. When no row of the page
 * begins at or before it, the last row before the page holds.
 */
unwind_inline __u32 unwind_find_rule(unwind_word_at page_at, unwind_word_at row_at, void *from,
				     volatile struct unwind_range *range, __u32 page_base,
				     __u32 npages, __u64 offset)
{
	__u64 page = offset >> UNWIND_PAGE_SHIFT;
	__u32 next;

	if (page >= npages)
		return UNWIND_RULE_none;
	range->low = page_at(from, page_base + (__u32)page);
	range->high = page_at(from, page_base + (__u32)page + 1);
	next = unwind_rows_upto(row_at, from, range, offset & (UNWIND_PAGE_BYTES - 1));
	if (!next)
		return UNWIND_RULE_none;
	return unwind_row_rule(row_at(from, next - 1));
}

#endif
