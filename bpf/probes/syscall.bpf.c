// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * System calls: latency and errors, and the cadence of event loops. Loaded only while a view wants
 * them, because the tracepoint alone taxes every call of the machine. Classic tracepoints, not raw
 * ones: from v7.2 on raw programs on sys_enter are preempted and silently skip up to 18 % of calls.
 */
#include "bpf/maps.bpf.h"
#include "bpf/totals.h"
#include "bpf/wait_class.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Plain hashes: an evicted total would be lost unseen. The agent removes those of dead threads. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct call_key);
	__type(value, struct call_totals);
} calls SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, struct error_key);
	__type(value, __u64);
} call_errors SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct thread_ref);
	__type(value, struct loop_totals);
} loops SEC(".maps");

/* Before task storage. Kernel 5.10 warns when a program of a classic tracepoint uses a table that
 * allocates as it goes, as that of the ledgers does. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, struct call_state);
} call_states SEC(".maps");

/* Zeros to make entries from, and the agent's own process id to leave out. */
struct blank_entries {
	struct call_totals call;
	struct loop_totals loop;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct blank_entries);
} blank_entries SEC(".maps");

probe_inline struct blank_entries *blanks(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&blank_entries, &zero);
}

probe_inline struct call_totals *find_call(const struct call_key *key)
{
	struct call_totals *t = bpf_map_lookup_elem(&calls, key);
	struct blank_entries *b = blanks();

	if (t || !b)
		return t;
	if (bpf_map_update_elem(&calls, key, &b->call, BPF_NOEXIST))
		lose(LOST_syscall_table);
	return bpf_map_lookup_elem(&calls, key);
}

probe_inline struct loop_totals *find_loop(const struct thread_ref *key)
{
	struct loop_totals *t = bpf_map_lookup_elem(&loops, key);
	struct blank_entries *b = blanks();

	if (t || !b)
		return t;
	if (bpf_map_update_elem(&loops, key, &b->loop, BPF_NOEXIST))
		lose(LOST_syscall_table);
	return bpf_map_lookup_elem(&loops, key);
}

probe_inline void count_error(__u32 pid, int syscall, long result)
{
	struct error_key key = {.pid = pid, .syscall = syscall, .error = -result};
	__u64 one = 1, *count = bpf_map_lookup_elem(&call_errors, &key);

	if (count)
		__sync_fetch_and_add(count, 1);
	else if (bpf_map_update_elem(&call_errors, &key, &one, BPF_NOEXIST))
		lose(LOST_syscall_table);
}

probe_inline int is_poll(int syscall)
{
	switch (syscall) {
	case __NR_poll:
	case __NR_ppoll:
	case __NR_select:
	case __NR_pselect6:
	case __NR_epoll_wait:
	case __NR_epoll_pwait:
	case 441: /* epoll_pwait2, v5.11 */
	case 426: /* io_uring_enter, v5.1 */
		return 1;
	default:
		return 0;
	}
}

/* Copied first: the verifier lets a context be read at fixed places only. */
probe_inline int sleeps_by_poll(const volatile struct trace_event_raw_sys_enter *ctx)
{
	const __u64 args[5] = {ctx->args[0], ctx->args[1], ctx->args[2], ctx->args[3],
			       ctx->args[4]};

	return polls_nothing(ctx->id, args);
}

/* The time since the last poll returned is what the loop spent on its callbacks. */
probe_inline void poll_begins(struct call_state *s, const struct thread_ref *thread, __u64 now)
{
	struct loop_totals *t;
	__u64 gap;

	/* Records outlive these programs: an old stamp would make a gap of the time unloaded. */
	if (s->poll_exit_ns < cfg.loaded_ns)
		return;
	t = find_loop(thread);
	if (!t)
		return;
	gap = now - s->poll_exit_ns;
	t->gap_ns += gap;
	if (gap > t->gap_max_ns)
		t->gap_max_ns = gap;
	hist_count(t->gap_hist, gap);
}

probe_inline void poll_ends(struct call_state *s, const struct thread_ref *thread, long result,
			    __u64 took, __u64 now)
{
	struct loop_totals *t = find_loop(thread);

	s->poll_exit_ns = now;
	if (!t)
		return;
	t->polls++;
	t->ready += result > 0;
	t->poll_ns += took;
}

probe_inline void call_ends(const struct thread_ref *thread, int syscall, long result, __u64 took)
{
	struct call_key key = {.thread = *thread, .syscall = syscall};
	struct call_totals *t = find_call(&key);

	if (!t)
		return;
	t->count++;
	t->total_ns += took;
	if (took > t->max_ns)
		t->max_ns = took;
	hist_count(t->hist, took);
	if (result >= 0 || result < -4095)
		return;
	t->errors++;
	count_error(thread->pid, syscall, result);
}

probe_inline struct call_state *hashed_state(const struct thread_ref *me)
{
	struct call_state fresh = {.start_ns = me->start_ns};
	__u32 tid = me->tid;
	struct call_state *s = bpf_map_lookup_elem(&call_states, &tid);

	if (s && s->start_ns == me->start_ns)
		return s;
	bpf_map_update_elem(&call_states, &tid, &fresh, BPF_ANY);
	return bpf_map_lookup_elem(&call_states, &tid);
}

/* What is kept of the current thread, with its identity. */
probe_inline struct call_state *my_state(struct thread_ref *me)
{
	struct thread_record *r;

	fill_current(me);
	if ((__s32)me->pid == cfg.agent_pid)
		return NULL;
	if (!cfg.task_storage)
		return hashed_state(me);
	r = bpf_task_storage_get(&ledgers, bpf_get_current_task_btf(), 0, 0);
	return r ? &r->call : NULL;
}

SEC("tp/raw_syscalls/sys_enter")
int syscall_enter(struct trace_event_raw_sys_enter *ctx)
{
	struct thread_ref me;
	struct call_state *s = my_state(&me);
	__u64 now = bpf_ktime_get_ns();

	if (!s)
		return 0;
	s->enter_ns = now;
	s->nr = ctx->id;
	s->polls = is_poll(ctx->id) && !sleeps_by_poll(ctx);
	if (s->polls)
		poll_begins(s, &me, now);
	return 0;
}

SEC("tp/raw_syscalls/sys_exit")
int syscall_exit(struct trace_event_raw_sys_exit *ctx)
{
	struct thread_ref me;
	struct call_state *s = my_state(&me);
	__u64 now = bpf_ktime_get_ns();

	/* A call begun before the programs were attached has no beginning, or that of another. */
	if (!s || s->enter_ns < cfg.loaded_ns || s->nr != ctx->id)
		return 0;
	call_ends(&me, ctx->id, ctx->ret, now - s->enter_ns);
	if (s->polls)
		poll_ends(s, &me, ctx->ret, now - s->enter_ns, now);
	s->enter_ns = 0;
	return 0;
}
