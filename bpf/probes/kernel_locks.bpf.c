// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Which lock of the kernel a thread stands in line for, and who owns it: lock:contention_begin and
 * lock:contention_end (v5.19, 16edd9b511a1). They fire for spinning locks, too, and the end of
 * those with the lock held: attached only while somebody asks. Between the two, whatever the
 * thread waits for is this lock, which the scheduler's hooks then tell.
 */
#include "bpf/kernel_locks.bpf.h"
#include "bpf/totals.h"

/* Flags of contention_begin; no flag at all: a semaphore. */
#define LCB_F_SPIN   0x01
#define LCB_F_READ   0x02
#define LCB_F_WRITE  0x04
#define LCB_F_RT     0x08
#define LCB_F_PERCPU 0x10
#define LCB_F_MUTEX  0x20

/* In the words of owners, beside the address of the task. */
#define OWNER_FLAGS  7
#define READER_OWNED 1

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, struct kernel_lock_key);
	__type(value, struct kernel_lock_totals);
} kernel_lock_waits SEC(".maps");

/* On real-time kernels mutexes and rwsems are other structures, and say LCB_F_RT. */
probe_inline __u8 kind_of(__u32 flags)
{
	if (flags & LCB_F_RT)
		return KERNEL_LOCK_rt_mutex;
	if (flags & LCB_F_MUTEX)
		return KERNEL_LOCK_mutex;
	if (flags & LCB_F_PERCPU)
		return KERNEL_LOCK_percpu_rwsem;
	return flags & (LCB_F_READ | LCB_F_WRITE) ? KERNEL_LOCK_rwsem : KERNEL_LOCK_semaphore;
}

/* Of readers only the last one stands there, and may have left: nobody. */
probe_inline struct task_struct *owner_of(const void *lock, __u32 flags)
{
	const struct rt_mutex_base *rt = lock;
	const struct rw_semaphore *sem = lock;
	const struct mutex *mutex = lock;
	__u64 word = 0;

	if (flags == LCB_F_RT)
		word = (__u64)BPF_CORE_READ(rt, owner);
	else if (flags == LCB_F_MUTEX && bpf_core_field_exists(mutex->owner))
		word = BPF_CORE_READ(mutex, owner.counter);
	else if (kind_of(flags) == KERNEL_LOCK_rwsem && bpf_core_field_exists(sem->owner))
		word = BPF_CORE_READ(sem, owner.counter);
	if (kind_of(flags) == KERNEL_LOCK_rwsem && word & READER_OWNED)
		return NULL;
	return (struct task_struct *)(word & ~(__u64)OWNER_FLAGS);
}

probe_inline __u8 role_of(struct task_struct *task, __u64 lock, __u8 kind)
{
	struct mm_struct *mm = task->mm;

	if (kind != KERNEL_LOCK_rwsem)
		return KERNEL_LOCK_ROLE_unknown;
	if (mm && lock == (__u64)mm + bpf_core_field_offset(struct mm_struct, mmap_lock))
		return KERNEL_LOCK_ROLE_mmap;
	return inode_around(lock) ? KERNEL_LOCK_ROLE_inode : KERNEL_LOCK_ROLE_unknown;
}

/* The owner may be gone by now: then what is read is of another, or zero. */
probe_inline void note_owner(struct thread_ref *ref, struct task_struct *owner)
{
	ref->pid = owner ? BPF_CORE_READ(owner, tgid) : 0;
	ref->tid = owner ? BPF_CORE_READ(owner, pid) : 0;
	ref->start_ns = owner ? BPF_CORE_READ(owner, start_time) : 0;
}

probe_inline int stands_at(const struct lock_note *note, const void *lock)
{
	return note->key.lock == (__u64)lock && note_holds(note);
}

/* Readers on real-time kernels say it once more, of the rt-mutex inside of the lock they are at. */
probe_inline int stands_around(const struct lock_note *note, const void *rt_mutex)
{
	if (!bpf_core_type_exists(struct rwbase_rt___v5_15))
		return 0;
	return stands_at(note, rt_mutex - bpf_core_field_offset(struct rwbase_rt___v5_15, rtmutex));
}

probe_inline struct kernel_entry current_entry(struct task_struct *task)
{
	struct user_frame frame = {};

	if (!(task->flags & WS_PF_KTHREAD))
		compat_current_frame(&frame);
	return entry_of(&frame);
}

/* A mutex begins anew whenever its waiter stops spinning: it is still the same wait, for the owner
 * that it found first. */
SEC("tp_btf/contention_begin")
int BPF_PROG(contention_begin, void *lock, unsigned int flags)
{
	struct task_struct *task;
	struct thread_record *r;
	struct lock_note *note;
	struct kernel_entry entry;

	if (flags & LCB_F_SPIN)
		return 0;
	task = bpf_get_current_task_btf();
	r = task->tgid != cfg.agent_pid ? find_record(task) : NULL;
	if (!r)
		return 0;
	note = &r->lock;
	entry = current_entry(task);
	if (flags == LCB_F_MUTEX && stands_at(note, lock) && same_entry(&note->entry, &entry))
		return 0;
	if (flags == LCB_F_RT && stands_around(note, lock)) {
		/* The writer, if there is one. */
		note_owner(&note->key.owner, owner_of(lock, flags));
		return 0;
	}
	note->key.lock = 0;
	note_owner(&note->key.owner, owner_of(lock, flags));
	note->key.pid = task->tgid;
	note->key.lock_kind = kind_of(flags);
	note->key.role = role_of(task, (__u64)lock, note->key.lock_kind);
	note->since_ns = bpf_ktime_get_ns();
	note->entry = entry;
	note->key.lock = (__u64)lock;
	return 0;
}

probe_inline struct kernel_lock_totals *find_totals(const struct kernel_lock_key *key)
{
	struct kernel_lock_totals *t = bpf_map_lookup_elem(&kernel_lock_waits, key), blank = {};

	if (t)
		return t;
	bpf_map_update_elem(&kernel_lock_waits, key, &blank, BPF_NOEXIST);
	t = bpf_map_lookup_elem(&kernel_lock_waits, key); /* ours, or that of a faster waiter */
	if (!t)
		lose(LOST_lock_table);
	return t;
}

/* Of two that set the maximum at once one may be lost. */
SEC("tp_btf/contention_end")
int BPF_PROG(contention_end, void *lock, int result)
{
	struct thread_record *r = find_record(bpf_get_current_task_btf());
	struct kernel_lock_totals *t;
	__u64 waited;

	if (!r || !stands_at(&r->lock, lock))
		return 0;
	t = find_totals(&r->lock.key);
	waited = bpf_ktime_get_ns() - r->lock.since_ns;
	r->lock.key.lock = 0;
	if (!t)
		return 0;
	__sync_fetch_and_add(&t->waits, 1);
	__sync_fetch_and_add(&t->wait_ns, waited);
	if (waited > t->wait_max_ns)
		t->wait_max_ns = waited;
	return 0;
}
