/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The Python frames of `current`, behind the addresses of its user stack in the same slot. Built
 * like the walk of the stack itself: global functions, and what is known so far in the slot.
 */
#ifndef WAITSCOPE_BPF_UNWIND_PYTHON_BPF_H
#define WAITSCOPE_BPF_UNWIND_PYTHON_BPF_H

#include "bpf/unwind/maps.bpf.h"

/* Older processes live on long enough, as a rule, for the agent to read them. */
#define PYTHON_YOUNG_NS 1000000000ULL

/* Not an outcome yet. */
#define PYTHON_GOES_ON (-1)

/* Reads the beginning of an object into the slot. 0 when it was read. */
probe_inline int python_load(struct python_walk *w, __u64 address, __u64 bytes)
{
	opaque(bytes);
	if (bytes > PYTHON_READ_BYTES)
		return 1;
	return !!bpf_probe_read_user(w->memory, bytes, (void *)address);
}

/* Of the object that was read last. */
probe_inline __u64 python_word(const struct python_walk *w, __u64 offset)
{
	opaque(offset);
	if (offset > PYTHON_READ_BYTES - 8)
		return 0;
	return *(__u64 *)(w->memory + offset);
}

probe_inline __u8 python_byte(const struct python_walk *w, __u64 offset)
{
	opaque(offset);
	if (offset >= PYTHON_READ_BYTES)
		return 0;
	return w->memory[offset];
}

/* The word at `address`, or 0, which leads nowhere either. */
probe_inline __u64 python_pointer(__u64 address)
{
	__u64 word = 0;

	bpf_probe_read_user(&word, sizeof(word), (void *)address);
	return word;
}

probe_inline int python_is_mine(struct python_walk *w)
{
	return !python_load(w, w->thread, w->layout.thread_bytes) &&
	       (__u32)python_word(w, w->layout.native_thread_id) == w->tid;
}

/* Looks at one thread state, and at none where the next interpreter begins. */
probe_function int python_try_thread(__u32 number)
{
	struct unwind_slot *s = slot_at(number);
	struct python_walk *w;

	if (!s)
		return PYTHON_no_thread;
	w = &s->python;
	if (!w->thread) {
		if (!w->interpreter)
			return PYTHON_no_thread;
		w->thread = python_pointer(w->interpreter + w->layout.threads_head);
		w->interpreter = python_pointer(w->interpreter + w->layout.next_interpreter);
		return PYTHON_GOES_ON;
	}
	if (python_is_mine(w))
		return PYTHON_whole;
	w->thread = python_word(w, w->layout.next_thread);
	return PYTHON_GOES_ON;
}

/*
 * Finds the thread state of `current` and leaves it in the slot's memory. A new thread is at the
 * head of its list, and where it was found is remembered. Returns an outcome.
 */
probe_function int python_find_thread(__u32 number)
{
	struct unwind_slot *s = slot_at(number);
	__u64 id = bpf_get_current_pid_tgid(), *known;
	int i, step = PYTHON_GOES_ON;
	struct python_walk *w;

	if (!s)
		return PYTHON_no_thread;
	w = &s->python;
	w->tid = compat_current_namespace_tid();
	known = bpf_map_lookup_elem(&python_threads, &id);
	w->thread = known ? *known : 0;
	if (w->thread && python_is_mine(w))
		return PYTHON_whole;
	w->thread = 0;
	w->interpreter = python_pointer(s->process.python_runtime + w->layout.interpreters_head);
	for (i = 0; i < PYTHON_MAX_THREADS && step == PYTHON_GOES_ON; i++)
		step = python_try_thread(number);
	if (step != PYTHON_whole)
		return PYTHON_no_thread;
	bpf_map_update_elem(&python_threads, &id, &w->thread, BPF_ANY);
	return PYTHON_whole;
}

/* From the thread state in the slot's memory. 0: it runs nothing, or is none any more. */
probe_inline __u64 python_first_frame(struct python_walk *w)
{
	__u64 frame = python_word(w, w->layout.current_frame), id;

	if (frame && w->layout.cframe_frame != PYTHON_NONE)
		frame = python_pointer(frame + w->layout.cframe_frame);
	if (!frame) {
		id = bpf_get_current_pid_tgid();
		bpf_map_delete_elem(&python_threads, &id);
	}
	return frame;
}

probe_inline void python_put(struct unwind_slot *s, __u64 at, __u64 word)
{
	__u64 index = s->stack.count + at;

	opaque(index);
	if (index >= WS_STACK_WORDS)
		return;
	s->stack.addresses[index] = word;
	s->hash = (s->hash ^ word) * 0xff51afd7ed558ccdULL;
	s->hash ^= s->hash >> 32;
}

/* The bytes kept of a text that is plain; its last ones when it is longer and `from_end`. */
probe_inline __u16 python_text(struct python_walk *w, __u64 address, char *to, __u64 room,
			       int from_end)
{
	__u64 length, bytes;

	if (python_load(w, address, PYTHON_TEXT_HEAD))
		return 0;
	if (((__u32)python_word(w, PYTHON_TEXT_STATE) & PYTHON_TEXT_PLAIN_MASK) !=
	    PYTHON_TEXT_PLAIN)
		return 0;
	length = bytes = python_word(w, PYTHON_TEXT_LENGTH);
	opaque(bytes);
	if (bytes > room)
		bytes = room;
	address += w->layout.ascii_text + (from_end ? length - bytes : 0);
	return bpf_probe_read_user(to, bytes, (void *)address) ? 0 : bytes;
}

probe_inline int python_is_kept(const struct python_code_id *id, const struct python_name *name)
{
	struct python_name *known = bpf_map_lookup_elem(&python_names, id);

	return known && known->start_ns == name->start_ns && known->name_at == name->name_at &&
	       known->file_at == name->file_at && known->first_line == name->first_line;
}

/* Keeps what the code object of the frame noted last is called. */
probe_function int python_keep_name(__u32 number)
{
	struct unwind_slot *s = slot_at(number);
	struct python_code_id id = {};
	struct python_walk *w;

	if (!s)
		return 0;
	w = &s->python;
	if (!w->code || python_load(w, w->code, PYTHON_CODE_BYTES))
		return 0;
	id.code = w->code;
	id.pid = s->stack.pid;
	w->name.start_ns = w->young_since;
	w->name.name_at = python_word(w, w->layout.qualified_name);
	w->name.file_at = python_word(w, w->layout.filename);
	w->name.first_line = (__u32)python_word(w, w->layout.first_line);
	if (python_is_kept(&id, &w->name))
		return 0;
	w->name.name_bytes = python_text(w, w->name.name_at, w->name.name, PYTHON_NAME_BYTES, 0);
	w->name.file_bytes = python_text(w, w->name.file_at, w->name.file, PYTHON_FILE_BYTES, 1);
	if (w->name.name_bytes)
		bpf_map_update_elem(&python_names, &id, &w->name, BPF_ANY);
	return 0;
}

/* Notes one frame and goes on to the one that called it. */
probe_function int python_frame(__u32 number)
{
	struct unwind_slot *s = slot_at(number);
	struct python_walk *w;
	__u64 code, at;
	int is_entry;

	if (!s)
		return PYTHON_read_failed;
	w = &s->python;
	if (python_load(w, w->frame, w->layout.frame_bytes))
		return PYTHON_read_failed;
	code = python_word(w, w->layout.code);
	is_entry = w->layout.is_entry != PYTHON_NONE && python_byte(w, w->layout.is_entry);
	at = python_place(code, python_word(w, w->layout.instruction), is_entry);
	if (python_byte(w, w->layout.owner) == w->layout.entry_owner) {
		code = 0; /* marks the entry of the frames before it, and runs nothing itself */
		at = PYTHON_ENTRY;
	}
	python_put(s, 1 + 2 * (__u64)w->frames, code);
	python_put(s, 2 + 2 * (__u64)w->frames, at);
	w->frames++;
	w->code = code;
	w->frame = python_word(w, w->layout.previous);
	return w->frame ? PYTHON_GOES_ON : PYTHON_whole;
}

probe_function int python_walk_frames(__u32 number)
{
	struct unwind_slot *s = slot_at(number);
	int young = s && s->python.young_since;
	int i, step = PYTHON_GOES_ON;

	for (i = 0; i < WS_PYTHON_FRAMES && step == PYTHON_GOES_ON; i++) {
		step = python_frame(number);
		if (young)
			python_keep_name(number);
	}
	return step == PYTHON_GOES_ON ? PYTHON_too_deep : step;
}

probe_function int python_walk_thread(__u32 number)
{
	struct unwind_slot *s = slot_at(number);
	int outcome = python_find_thread(number);

	if (!s || outcome != PYTHON_whole)
		return outcome;
	s->python.frame = python_first_frame(&s->python);
	return s->python.frame ? python_walk_frames(number) : PYTHON_whole;
}

/* When the current process began, if that is so short ago that it may be over soon; else 0. */
probe_inline __u64 python_young_since(const struct python_layout *layout)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	__u64 start_ns = BPF_CORE_READ(task, group_leader, start_boottime);

	if (layout->qualified_name == PYTHON_NONE)
		return 0;
	return bpf_ktime_get_boot_ns() - start_ns < PYTHON_YOUNG_NS ? start_ns : 0;
}

/* Appends the Python frames of `current`, in a process of Python's, to the slot's stack. */
probe_function int python_append(__u32 number)
{
	struct unwind_slot *s = slot_at(number);
	const struct python_layout *layout;
	__u32 index, outcome;

	if (!s)
		return 0;
	index = s->process.python - 1;
	layout = bpf_map_lookup_elem(&python_layouts, &index);
	if (!layout)
		return 0;
	s->python.layout = *layout;
	s->python.frames = 0;
	s->python.code = 0;
	s->python.young_since = python_young_since(layout);
	outcome = python_walk_thread(number);
	python_put(s, 0, python_ahead(s->python.frames, outcome, s->python.layout.minor));
	s->python.words = 1 + 2 * s->python.frames;
	return 0;
}

#endif
