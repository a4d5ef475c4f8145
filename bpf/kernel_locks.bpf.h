/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* What a wait for a lock of the kernel waits for: what probes/kernel_locks.bpf.c noted. */
#ifndef WAITSCOPE_BPF_KERNEL_LOCKS_H
#define WAITSCOPE_BPF_KERNEL_LOCKS_H

#include "bpf/maps.bpf.h"
#include "bpf/wait_class.h"

/* A note from before all programs were attached may have an end that nobody has seen. */
probe_inline int note_holds(const struct lock_note *note)
{
	__u32 zero = 0;
	struct probe_control *c = bpf_map_lookup_elem(&control, &zero);

	return c && c->locks_ns && note->key.lock && note->since_ns >= c->locks_ns;
}

probe_inline struct kernel_entry entry_of(const struct user_frame *frame)
{
	return kernel_entry_of(frame->ip, frame->sp, frame->bp, frame->bx);
}

/* Of a thread that is off its CPU. An end that nobody saw must not make all later waits its own. */
probe_inline int waits_for_kernel_lock(const struct thread_record *r, struct task_struct *task)
{
	struct user_frame frame = {};
	struct kernel_entry now;

	if (!note_holds(&r->lock))
		return 0;
	if (task->flags & WS_PF_KTHREAD)
		return 1;
	compat_frame_of(task, &frame);
	now = entry_of(&frame);
	return same_entry(&r->lock.entry, &now);
}

/* The inode that a lock is in, or NULL: one that is its own pages' host. */
probe_inline struct inode *inode_around(__u64 lock)
{
	struct inode *inode = (struct inode *)(lock - bpf_core_field_offset(struct inode, i_rwsem));

	return BPF_CORE_READ(inode, i_data.host) == inode ? inode : NULL;
}

/* One of its names, if it has any. */
probe_inline void name_inode(struct wait_object *o, struct inode *inode)
{
	struct hlist_node *alias = BPF_CORE_READ(inode, i_dentry.first);
	struct dentry *dentry;

	o->dev = BPF_CORE_READ(inode, i_sb, s_dev);
	if (!alias || !bpf_core_field_exists(struct dentry, d_u.d_alias))
		return;
	dentry = (void *)alias - bpf_core_field_offset(struct dentry, d_u.d_alias);
	bpf_probe_read_kernel_str(o->name, sizeof(o->name), BPF_CORE_READ(dentry, d_name.name));
}

probe_inline void describe_kernel_lock(struct wait_object *o, const struct lock_note *note)
{
	struct inode *inode = NULL;

	__builtin_memset(o, 0, sizeof(*o));
	o->kind = OBJECT_kernel_lock;
	o->protocol = note->key.lock_kind;
	o->family = note->key.role;
	o->fd = -1;
	o->id = note->key.lock;
	if (note->key.role == KERNEL_LOCK_ROLE_inode)
		inode = inode_around(note->key.lock);
	if (inode)
		name_inode(o, inode);
}

#endif
