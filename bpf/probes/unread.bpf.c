// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * How long requests lie unread: from the moment that a connection to a listening port has data
 * until a thread takes some of it. Loaded only while somebody asks. Kernels have tracepoints for
 * both ends, sock:sk_data_ready (v6.3, 40e0b0908142) and sock:sock_recv_length (v6.3,
 * 6e6eda44b939); before, the functions are watched that all TCP sockets call by pointers, and that
 * therefore no compiler inlines. Socket storage for tracing is of v5.11 (8e4597c627fb): older
 * kernels cannot tell.
 */
#include "bpf/maps.bpf.h"
#include "bpf/totals.h"

#define MSG_OOB	     1
#define MSG_PEEK     2
#define MSG_ERRQUEUE 0x2000

/* A reader that comes back for what it has left within this time is still at the same request. */
#define STILL_READING_NS 1000000

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Of one connection. */
struct unread_note {
	__u64 since_ns; /* when it had something to read again; 0: that was read */
	__u32 reader;	/* the process that read last, or has it open; 0: not known yet */
	__u32 position; /* of the stream: where what lies unread begins */
	__u32 rest;	/* not 0: since a read that left something behind, not since an arrival */
	__u32 pad;
};

/* In the socket itself: it goes when the socket goes, and can neither fill up nor be mistaken. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct unread_note);
} unread_notes SEC(".maps");

/* Ports that accept connections, with a process that listens there or has read from there; 0: met
 * when somebody connected to it. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u32);
} listening_ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct unread_key);
	__type(value, struct unread_totals);
} unread_ages SEC(".maps");

/* Zeros to make entries from. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct unread_totals);
} blank_ages SEC(".maps");

probe_inline struct unread_totals *find_ages(const struct unread_key *key)
{
	struct unread_totals *t = bpf_map_lookup_elem(&unread_ages, key), *blank;
	__u32 zero = 0;

	if (t)
		return t;
	blank = bpf_map_lookup_elem(&blank_ages, &zero);
	if (!blank)
		return NULL;
	bpf_map_update_elem(&unread_ages, key, blank, BPF_NOEXIST);
	t = bpf_map_lookup_elem(&unread_ages, key); /* ours, or that of a faster reader */
	if (!t)
		lose(LOST_unread_table);
	return t;
}

/* Readers on several CPUs share an entry. Of two that set the maximum at once one may be lost: the
 * histogram has both. */
probe_inline void count_age(const struct unread_key *key, __u64 age)
{
	struct unread_totals *t = find_ages(key);

	if (!t)
		return;
	__sync_fetch_and_add(&t->reads, 1);
	__sync_fetch_and_add(&t->age_ns, age);
	if (age > t->age_max_ns)
		t->age_max_ns = age;
	hist_count_shared(t->age_hist, age);
}

/* A stamp from before these programs were loaded may have been read unseen. */
probe_inline int is_unread(const struct unread_note *note)
{
	return note->since_ns >= cfg.loaded_ns;
}

probe_inline void add_listener(__u32 port, __u32 reader)
{
	__u32 *known = bpf_map_lookup_elem(&listening_ports, &port);

	if (!known)
		bpf_map_update_elem(&listening_ports, &port, &reader, BPF_NOEXIST);
	else if (!*known)
		*known = reader;
	if (!known && !bpf_map_lookup_elem(&listening_ports, &port))
		lose(LOST_unread_table);
}

probe_inline void stamp(struct unread_note *note, const struct tcp_sock *tcp, __u32 rest)
{
	note->rest = rest;
	note->position = tcp->copied_seq;
	note->since_ns = bpf_ktime_get_ns();
}

probe_inline void arrived(struct sock *sk)
{
	struct unread_note *note;
	struct tcp_sock *tcp;
	__u32 port;

	if (sk->sk_protocol != IPPROTO_TCP)
		return;
	port = sk->__sk_common.skc_num;
	if (sk->__sk_common.skc_state == TCP_LISTEN) { /* a new connection */
		add_listener(port, 0);
		return;
	}
	if (!bpf_map_lookup_elem(&listening_ports, &port))
		return; /* our side of it has asked, and waits for an answer */
	note = bpf_sk_storage_get(&unread_notes, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	tcp = bpf_skc_to_tcp_sock(sk);
	if (!note || !tcp)
		lose(LOST_unread_table);
	else if (!is_unread(note))
		stamp(note, tcp, 0);
}

/* The end of a stream takes a number of its own in the sequence, and is no request. */
probe_inline __u32 has_ended(const struct sock *sk)
{
	return sk->sk_shutdown & 1; /* RCV_SHUTDOWN */
}

probe_inline int holds_data(const struct sock *sk, const struct tcp_sock *tcp)
{
	return (__s32)(tcp->rcv_nxt - tcp->copied_seq - has_ended(sk)) > 0;
}

/* Nobody has taken what lay at the position before these bytes were read: not by splice, nor by
 * another way that is not seen here. With its last bytes a read takes the end of the stream. */
probe_inline int took_the_oldest(const struct sock *sk, const struct tcp_sock *tcp, __u32 position,
				 int bytes)
{
	return tcp->copied_seq - position - bytes <= has_ended(sk);
}

probe_inline void count_read(struct sock *sk, __u32 pid, __u64 age)
{
	struct unread_key key = {.pid = pid, .port = sk->__sk_common.skc_num};
	__u32 *reader = bpf_map_lookup_elem(&listening_ports, &key.port);

	if (reader && *reader != pid)
		*reader = pid;
	count_age(&key, age);
}

/* The stamp is taken off before the rest is looked for, so that what arrives in between is found
 * by one of the two. */
probe_inline void received(struct sock *sk, int bytes, int flags)
{
	struct unread_note *note, before;
	struct tcp_sock *tcp;
	__u64 age;

	if (bytes < 0 || flags & (MSG_PEEK | MSG_ERRQUEUE | MSG_OOB))
		return;
	note = bpf_sk_storage_get(&unread_notes, sk, NULL, 0);
	if (!note || !is_unread(note))
		return;
	tcp = bpf_skc_to_tcp_sock(sk);
	if (!tcp || (!bytes && holds_data(sk, tcp)))
		return; /* there was no room to read into */
	before = *note;
	note->since_ns = 0;
	age = bpf_ktime_get_ns() - before.since_ns;
	if (holds_data(sk, tcp) && !note->since_ns)
		stamp(note, tcp, 1);
	if (!bytes) /* what was to be read was the end */
		return;
	note->reader = bpf_get_current_pid_tgid() >> 32;
	if (took_the_oldest(sk, tcp, before.position, bytes) &&
	    (!before.rest || age >= STILL_READING_NS))
		count_read(sk, note->reader, age);
}

SEC("tp_btf/sk_data_ready")
int BPF_PROG(sk_data_ready, const struct sock *sk)
{
	arrived((struct sock *)sk);
	return 0;
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(sock_recv_length, struct sock *sk, int result, int flags)
{
	received(sk, result, flags);
	return 0;
}

/* Before v6.3. */
SEC("fentry/sock_def_readable")
int BPF_PROG(sock_def_readable_v6_2, struct sock *sk)
{
	arrived(sk);
	return 0;
}

SEC("fexit/inet_recvmsg")
int BPF_PROG(inet_recvmsg_v6_2, struct socket *socket, struct msghdr *msg, size_t size, int flags,
	     int result)
{
	if (socket->sk)
		received(socket->sk, result, flags);
	return 0;
}

SEC("fexit/inet6_recvmsg")
int BPF_PROG(inet6_recvmsg_v6_2, struct socket *socket, struct msghdr *msg, size_t size, int flags,
	     int result)
{
	if (socket->sk)
		received(socket->sk, result, flags);
	return 0;
}

/* Connections with something unread, for those whose reader does not come. */
SEC("iter/bpf_sk_storage_map")
int list_unread(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct unread_note *note = ctx->value;
	struct unread_now now = {};
	struct sock *sk = ctx->sk;
	struct tcp_sock *tcp;
	__u32 *reader;

	if (!sk || !note || !is_unread(note))
		return 0;
	tcp = bpf_skc_to_tcp_sock(sk);
	if (!tcp || !holds_data(sk, tcp) || !took_the_oldest(sk, tcp, note->position, 0))
		return 0;
	if (note->rest && bpf_ktime_get_ns() - note->since_ns < STILL_READING_NS)
		return 0;
	now.key.port = sk->__sk_common.skc_num;
	now.key.pid = note->reader;
	now.claimed = note->reader != 0;
	now.since_ns = note->since_ns;
	reader = bpf_map_lookup_elem(&listening_ports, &now.key.port);
	if (!now.claimed && reader)
		now.key.pid = *reader;
	bpf_seq_write(ctx->meta->seq, &now, sizeof(now));
	return 0;
}

/* Who listens, and who has connections open that nobody has read from yet. */
SEC("iter/task_file")
int find_readers(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct unread_note *note;
	struct socket *socket;
	struct sock *sk;

	if (!task || !file)
		return 0;
	socket = bpf_sock_from_file(file);
	if (!socket)
		return 0;
	sk = socket->sk;
	if (!sk || (sk->sk_protocol != IPPROTO_TCP && sk->sk_protocol != IPPROTO_MPTCP))
		return 0;
	/* A listener of MPTCP (Go's since 1.24) gives plain TCP sockets to plain TCP clients. */
	if (sk->__sk_common.skc_state == TCP_LISTEN) {
		add_listener(sk->__sk_common.skc_num, task->tgid);
		return 0;
	}
	note = bpf_sk_storage_get(&unread_notes, sk, NULL, 0);
	if (note && !note->reader)
		note->reader = task->tgid;
	return 0;
}
