/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * From one frame's registers to its caller's. No helpers: memory is read through a function that
 * the user of this header brings, so that the same steps run in the kernel on a live stack, in
 * the agent on a shipped window, and under GoogleTest.
 */
#ifndef WAITSCOPE_BPF_UNWIND_STEP_H
#define WAITSCOPE_BPF_UNWIND_STEP_H

#include "bpf/unwind/table.h"
#include "bpf/unwind/v8.h"
#include "bpf/unwind/x86_64.h"

/* A frame that a guess by frame pointer may span: larger ones are taken for garbage. */
#define UNWIND_MAX_GUESSED_FRAME (1 << 20)

enum unwind_known {
	UNWIND_KNOWN_rbp = 1,
	UNWIND_KNOWN_rbx = 2,
	UNWIND_KNOWN_rdi = 4, /* in the leaf frame only */
};

struct unwind_registers {
	__u64 pc;
	__u64 sp;
	__u64 bp;
	__u64 bx;
	__u64 di;
	__u32 known;   /* bits of enum unwind_known */
	__u8 pc_exact; /* the pc is where the frame stands, not where a call returns to */
	__u8 leaf;     /* nothing was called from here but the kernel */
	__u8 syscall;  /* the leaf frame entered the kernel by a system call */
	__u8 guessed;  /* steps that were not told by a rule; saturates */
	__u64 v8;      /* V8's types of frames, where the callee is V8's and so this frame, too */
};

/* What a step comes to: 0 for "the registers are the caller's now", ROOT, or an unwind_stop. */
#define UNWIND_CALLER 0
#define UNWIND_ROOT   (-1)

/* 0 when *word was read. */
typedef int (*unwind_read_word)(void *from, __u64 address, __u64 *word);

unwind_inline int unwind_is_exec_call(__s64 orig_ax)
{
	return orig_ax == SYSCALL_EXECVE || orig_ax == SYSCALL_EXECVEAT;
}

/*
 * The registers as the kernel saved them. In a system call the pc is behind the instruction
 * `syscall`, which belongs to the same frame as the one before; right after execve it is the
 * exact entry point, although orig_ax still names the call.
 */
unwind_inline void unwind_begin(struct unwind_registers *r, int in_syscall, __u64 orig_ax)
{
	r->known = UNWIND_KNOWN_rbp | UNWIND_KNOWN_rbx | UNWIND_KNOWN_rdi;
	r->pc_exact = !in_syscall || unwind_is_exec_call(orig_ax);
	r->leaf = 1;
	r->syscall = in_syscall;
	r->guessed = 0;
	r->v8 = 0;
}

unwind_inline void unwind_count_guess(struct unwind_registers *r)
{
	if (r->guessed < 255)
		r->guessed++;
}

/*
 * Whether registers with a system call's number belong to that call. A signal's handler begins with
 * the interrupted call's number still there, and its first instruction is no return address.
 * `syscall` leaves its return address in rcx, too; where the processor does not (FRED), the
 * instruction tells.
 */
unwind_inline int unwind_is_call(__s64 orig_ax, __u64 ip, __u64 cx, __u32 code_before)
{
	return orig_ax >= 0 &&
	       (ip == cx || unwind_is_exec_call(orig_ax) || code_before == CODE_SYSCALL);
}

/* The address to look up: a call may be the last instruction of a function that never returns. */
unwind_inline __u64 unwind_lookup_pc(const struct unwind_registers *r)
{
	return r->pc_exact ? r->pc : r->pc - 1;
}

/*
 * The address to show: who names it looks one below all addresses but the leaf's, so what a signal
 * interrupted is shown one above.
 */
unwind_inline __u64 unwind_shown_pc(const struct unwind_registers *r)
{
	return r->pc + (r->pc_exact && !r->leaf);
}

/*
 * A thread that has not left the system call that made it yet: what called the C library's
 * wrapper is on its creator's stack, so the wrapper is its root.
 */
unwind_inline int unwind_is_newborn(const struct unwind_registers *r, __u64 orig_ax, __u64 ax)
{
	return r->leaf && r->syscall && !ax &&
	       (orig_ax == SYSCALL_CLONE || orig_ax == SYSCALL_CLONE3);
}

unwind_inline __u64 unwind_plt_cfa(const struct unwind_rule *rule, __u64 pc, __u64 sp)
{
	return sp + 8 + ((pc & 15) >= (__u64)rule->cfa_off ? 8 : 0);
}

/* The register that a rule's CFA starts from. Returns an unwind_stop. */
unwind_inline int unwind_cfa_base(const struct unwind_rule *rule, const struct unwind_registers *r,
				  __u64 *base)
{
	*base = r->sp;
	if (rule->cfa_kind == UNWIND_CFA_rbx) {
		*base = r->bx;
		return r->known & UNWIND_KNOWN_rbx ? 0 : UNWIND_STOP_lost_register;
	}
	if (rule->cfa_kind == UNWIND_CFA_rbp || rule->cfa_kind == UNWIND_CFA_at_rbp) {
		*base = r->bp;
		return r->known & UNWIND_KNOWN_rbp ? 0 : UNWIND_STOP_lost_register;
	}
	return 0;
}

/* Returns an unwind_stop. */
unwind_inline int unwind_cfa(const struct unwind_rule *rule, const struct unwind_registers *r,
			     unwind_read_word read, void *from, __u64 *cfa)
{
	__u64 base;
	int stop = unwind_cfa_base(rule, r, &base);

	if (stop)
		return stop;
	if (rule->cfa_kind == UNWIND_CFA_plt) {
		*cfa = unwind_plt_cfa(rule, r->pc, base);
		return 0;
	}
	base += (__s64)rule->cfa_off;
	*cfa = base;
	if (rule->cfa_kind < UNWIND_CFA_at_rsp)
		return 0;
	if (read(from, base, cfa))
		return UNWIND_STOP_read_failed;
	if (rule->cfa_kind == UNWIND_CFA_above_at_rsp)
		*cfa += 8;
	return 0;
}

/* The caller's value of rbp or rbx. 0 when *value holds it; untouched where it stays the same. */
unwind_inline int unwind_saved(__u8 kind, __s16 offset, const struct unwind_registers *r, __u64 cfa,
			       unwind_read_word read, void *from, __u64 *value)
{
	__u64 base = cfa;

	if (kind == UNWIND_SAVED_same)
		return 0;
	if (kind >= UNWIND_SAVED_unknown)
		return 1;
	if (kind == UNWIND_SAVED_at_rbp) {
		if (!(r->known & UNWIND_KNOWN_rbp))
			return 1;
		base = r->bp;
	}
	if (kind == UNWIND_SAVED_at_rsp)
		base = r->sp;
	return read(from, base + (__s64)offset, value);
}

/* Returns an unwind_stop. Callees lie below their callers, on whatever stack they share. */
unwind_inline int unwind_return_address(const struct unwind_rule *rule,
					const struct unwind_registers *r, __u64 cfa,
					unwind_read_word read, void *from, __u64 *pc)
{
	if (rule->return_kind == UNWIND_RETURN_in_rdi) {
		*pc = r->di;
		if (!(r->known & UNWIND_KNOWN_rdi))
			return UNWIND_STOP_lost_register;
		return cfa < r->sp ? UNWIND_STOP_no_progress : 0;
	}
	if (cfa <= r->sp)
		return UNWIND_STOP_no_progress;
	return read(from, cfa - 8, pc) ? UNWIND_STOP_read_failed : 0;
}

/* Enters the caller. Returns UNWIND_CALLER or an unwind_stop. */
unwind_inline int unwind_enter(struct unwind_registers *r, __u64 pc, __u64 sp)
{
	if (!pc)
		return UNWIND_STOP_null_address;
	r->pc = pc;
	r->sp = sp;
	r->known &= ~UNWIND_KNOWN_rdi;
	r->pc_exact = 0;
	r->leaf = 0;
	return UNWIND_CALLER;
}

/* Over a signal handler's frame to what the signal interrupted, which may be on another stack. */
unwind_inline int unwind_signal(struct unwind_registers *r, unwind_read_word read, void *from)
{
	__u64 frame = r->sp, pc, sp;
	int stop;

	if (read(from, frame + SIGNAL_FRAME_RIP, &pc) || read(from, frame + SIGNAL_FRAME_RSP, &sp))
		return UNWIND_STOP_read_failed;
	r->known = UNWIND_KNOWN_rbp | UNWIND_KNOWN_rbx;
	if (read(from, frame + SIGNAL_FRAME_RBP, &r->bp))
		r->known &= ~UNWIND_KNOWN_rbp;
	if (read(from, frame + SIGNAL_FRAME_RBX, &r->bx))
		r->known &= ~UNWIND_KNOWN_rbx;
	stop = unwind_enter(r, pc, sp);
	r->pc_exact = 1;
	return stop;
}

/* One step by a rule whose CFA is computed. */
unwind_inline int unwind_by_cfa(const struct unwind_rule *rule, struct unwind_registers *r,
				unwind_read_word read, void *from)
{
	__u64 cfa, pc, bp = r->bp, bx = r->bx;
	__u32 known = r->known;
	int stop = unwind_cfa(rule, r, read, from, &cfa);

	if (!stop)
		stop = unwind_return_address(rule, r, cfa, read, from, &pc);
	if (stop)
		return stop;
	if (unwind_saved(rule->rbp_kind, rule->rbp_off, r, cfa, read, from, &bp))
		known &= ~UNWIND_KNOWN_rbp;
	else if (rule->rbp_kind != UNWIND_SAVED_same)
		known |= UNWIND_KNOWN_rbp;
	if (unwind_saved(rule->rbx_kind, rule->rbx_off, r, cfa, read, from, &bx))
		known &= ~UNWIND_KNOWN_rbx;
	else if (rule->rbx_kind != UNWIND_SAVED_same)
		known |= UNWIND_KNOWN_rbx;
	r->known = known;
	r->bp = bp;
	r->bx = bx;
	return unwind_enter(r, pc, cfa);
}

/* By frame pointer, as JITs and Go keep it. A frame pointer of 0 is a root by convention. */
unwind_inline int unwind_guess_frame_pointer(struct unwind_registers *r, unwind_read_word read,
					     void *from)
{
	__u64 frame = r->bp, pc, bp;

	if (!(r->known & UNWIND_KNOWN_rbp))
		return UNWIND_STOP_lost_register;
	if (!frame)
		return UNWIND_ROOT;
	if (frame < r->sp || frame - r->sp >= UNWIND_MAX_GUESSED_FRAME)
		return UNWIND_STOP_frame_pointer;
	if (read(from, frame + 8, &pc) || read(from, frame, &bp))
		return UNWIND_STOP_read_failed;
	r->bp = bp;
	r->known &= ~UNWIND_KNOWN_rbx;
	return unwind_enter(r, pc, frame + 16);
}

/*
 * From a frame of V8's code to its caller's. It is no guess when the frame is what must be there;
 * in the leaf, and where a signal interrupted, it may not stand yet.
 */
unwind_inline int unwind_v8_frame(__u64 types, struct unwind_registers *r, unwind_read_word read,
				  void *from)
{
	__u64 word = 0;
	int told = !r->pc_exact && (r->known & UNWIND_KNOWN_rbp) &&
		   !read(from, r->bp + V8_CONTEXT_OR_MARK, &word) &&
		   v8_belongs(types, !r->v8, word);

	if (!told)
		unwind_count_guess(r);
	r->v8 = told && !v8_is_entry(types, word) ? types : 0;
	return unwind_guess_frame_pointer(r, read, from);
}

/* What is neither V8's builtins nor made by it calls its code through an entry frame alone. */
unwind_inline void unwind_doubt_v8(struct unwind_registers *r)
{
	if (!r->v8)
		return;
	r->v8 = 0;
	unwind_count_guess(r);
}

/* One step by a rule. Returns UNWIND_CALLER, UNWIND_ROOT or an unwind_stop. */
unwind_inline int unwind_step(const struct unwind_rule *rule, struct unwind_registers *r,
			      unwind_read_word read, void *from)
{
	if (rule->cfa_kind == UNWIND_CFA_v8)
		return unwind_v8_frame(v8_types_of(rule), r, read, from);
	unwind_doubt_v8(r);
	if (rule->cfa_kind == UNWIND_CFA_end)
		return UNWIND_ROOT;
	if (rule->cfa_kind == UNWIND_CFA_signal)
		return unwind_signal(r, read, from);
	if (rule->cfa_kind == UNWIND_CFA_none)
		return UNWIND_STOP_no_rule;
	if (rule->cfa_kind == UNWIND_CFA_unsupported || rule->cfa_kind >= UNWIND_CFA_KIND_COUNT)
		return UNWIND_STOP_unsupported;
	return unwind_by_cfa(rule, r, read, from);
}

/* A frame of `bytes` whose saved registers, if any, are not known to be. */
unwind_inline int unwind_guess_size(struct unwind_registers *r, __u64 bytes, unwind_read_word read,
				    void *from)
{
	__u64 pc;

	if (read(from, r->sp + bytes - 8, &pc))
		return UNWIND_STOP_read_failed;
	return unwind_enter(r, pc, r->sp + bytes);
}

/*
 * One step where no rule covers the pc; `code` is the word at the pc, 0 when it is not readable.
 * In code without a file, what called V8's code, other than by an entry frame, is V8's.
 * A leaf in a system call is taken for a bare wrapper: the caller of this must check that the new
 * pc is executable.
 */
unwind_inline int unwind_guess(struct unwind_registers *r, __u64 code, unwind_read_word read,
			       void *from)
{
	if (r->v8)
		return unwind_v8_frame(r->v8, r, read, from);
	unwind_count_guess(r);
	if (r->leaf && r->syscall)
		return unwind_guess_size(r, 8, read, from);
	if (code == CODE_SIGRETURN)
		return unwind_signal(r, read, from);
	if ((code & CODE_TRAMPOLINE_MASK) == CODE_TRAMPOLINE)
		return unwind_guess_size(r, 16, read, from);
	return unwind_guess_frame_pointer(r, read, from);
}

/* A thread past execve's point of no return: its old stack is gone, its new one not yet there. */
unwind_inline int unwind_is_exec(__u64 orig_ax, int stop)
{
	return stop == UNWIND_STOP_read_failed && unwind_is_exec_call(orig_ax);
}

/* The class of a whole stack from how its last step ended. `complete` is exact or late. */
unwind_inline int unwind_class_of(int last_step, int guessed, int complete)
{
	if (last_step != UNWIND_ROOT)
		return UNWIND_CLASS_truncated;
	return guessed ? UNWIND_CLASS_heuristic : complete;
}

#endif
