/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Everything that differs between kernels, and nothing else. Each flavour names the version and
 * the commit that changed the field. Which side is taken is decided at load time, by CO-RE
 * relocations against the running kernel's BTF: ask the kernel, never its version.
 */
#ifndef WAITSCOPE_KERNEL_COMPAT_BPF_H
#define WAITSCOPE_KERNEL_COMPAT_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

/* v5.14, 2f064a59a11f: task_struct::state became __state and shrank to 32 bits. */
struct task_struct___v5_13 {
	volatile long state;
} __attribute__((preserve_access_index));

/* v5.17, f3fa33acca9f: request::rq_disk went away; the disk is found through the queue. */
struct request___v5_16 {
	struct gendisk *rq_disk;
} __attribute__((preserve_access_index));

/* v6.19: task_struct::rseq became a struct of its own (was a pointer since v4.18, d7822b1e24f2). */
struct rseq_data___v6_19 {
	struct rseq *usrptr;
} __attribute__((preserve_access_index));
struct task_struct___v6_19 {
	struct rseq_data___v6_19 rseq;
} __attribute__((preserve_access_index));

/* v5.11, 319c15174757: the epoll instances that watch a file hang in a list outside of it, which is
 * linked one way. */
struct file___v5_10 {
	struct list_head f_ep_links;
} __attribute__((preserve_access_index));

/* v5.15, 943f0edb754f: what rwsems and rwlocks are on real-time kernels, and on no others. */
struct rwbase_rt___v5_15 {
	struct rt_mutex_base rtmutex;
} __attribute__((preserve_access_index));

#define compat_inline static __always_inline

compat_inline __u32 compat_task_state(struct task_struct *task)
{
	struct task_struct___v5_13 *old = (void *)task;

	if (bpf_core_field_exists(task->__state))
		return task->__state;
	return (__u32)BPF_CORE_READ(old, state);
}

/*
 * The user registers saved at the last kernel entry, readable from any context. The helper
 * exists since v5.15 (dd6e10fbd9fb); before, they sit at the top of the kernel stack, THREAD_SIZE
 * (16 KiB on x86-64 since v3.15, 6538b8ea886e) from its base.
 */
struct user_regs {
	__s64 syscall;
	__u64 args[5];
};

#define COMPAT_THREAD_SIZE 16384

compat_inline void compat_user_regs_by_stack(struct task_struct *task, struct user_regs *out)
{
	struct pt_regs *regs;

	regs = (struct pt_regs *)((char *)BPF_CORE_READ(task, stack) + COMPAT_THREAD_SIZE) - 1;
	out->syscall = (__s64)BPF_CORE_READ(regs, orig_ax);
	out->args[0] = BPF_CORE_READ(regs, di);
	out->args[1] = BPF_CORE_READ(regs, si);
	out->args[2] = BPF_CORE_READ(regs, dx);
	out->args[3] = BPF_CORE_READ(regs, r10);
	out->args[4] = BPF_CORE_READ(regs, r8);
}

compat_inline void compat_user_regs(struct task_struct *task, struct user_regs *out)
{
	struct pt_regs *regs;

	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs)) {
		regs = (struct pt_regs *)bpf_task_pt_regs(task);
		out->syscall = (__s64)regs->orig_ax;
		out->args[0] = regs->di;
		out->args[1] = regs->si;
		out->args[2] = regs->dx;
		out->args[3] = regs->r10;
		out->args[4] = regs->r8;
		return;
	}
	compat_user_regs_by_stack(task, out);
}

#define COMPAT_PF_KTHREAD 0x200000

/* The same of `current`; false for a kernel thread, which has none. */
compat_inline int compat_current_user_regs(struct user_regs *out)
{
	struct task_struct *task;

	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf)) {
		task = bpf_get_current_task_btf();
		if (task->flags & COMPAT_PF_KTHREAD)
			return 0;
		compat_user_regs(task, out);
		return 1;
	}
	task = (void *)bpf_get_current_task();
	if (BPF_CORE_READ(task, flags) & COMPAT_PF_KTHREAD)
		return 0;
	compat_user_regs_by_stack(task, out);
	return 1;
}

/* Where `current` entered the kernel from user mode, as far as unwinding needs it. */
struct user_frame {
	__u64 ip;
	__u64 sp;
	__u64 bp;
	__u64 bx;
	__u64 di;
	__u64 cx;
	__u64 ax;
	__s64 orig_ax; /* -1: not by a system call */
	__u64 cs;
};

compat_inline void compat_frame_by_helper(struct task_struct *task, struct user_frame *out)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);

	out->ip = regs->ip;
	out->sp = regs->sp;
	out->bp = regs->bp;
	out->bx = regs->bx;
	out->di = regs->di;
	out->cx = regs->cx;
	out->ax = regs->ax;
	out->orig_ax = (__s64)regs->orig_ax;
	out->cs = regs->cs;
}

compat_inline void compat_frame_by_stack(struct task_struct *task, struct user_frame *out)
{
	struct pt_regs *regs;

	regs = (struct pt_regs *)((char *)BPF_CORE_READ(task, stack) + COMPAT_THREAD_SIZE) - 1;
	out->ip = BPF_CORE_READ(regs, ip);
	out->sp = BPF_CORE_READ(regs, sp);
	out->bp = BPF_CORE_READ(regs, bp);
	out->bx = BPF_CORE_READ(regs, bx);
	out->di = BPF_CORE_READ(regs, di);
	out->cx = BPF_CORE_READ(regs, cx);
	out->ax = BPF_CORE_READ(regs, ax);
	out->orig_ax = (__s64)BPF_CORE_READ(regs, orig_ax);
	out->cs = BPF_CORE_READ(regs, cs);
}

/* Not for kernel threads. Every register is saved at every entry (v4.17, 3e3b9293d392). */
compat_inline void compat_current_frame(struct user_frame *out)
{
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs))
		compat_frame_by_helper(bpf_get_current_task_btf(), out);
	else
		compat_frame_by_stack((void *)bpf_get_current_task(), out);
}

/* The same of any thread that is off its CPU. */
compat_inline void compat_frame_of(struct task_struct *task, struct user_frame *out)
{
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs))
		compat_frame_by_helper(task, out);
	else
		compat_frame_by_stack(task, out);
}

/*
 * The thread id of `current` as its own process sees it, in its PID namespace.
 * task_struct::thread_pid exists since v4.19 (2c4704756cab).
 */
compat_inline __u32 compat_current_namespace_tid(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	__u32 level = BPF_CORE_READ(pid, level);

	return BPF_CORE_READ(pid, numbers[level].nr);
}

/* Set while a 32-bit program is in a system call: its numbers mean something else. */
#define COMPAT_TS_COMPAT 0x2

compat_inline int compat_is_32bit_call(struct task_struct *task)
{
	return task->thread_info.status & COMPAT_TS_COMPAT;
}

/* The helper exists since v5.11 (3ca1032ab7ab). */
compat_inline __u64 compat_current_stack_base(void)
{
	struct task_struct *task;

	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf)) {
		task = bpf_get_current_task_btf();
		return (__u64)task->stack;
	}
	task = (void *)bpf_get_current_task();
	return (__u64)BPF_CORE_READ(task, stack);
}

/*
 * Whether this runs in an interrupt: hard and soft ones run on a stack of their own, and a raw
 * tracepoint's arguments lie on the stack in use (x86-64 since v2.6, softirqs since v5.8; arm64
 * since v4.5). The preempt count would say which of the two, but it is a per-CPU variable, and
 * kernels without CONFIG_KALLSYMS_ALL do not let programs find those.
 */
compat_inline int compat_in_interrupt(void *ctx)
{
	__u64 base = compat_current_stack_base();
	__u64 top = base + COMPAT_THREAD_SIZE;

	if ((__u64)ctx < base)
		return 1;
	return (__u64)ctx >= top;
}

/*
 * How long a thread that is being switched in has been on its run queue by the scheduler's own
 * clock; 0 when the kernel does not keep it (CONFIG_SCHED_INFO, cfs_rq::rq with
 * CONFIG_FAIR_GROUP_SCHED: both on in distribution kernels).
 */
compat_inline __u64 compat_queued_ns(struct task_struct *task)
{
	__u64 queued, clock;

	if (!bpf_core_field_exists(task->sched_info.last_queued) ||
	    !bpf_core_field_exists(struct cfs_rq, rq))
		return 0;
	queued = BPF_CORE_READ(task, sched_info.last_queued);
	clock = BPF_CORE_READ(task, se.cfs_rq, rq, clock);
	return queued && clock > queued ? clock - queued : 0;
}

/*
 * Plain loads through a pointer the verifier knows no type of, at 1 ns where a probing read takes
 * 11: v6.2 (a35b9af4ec2c). They read 0 where there is no memory.
 */
extern void *bpf_rdonly_cast(const void *pointer, __u32 btf_id) __ksym __weak;

#define compat_cast(type, pointer) ((type *)bpf_rdonly_cast(pointer, bpf_core_type_id_kernel(type)))

compat_inline struct gendisk *compat_request_disk(struct request *rq)
{
	struct request___v5_16 *old = (void *)rq;

	if (bpf_core_field_exists(old->rq_disk))
		return BPF_CORE_READ(old, rq_disk);
	return BPF_CORE_READ(rq, q, disk);
}

/*
 * The first of the links by which epoll instances watch a file, or NULL; in each the next one's
 * address comes first. Read what they hold by probing: they may go at any time. Before v5.11 the
 * last one leads back to the file.
 */
compat_inline void *compat_first_watch(struct file *file)
{
	struct file___v5_10 *old = (void *)file;

	if (bpf_core_field_exists(old->f_ep_links))
		return BPF_CORE_READ(old, f_ep_links.next);
	return BPF_CORE_READ(file, f_ep, first);
}

/* The instance that a link belongs to. */
compat_inline __u64 compat_watcher(void *link)
{
	struct epitem *item = link - bpf_core_field_offset(struct epitem, fllink);

	return (__u64)BPF_CORE_READ(item, ep);
}

/* Whether the C library registered restartable sequences, so that rseq_update fires for it. */
compat_inline int compat_has_rseq(struct task_struct *task)
{
	struct task_struct___v6_19 *newer = (void *)task;

	if (bpf_core_field_exists(newer->rseq.usrptr))
		return BPF_CORE_READ(newer, rseq.usrptr) != NULL;
	if (bpf_core_field_exists(task->rseq))
		return task->rseq != NULL;
	return 0;
}

#endif
