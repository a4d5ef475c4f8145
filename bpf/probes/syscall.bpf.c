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

/* The time since the last poll returned is what the loop spent on its callbacks. */
probe_inline void poll_begins(struct thread_record *r, const struct thread_ref *thread, __u64 now)
{
	struct loop_totals *t;
	__u64 gap;

	/* Records outlive these programs: an old stamp would make a gap of the time unloaded. */
	if (r->poll_exit_ns < cfg.loaded_ns)
		return;
	t = find_loop(thread);
	if (!t)
		return;
	gap = now - r->poll_exit_ns;
	t->gap_ns += gap;
	if (gap > t->gap_max_ns)
		t->gap_max_ns = gap;
	hist_count(t->gap_hist, gap);
}

probe_inline void poll_ends(struct thread_record *r, const struct thread_ref *thread, long result,
			    __u64 took, __u64 now)
{
	struct loop_totals *t = find_loop(thread);

	r->poll_exit_ns = now;
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

/* The current thread's record, with its identity. */
probe_inline struct thread_record *my_record(struct thread_ref *me)
{
	struct thread_record *r;

	fill_current(me);
	if ((__s32)me->pid == cfg.agent_pid)
		return NULL;
	if (!cfg.task_storage) {
		r = bpf_map_lookup_elem(&ledgers_by_tid, &me->tid);
		return r && r->self.start_ns == me->start_ns ? r : NULL;
	}
	return bpf_task_storage_get(&ledgers, bpf_get_current_task_btf(), 0, 0);
}

SEC("tp/raw_syscalls/sys_enter")
int syscall_enter(struct trace_event_raw_sys_enter *ctx)
{
	struct thread_ref me;
	struct thread_record *r = my_record(&me);
	__u64 now = bpf_ktime_get_ns();

	if (!r)
		return 0;
	r->syscall_enter_ns = now;
	r->syscall_nr = ctx->id;
	if (is_poll(ctx->id))
		poll_begins(r, &me, now);
	return 0;
}

SEC("tp/raw_syscalls/sys_exit")
int syscall_exit(struct trace_event_raw_sys_exit *ctx)
{
	struct thread_ref me;
	struct thread_record *r = my_record(&me);
	__u64 now = bpf_ktime_get_ns();

	/* A call begun before the programs were attached has no beginning, or that of another. */
	if (!r || r->syscall_enter_ns < cfg.loaded_ns || r->syscall_nr != ctx->id)
		return 0;
	call_ends(&me, ctx->id, ctx->ret, now - r->syscall_enter_ns);
	if (is_poll(ctx->id))
		poll_ends(r, &me, ctx->ret, now - r->syscall_enter_ns, now);
	r->syscall_enter_ns = 0;
	return 0;
}
