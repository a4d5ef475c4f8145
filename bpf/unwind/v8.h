/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What V8 says of its own frames. All code that V8 makes, its builtins included, links its frames
 * by rbp, and below it stores what the frame is: a context, where a function of JavaScript runs, or
 * a mark with the frame's type. V8's collector walks stacks by no more, so that a frame which is
 * not linked would be a bug of V8's; but only when C++ was called through an exit frame, for else
 * there is no collection. No helpers.
 */
#ifndef WAITSCOPE_BPF_UNWIND_V8_H
#define WAITSCOPE_BPF_UNWIND_V8_H

#include "bpf/unwind/table.h"

/* Where the context or the mark is, from rbp. */
#define V8_CONTEXT_OR_MARK (-8)

/*
 * The types that tell something, a byte each, in the rule of a V8's builtins in the place of its
 * offsets: they have other numbers in other releases. 0: not in this one.
 */
enum v8_type {
	V8_TYPE_entry, /* what C++ enters V8's code through, and is returned to from */
	V8_TYPE_construct_entry,
	V8_TYPE_exit, /* what V8's code leaves for C++ through */
	V8_TYPE_builtin_exit,
	V8_TYPE_api_callback_exit,
	V8_TYPE_api_accessor_exit,
	V8_TYPE_stack_switch, /* its caller is on another stack */
	V8_TYPE_last,	      /* the highest number that is a type */
};

unwind_inline __u64 v8_types_of(const struct unwind_rule *rule)
{
	return (__u64)(__u32)rule->cfa_off | (__u64)(__u16)rule->rbp_off << 32 |
	       (__u64)(__u16)rule->rbx_off << 48;
}

unwind_inline int v8_is(__u64 types, enum v8_type which, __u64 type)
{
	return type && (types >> (8 * which) & 0xff) == type;
}

unwind_inline int v8_is_context(__u64 word)
{
	return word & 1; /* a pointer to an object */
}

unwind_inline int v8_is_entry(__u64 types, __u64 word)
{
	return !v8_is_context(word) && (v8_is(types, V8_TYPE_entry, word >> 1) ||
					v8_is(types, V8_TYPE_construct_entry, word >> 1));
}

unwind_inline int v8_is_exit(__u64 types, __u64 word)
{
	__u64 type = word >> 1;

	return !v8_is_context(word) &&
	       (v8_is(types, V8_TYPE_exit, type) || v8_is(types, V8_TYPE_builtin_exit, type) ||
		v8_is(types, V8_TYPE_api_callback_exit, type) ||
		v8_is(types, V8_TYPE_api_accessor_exit, type));
}

/*
 * Whether the frame with this word is the one that belongs here: the first one of V8's is an exit
 * frame, and the others, whose callee is V8's, are anything else.
 */
unwind_inline int v8_belongs(__u64 types, int first, __u64 word)
{
	if (first)
		return v8_is_exit(types, word);
	if (v8_is_context(word))
		return 1;
	return word && word >> 1 <= types >> (8 * V8_TYPE_last) && !v8_is_exit(types, word) &&
	       !v8_is(types, V8_TYPE_stack_switch, word >> 1);
}

#endif
