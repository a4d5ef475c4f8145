/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The user stack of `current` by unwind tables, frame by frame, in a slot. What searches or reads
 * is in global functions, which the verifier walks once each, and what is known so far lies in the
 * slot, of which the verifier knows nothing: together 30 times less to verify than inlined code.
 */
#ifndef WAITSCOPE_BPF_UNWIND_WALK_H
#define WAITSCOPE_BPF_UNWIND_WALK_H

#include "bpf/unwind/hotspot.bpf.h"
#include "bpf/unwind/python.bpf.h"
#include "bpf/unwind/window.bpf.h"

#define USER_CODE_64 0x33 /* __USER_CS */

probe_inline __u32 chunk_word(struct unwind_chunk *chunk, __u32 index)
{
	return chunk ? chunk->words[index & (UNWIND_CHUNK_WORDS - 1)] : 0;
}

probe_inline __u32 row_at(void *from, __u32 index)
{
	__u32 chunk = index >> UNWIND_CHUNK_SHIFT;

	return chunk_word(bpf_map_lookup_elem(&unwind_rows, &chunk), index);
}

probe_inline __u32 page_at(void *from, __u32 index)
{
	__u32 chunk = index >> UNWIND_CHUNK_SHIFT;

	return chunk_word(bpf_map_lookup_elem(&unwind_pages, &chunk), index);
}

probe_inline const struct unwind_mapping *mapping_at(void *from, __u32 index)
{
	return bpf_map_lookup_elem(&unwind_mappings, &index);
}

/* Finds the mapping of the frame's pc. Returns 0 or an unwind_stop. */
probe_function int unwind_map_pc(__u32 number)
{
	struct unwind_slot *s = slot_at(number);
	const struct unwind_mapping *m;
	__u64 pc;

	if (!s)
		return UNWIND_STOP_no_process;
	pc = unwind_lookup_pc(&s->r);
	if (pc - s->mapping.start < s->mapping.end - s->mapping.start)
		return 0;
	m = unwind_find_mapping(mapping_at, NULL, s->process.first, s->process.count, pc);
	if (!m)
		return UNWIND_STOP_no_mapping;
	s->mapping = *m;
	return 0;
}

/* Finds the rule of the frame's pc in its mapping. Returns 0 or an unwind_stop. */
probe_function int unwind_rule_pc(__u32 number)
{
	struct unwind_slot *s = slot_at(number);

	if (!s)
		return UNWIND_STOP_no_process;
	s->rule = UNWIND_RULE_none;
	if (s->mapping.type == UNWIND_MAPPING_no_table)
		return UNWIND_STOP_no_table;
	if (s->mapping.type == UNWIND_MAPPING_anonymous)
		return 0;
	s->rule = unwind_find_rule(page_at, row_at, NULL, &s->range, s->mapping.page_base,
				   s->mapping.npages, unwind_lookup_pc(&s->r) - s->mapping.bias);
	return 0;
}

probe_function int unwind_by_rule(__u32 number)
{
	struct unwind_slot *s = slot_at(number);
	struct unwind_registers r;
	struct unwind_rule *rule;
	int step;

	if (!s)
		return UNWIND_STOP_no_process;
	rule = bpf_map_lookup_elem(&unwind_rules, &s->rule);
	if (!rule)
		return UNWIND_STOP_no_rule;
	r = s->r;
	step = unwind_step(rule, &r, read_stack, FROM_SLOT(number));
	s->r = r;
	return step;
}

probe_function int unwind_by_guess(__u32 number)
{
	struct unwind_slot *s = slot_at(number);
	struct unwind_registers r;
	__u64 code = 0;
	int step;

	if (!s)
		return UNWIND_STOP_no_process;
	r = s->r;
	if (s->mapping.type == UNWIND_MAPPING_table)
		unwind_doubt_v8(&r);
	if (!r.v8)
		bpf_probe_read_user(&code, sizeof(code), (void *)r.pc);
	step = unwind_guess(&r, code, read_stack, FROM_SLOT(number));
	s->r = r;
	if (step == UNWIND_STOP_frame_pointer && s->mapping.type == UNWIND_MAPPING_table)
		return UNWIND_STOP_no_rule;
	return step;
}

probe_inline void note_frame(struct unwind_slot *s)
{
	__u64 address = unwind_shown_pc(&s->r);
	__u64 index = s->stack.count;

	opaque(index);
	if (index >= WS_STACK_DEPTH)
		return;
	s->stack.addresses[index] = address;
	s->stack.count = index + 1;
	s->hash = (s->hash ^ address) * 0xff51afd7ed558ccdULL;
	s->hash ^= s->hash >> 32;
}

/* From one frame to its caller: UNWIND_CALLER, UNWIND_ROOT or an unwind_stop. */
probe_function int unwind_frame(__u32 number)
{
	struct unwind_slot *s = slot_at(number);
	int stop = unwind_map_pc(number);

	if (!s)
		return UNWIND_STOP_no_process;
	if (stop == UNWIND_STOP_no_mapping && s->r.guessed)
		return UNWIND_STOP_frame_pointer; /* the guess led out of all code */
	note_frame(s);
	if (stop)
		return stop;
	stop = unwind_rule_pc(number);
	if (stop)
		return stop;
	if (s->rule != UNWIND_RULE_none)
		return unwind_by_rule(number);
	if (s->mapping.type == UNWIND_MAPPING_anonymous) {
		stop = unwind_by_hotspot(number);
		if (stop != HOTSPOT_UNKNOWN)
			return stop;
	}
	if (unwind_is_newborn(&s->r, s->entry.orig_ax, s->entry.ax)) {
		s->r.guessed = 1;
		return UNWIND_ROOT;
	}
	return unwind_by_guess(number);
}

/* Walks the slot's stack. Returns how it ended: UNWIND_ROOT or an unwind_stop. */
probe_function int unwind_walk(__u32 number)
{
	int i, step = UNWIND_CALLER;

	for (i = 0; i < UNWIND_MAX_FRAMES && step == UNWIND_CALLER; i++)
		step = unwind_frame(number);
	return step == UNWIND_CALLER ? UNWIND_STOP_too_deep : step;
}

/* The lowest address above `sp` where a stack of this thread can end. */
probe_inline __u64 stack_top_of(struct task_struct *task, __u64 sp)
{
	__u64 first = BPF_CORE_READ(task, mm, start_stack);
	__u64 other = BPF_CORE_READ(task, thread.fsbase); /* glibc: right above a thread's stack */

	if (other > sp && (other < first || first <= sp))
		return other;
	return first > sp ? first : 0;
}

/* The registers of `current`; without a number that is of no call any more. */
probe_inline void read_entry(struct user_frame *entry)
{
	__u16 before = 0;

	compat_current_frame(entry);
	if (entry->orig_ax >= 0 && entry->ip != entry->cx)
		bpf_probe_read_user(&before, sizeof(before), (void *)(entry->ip - sizeof(before)));
	if (!unwind_is_call(entry->orig_ax, entry->ip, entry->cx, before))
		entry->orig_ax = -1;
}

/*
 * Whether `current` is past execve's point of no return, and its new program not yet set up: the
 * memory is the new one, which learns where its code ends last (load_elf_binary, 5.10 to 6.12), and
 * the registers are those of the old one.
 */
probe_inline int is_between_programs(__s64 orig_ax)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return unwind_is_exec_call(orig_ax) && !BPF_CORE_READ(task, mm, end_code);
}

/* Enters `current`'s registers into the slot. Returns 0 or an unwind_stop. */
probe_function int unwind_enter_slot(__u32 number)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct unwind_slot *s = slot_at(number);
	struct unwind_process *process;
	__u32 pid = bpf_get_current_pid_tgid() >> 32;

	if (!s)
		return UNWIND_STOP_no_process;
	read_entry(&s->entry);
	s->r.pc = s->entry.ip;
	s->r.sp = s->entry.sp;
	s->r.bp = s->entry.bp;
	s->r.bx = s->entry.bx;
	s->r.di = s->entry.di;
	unwind_begin(&s->r, s->entry.orig_ax >= 0, s->entry.orig_ax);
	s->fills = 0;
	s->window_bytes = 0;
	s->mapping.start = s->mapping.end = 0;
	s->stack.count = 0;
	s->stack.pid = pid;
	s->stack_top = stack_top_of(task, s->r.sp);
	s->process.python = 0;
	s->hash = 0x9e3779b97f4a7c15ULL ^ pid;
	if (s->entry.cs != USER_CODE_64)
		return UNWIND_STOP_unsupported;
	if (is_between_programs(s->entry.orig_ax))
		return UNWIND_STOP_read_failed; /* what is read there is not of this stack */
	process = bpf_map_lookup_elem(&unwind_processes, &pid);
	if (!process)
		return UNWIND_STOP_no_process;
	s->process = *process;
	return 0;
}

/* No stack is left of the program that called execve. */
probe_inline void become_exec(struct unwind_slot *s)
{
	s->stack.stack_class = UNWIND_CLASS_exec;
	s->stack.stop = UNWIND_STOP_none;
	s->stack.count = 0;
	s->hash = s->stack.pid;
}

probe_inline void classify(struct unwind_slot *s, int step)
{
	s->stack.stack_class = unwind_class_of(step, s->r.guessed, UNWIND_CLASS_exact);
	s->stack.stop = step == UNWIND_ROOT ? UNWIND_STOP_none : step;
	if (unwind_is_exec(s->entry.orig_ax, step))
		become_exec(s);
	s->hash ^= (__u64)s->stack.stack_class << 56 ^ (__u64)s->stack.stop << 48;
}

/* After execve's point of no return Python's memory is gone, too. */
probe_inline void finish_stack(__u32 number, struct unwind_slot *s)
{
	s->python.words = 0;
	if (s->process.python && s->stack.stack_class != UNWIND_CLASS_exec)
		python_append(number);
	s->stack.hdr.size = offsetof(struct stack_event, addresses) +
			    (s->stack.count + s->python.words) * sizeof(__u64);
	s->stack.id = s->hash ? s->hash : 1;
}

/*
 * Unwinds the user stack of `current` into the slot, with its identity and its class. 0 when there
 * is one: the kernel's helpers in user processes (io_uring's) never were in user mode.
 */
probe_function int unwind_current(__u32 number)
{
	int step = unwind_enter_slot(number);
	struct unwind_slot *s = slot_at(number);

	if (!s || !(s->entry.cs & 3))
		return 1;
	if (step)
		note_frame(s);
	else
		step = unwind_walk(number);
	classify(s, step);
	finish_stack(number, s);
	return 0;
}

#endif
