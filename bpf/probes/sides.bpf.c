// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * What the open sockets of every process are, and which epoll instances watch them: it tells who
 * is on the other side of an event loop. In all network name spaces, since it asks the files.
 */
#include "bpf/maps.bpf.h"

#define FAMILY_UNIX		 1
#define FAMILY_INET		 2
#define FAMILY_INET6		 10
#define TYPE_STREAM		 1
#define TYPE_DATAGRAM		 2
#define TYPE_PACKETS		 5

#define BOUND_BY_ADDRESS_OR_PORT 0xc /* SOCK_BINDADDR_LOCK | SOCK_BINDPORT_LOCK */
#define MOST_WATCHERS		 32  /* of one file: workers may share a listener */

char LICENSE[] SEC("license") = "Dual BSD/GPL";

probe_inline __u64 end_id(__u16 own_port, __u16 other_port)
{
	return (__u64)own_port << 16 | other_port;
}

probe_inline int is_connected(__u8 state)
{
	return state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT;
}

/* A client's own socket for datagrams has the port that the kernel chose when it first sent. */
probe_inline __u8 kind_of_datagrams(struct sock *sk)
{
	if (BPF_CORE_READ(sk, sk_protocol) != IPPROTO_UDP)
		return SOCKET_none;
	if (BPF_CORE_READ(sk, __sk_common.skc_dport))
		return SOCKET_asks;
	return BPF_CORE_READ_BITFIELD_PROBED(sk, sk_userlocks) & BOUND_BY_ADDRESS_OR_PORT
		       ? SOCKET_receiver
		       : SOCKET_none;
}

probe_inline __u8 describe_inet_socket(struct socket_row *row, struct sock *sk)
{
	__u8 state = BPF_CORE_READ(sk, __sk_common.skc_state);
	__u16 peer_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));

	row->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	row->port = BPF_CORE_READ(sk, __sk_common.skc_num);
	row->id = end_id(row->port, peer_port);
	row->peer = end_id(peer_port, row->port);
	if (BPF_CORE_READ(sk, sk_type) == TYPE_DATAGRAM)
		return kind_of_datagrams(sk);
	if (state == TCP_LISTEN) {
		row->waiting = BPF_CORE_READ(sk, sk_ack_backlog) != 0;
		return SOCKET_listener;
	}
	return is_connected(state) ? SOCKET_connection : SOCKET_none;
}

/* Accepted sockets share their listener's name and clients have none; a pair has none at all. */
probe_inline __u8 kind_of_unix_end(struct unix_sock *own, struct unix_sock *other)
{
	int named = BPF_CORE_READ(own, addr) != NULL;
	int peer_named = BPF_CORE_READ(other, addr) != NULL;

	if (named == peer_named)
		return SOCKET_none;
	return named ? SOCKET_asked : SOCKET_asks;
}

probe_inline __u8 describe_unix_socket(struct socket_row *row, struct sock *sk)
{
	struct unix_sock *own = (struct unix_sock *)sk;
	struct unix_sock *other = (struct unix_sock *)BPF_CORE_READ(own, peer);

	row->id = (__u64)own;
	row->peer = (__u64)other;
	if (BPF_CORE_READ(sk, sk_type) == TYPE_DATAGRAM)
		return BPF_CORE_READ(own, addr) ? SOCKET_receiver : SOCKET_none;
	if (BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_LISTEN)
		return SOCKET_listener;
	return other ? kind_of_unix_end(own, other) : SOCKET_none;
}

probe_inline __u8 describe_open_socket(struct socket_row *row, struct file *file)
{
	struct socket *socket = (struct socket *)BPF_CORE_READ(file, private_data);
	struct sock *sk = BPF_CORE_READ(socket, sk);
	__u16 family;

	if (!sk)
		return SOCKET_none;
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	if (family == FAMILY_INET || family == FAMILY_INET6)
		return describe_inet_socket(row, sk);
	return family == FAMILY_UNIX ? describe_unix_socket(row, sk) : SOCKET_none;
}

probe_inline int is_epoll(struct file *file)
{
	const char wanted[] = "[eventpoll]";
	char name[sizeof(wanted)] = {};
	int i;

	bpf_probe_read_kernel_str(name, sizeof(name),
				  BPF_CORE_READ(file, f_path.dentry, d_name.name));
	for (i = 0; i < (int)sizeof(wanted); i++) {
		if (name[i] != wanted[i])
			return 0;
	}
	return 1;
}

probe_inline __u8 describe_open_file(struct socket_row *row, struct file *file)
{
	if ((BPF_CORE_READ(file, f_inode, i_mode) & 0170000) == 0140000)
		return describe_open_socket(row, file);
	if (!is_epoll(file))
		return SOCKET_none;
	row->id = (__u64)BPF_CORE_READ(file, private_data);
	return SOCKET_epoll;
}

SEC("iter/task_file")
int list_sockets(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct socket_row row = {};
	void *link;
	int i;

	/* Before v5.11 (203d7b054fc7) it comes to every thread. */
	if (!task || !file || task->pid != task->tgid)
		return 0;
	row.kind = describe_open_file(&row, file);
	if (row.kind == SOCKET_none)
		return 0;
	row.pid = task->tgid;
	row.fd = ctx->fd;
	bpf_seq_write(ctx->meta->seq, &row, sizeof(row));
	link = compat_first_watch(file);
	for (i = 0; i < MOST_WATCHERS && link; i++) {
		row.epoll = compat_watcher(link);
		bpf_seq_write(ctx->meta->seq, &row, sizeof(row));
		if (bpf_probe_read_kernel(&link, sizeof(link), link))
			break;
	}
	return 0;
}
