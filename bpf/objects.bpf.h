/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* What a thread waits on, read from its saved registers and its open files. */
#ifndef WAITSCOPE_BPF_OBJECTS_H
#define WAITSCOPE_BPF_OBJECTS_H

#include "bpf/maps.bpf.h"
#include "bpf/turn.h"
#include "bpf/wait_class.h"

/* A descriptor's place in any thread's table of files, or NULL. Read it by probing only. */
probe_inline struct file **place_of(struct task_struct *task, __u64 fd)
{
	struct files_struct *files = task->files;
	struct fdtable *fdt;

	if (!files)
		return NULL;
	fdt = files->fdt;
	return fd < fdt->max_fds ? fdt->fd + fd : NULL;
}

/* Not pinned, and NULL when there is none. */
probe_inline struct file *file_at(struct file **place)
{
	struct file *file = NULL;

	bpf_probe_read_kernel(&file, sizeof(file), place);
	return file;
}

/* The file behind a descriptor of any thread, or NULL. */
probe_inline struct file *file_of(struct task_struct *task, __u64 fd)
{
	struct file **place = place_of(task, fd);

	return place ? file_at(place) : NULL;
}

/* hlist_head: a struct that is one pointer, as a place in the table is. */
probe_inline __u32 loaded_mode(struct file **place)
{
	struct hlist_head *held = compat_cast(struct hlist_head, place);
	struct file *file = compat_cast(struct file, held->first);

	return file->f_inode->i_mode;
}

/* The mode of what a descriptor of any thread stands for, 0 when there is nothing. */
probe_inline __u32 descriptor_mode(struct task_struct *task, __u64 fd)
{
	struct file **place = place_of(task, fd);

	if (!place)
		return 0;
	if (cfg.rdonly_cast)
		return loaded_mode(place);
	return BPF_CORE_READ(file_at(place), f_inode, i_mode);
}

probe_inline __u8 descriptor_kind(struct task_struct *task, __u64 fd)
{
	__u32 mode = descriptor_mode(task, fd);

	return mode ? object_kind_of_mode(mode) : OBJECT_none;
}

probe_inline void describe_inet(struct wait_object *o, struct sock *sk)
{
	o->peer_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	o->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	if (o->family == 10) { /* AF_INET6 */
		BPF_CORE_READ_INTO(&o->peer_addr, sk, __sk_common.skc_v6_daddr);
		BPF_CORE_READ_INTO(&o->local_addr, sk, __sk_common.skc_v6_rcv_saddr);
		return;
	}
	BPF_CORE_READ_INTO((__u32 *)o->peer_addr, sk, __sk_common.skc_daddr);
	BPF_CORE_READ_INTO((__u32 *)o->local_addr, sk, __sk_common.skc_rcv_saddr);
}

/* Whose turn it was while a thread waited for so long, up to now. */
probe_inline __u8 turn_of(struct sock *sk, __u64 waited_ns)
{
	struct tcp_sock *tcp = (struct tcp_sock *)sk;
	struct conversation talk = {};
	__u32 now;

	if (BPF_CORE_READ(sk, __sk_common.skc_state) == BPF_TCP_SYN_SENT)
		return TURN_connecting;
	if (!cfg.tick_ns || waited_ns < TURN_LEAST_JIFFIES * cfg.tick_ns)
		return TURN_unknown;
	now = (__u32)bpf_jiffies64();
	talk.waited = waited_ns / cfg.tick_ns;
	talk.since_sent = now - BPF_CORE_READ(tcp, lsndtime);
	talk.since_received = now - BPF_CORE_READ(tcp, inet_conn.icsk_ack.lrcvtime);
	talk.sent = BPF_CORE_READ(tcp, data_segs_out);
	talk.received = BPF_CORE_READ(tcp, data_segs_in);
	return turn_in(&talk);
}

/* Of longer addresses the end is what tells them apart. Abstract ones begin with a zero byte. */
probe_inline void copy_unix_name(struct wait_object *o, struct unix_address *address)
{
	const __u64 room = sizeof(o->name) - 1;
	__u64 length = (__u64)(__u32)BPF_CORE_READ(address, len) - sizeof(__kernel_sa_family_t);
	const char *path = address->name[0].sun_path;
	char first = 0;

	if (!length || length > sizeof(address->name[0].sun_path))
		return;
	bpf_probe_read_kernel(&first, sizeof(first), path);
	path += !first;
	length -= !first;
	if (length > room) {
		path += length - room;
		length = room;
	}
	barrier_var(length); /* or the compiler checks one register and hands over another */
	if (length <= room)
		bpf_probe_read_kernel(o->name, length, path);
}

/*
 * There are no ports: an end counts as port 1 when it has a name, else as 0. Accepted sockets share
 * their listener's name and clients have none, which tells the ends apart.
 */
probe_inline void describe_unix(struct wait_object *o, struct sock *sk)
{
	struct unix_sock *own = (struct unix_sock *)sk;
	struct unix_sock *other = (struct unix_sock *)BPF_CORE_READ(own, peer);
	struct unix_address *here = BPF_CORE_READ(own, addr);
	struct unix_address *there = other ? BPF_CORE_READ(other, addr) : NULL;

	o->local_port = here != NULL;
	o->peer_port = there != NULL;
	if (there || here)
		copy_unix_name(o, there ? there : here);
}

probe_inline void describe_socket(struct wait_object *o, struct file *file, __u64 waited_ns)
{
	struct socket *socket = BPF_CORE_READ(file, private_data);
	struct sock *sk = BPF_CORE_READ(socket, sk);

	if (!sk)
		return;
	o->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	o->protocol = BPF_CORE_READ(sk, sk_protocol);
	if (o->family == 2 || o->family == 10)
		describe_inet(o, sk);
	else if (o->family == 1) /* AF_UNIX */
		describe_unix(o, sk);
	if (o->protocol == IPPROTO_TCP && o->peer_port)
		o->turn = turn_of(sk, waited_ns);
}

probe_inline void describe_file(struct wait_object *o, struct file *file, __u64 waited_ns)
{
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	const unsigned char *name = BPF_CORE_READ(dentry, d_name.name);

	o->kind = object_kind_of_mode(BPF_CORE_READ(file, f_inode, i_mode));
	o->id = BPF_CORE_READ(file, f_inode, i_ino);
	o->dev = BPF_CORE_READ(file, f_inode, i_sb, s_dev);
	if (o->kind == OBJECT_socket)
		describe_socket(o, file, waited_ns);
	else
		bpf_probe_read_kernel_str(o->name, sizeof(o->name), name);
}

/*
 * The single descriptor that a poll of `current` waits for, plus one; else 0. A poll for one is how
 * libraries wait for an answer with a time limit; the set of larger ones says nothing of its own.
 */
probe_inline __s32 polled_descriptor(int syscall, const struct user_regs *regs)
{
	__s32 fd = -1;

	if ((syscall != __NR_poll && syscall != __NR_ppoll) || regs->args[1] != 1)
		return 0;
	bpf_probe_read_user(&fd, sizeof(fd), (void *)regs->args[0]);
	return fd + 1;
}

/* Fills `o` for the system call that `regs` shows, of a thread that has waited in it for so long;
 * it is off its CPU or `current`. */
probe_inline void describe_object(struct wait_object *o, struct task_struct *task, int syscall,
				  const struct user_regs *regs, __s32 polled, __u64 waited_ns)
{
	__u64 fd = regs->args[0];
	enum syscall_trait trait = syscall_trait(syscall);
	struct file *file;

	__builtin_memset(o, 0, sizeof(*o));
	o->fd = -1;
	if (trait == TRAIT_futex) {
		o->kind = OBJECT_futex;
		o->id = regs->args[0];
		o->futex_op = regs->args[1];
		return;
	}
	if (polled > 0 && (syscall == __NR_poll || syscall == __NR_ppoll))
		fd = polled - 1;
	else if (!names_file(trait, syscall))
		return;
	file = file_of(task, fd);
	if (!file)
		return;
	o->fd = fd;
	describe_file(o, file, waited_ns);
}

/* The call a thread is in: -1 outside, -2 for kernel threads. */
probe_inline int blocked_syscall(struct task_struct *task, struct user_regs *regs)
{
	if (task->flags & WS_PF_KTHREAD)
		return -2;
	compat_user_regs(task, regs);
	if (compat_is_32bit_call(task))
		return -3;
	return (int)regs->syscall;
}

/* The facts that decide a wait's class, at the cheapest. Fills `regs` for what may follow. */
probe_inline void gather_wait_facts(struct wait_facts *facts, struct task_struct *task,
				    struct user_regs *regs)
{
	enum syscall_trait trait;

	facts->task_flags = task->flags;
	facts->state = compat_task_state(task);
	facts->jobctl = task->jobctl;
	facts->in_iowait = BPF_CORE_READ_BITFIELD(task, in_iowait);
	facts->syscall = blocked_syscall(task, regs);
	facts->object = OBJECT_none;
	trait = syscall_trait(facts->syscall);
	if (trait == TRAIT_futex) {
		facts->futex_op = regs->args[1];
		facts->futex_timeout = regs->args[3];
	} else if (trait == TRAIT_poll) {
		facts->polls_nothing = polls_nothing(facts->syscall, regs->args);
	} else if (trait == TRAIT_fd && !waits_for_disk(facts)) {
		facts->object = descriptor_kind(task, regs->args[0]);
	}
}

#endif
