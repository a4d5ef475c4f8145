/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The ledger of one thread: pure arithmetic, no helpers, so that the same code runs in the
 * scheduler's hooks and under GoogleTest.
 *
 * Writers: switch-out and switch-in of one thread are ordered by its run queue, so the ledger has
 * one writer at a time; `seq` lets a reader on another CPU notice that it read a half-written one.
 * A waking runs on any CPU at any time and writes one word only, wake_ns.
 */
#ifndef WAITSCOPE_BPF_LEDGER_H
#define WAITSCOPE_BPF_LEDGER_H

#include "bpf/events.h"

#define ledger_inline static inline __attribute__((always_inline))
/* Keeps the compiler from moving stores across; x86 keeps stores in order by itself. */
#define ledger_barrier() __asm__ volatile("" ::: "memory")

/* One closed off-CPU interval, as the switch-in saw it. */
struct closed_wait {
	__u64 off_ns;
	__u64 wake_ns; /* as in wait_event */
	__u64 on_ns;
	__u64 period_ns; /* T, by which it is chosen */
	__u8 wait_class;
	__u8 preempted;
	__u8 closed; /* 0: the thread was not off-CPU as far as the ledger knows */
	__s32 syscall;
};

ledger_inline void ledger_write_begin(struct ledger *l)
{
	l->seq++;
	ledger_barrier();
}

ledger_inline void ledger_write_end(struct ledger *l)
{
	ledger_barrier();
	l->seq++;
}

/* The thread becomes known in the given state. */
ledger_inline void ledger_open(struct ledger *l, __u64 now, __u8 state, __u8 wait_class,
			       __s32 syscall)
{
	ledger_write_begin(l);
	l->born_ns = now;
	l->since_ns = now;
	l->state = state;
	l->wait_class = wait_class;
	l->open_syscall = syscall;
	ledger_write_end(l);
}

/* What the ledger counted was another thread's life: it begins anew, running. */
ledger_inline void ledger_restart(struct ledger *l, __u64 now)
{
	const unsigned long kept = __builtin_offsetof(struct ledger, open_syscall);

	ledger_write_begin(l);
	__builtin_memset((char *)l + kept, 0, sizeof(*l) - kept);
	l->seeded = 0;
	l->open_seeded = 0;
	ledger_write_end(l);
	ledger_open(l, now, THREAD_running, WAIT_other, -1);
}

ledger_inline void ledger_close_running(struct ledger *l, __u64 now)
{
	if (l->state != THREAD_running)
		return;
	l->running_ns += now - l->since_ns;
	l->running_count++;
}

/* The CPU goes to another thread while this one could still run. */
ledger_inline void ledger_preempted(struct ledger *l, __u64 now)
{
	ledger_write_begin(l);
	ledger_close_running(l, now);
	l->state = THREAD_preempted;
	l->since_ns = now;
	ledger_write_end(l);
}

/* The thread gives up its CPU to wait. */
ledger_inline void ledger_blocked(struct ledger *l, __u64 now, __u8 wait_class, __s32 syscall)
{
	ledger_write_begin(l);
	ledger_close_running(l, now);
	l->wait_class = wait_class;
	l->open_syscall = syscall;
	l->open_seeded = 0;
	l->since_ns = now;
	ledger_barrier(); /* a waking that sees the state must see since when, too */
	l->state = THREAD_blocked;
	ledger_write_end(l);
}

ledger_inline void ledger_dead(struct ledger *l, __u64 now)
{
	ledger_write_begin(l);
	ledger_close_running(l, now);
	l->state = THREAD_dead;
	l->since_ns = now;
	ledger_write_end(l);
}

/*
 * sched_waking(thread). One word, so that it may race with the switch-out it overtakes: a waker
 * passes the state check as soon as the sleeper has set its state, which is before the sleeper's
 * own sched_switch (v2.6.12 to today). Whether it overtook is decided at the switch-in.
 */
ledger_inline void ledger_waking(struct ledger *l, __u64 now)
{
	if (l->state == THREAD_blocked && l->wake_ns >= l->since_ns)
		return; /* a second waking changes nothing */
	l->wake_ns = now;
}

/* sched_wakeup_new: the first time on a run queue. */
ledger_inline void ledger_first_wakeup(struct ledger *l, __u64 now)
{
	ledger_write_begin(l);
	if (l->state == THREAD_blocked) {
		l->blocked_ns[WAIT_other] += now - l->since_ns;
		l->state = THREAD_woken;
		l->since_ns = now;
	}
	ledger_write_end(l);
}

ledger_inline void ledger_runnable(struct ledger *l, __u64 ns, __u32 epoch)
{
	hist_count(l->runq, ns);
	if (l->runq_max_epoch != epoch) {
		l->runq_max_epoch = epoch;
		l->runq_max_ns = 0;
	}
	if (ns > l->runq_max_ns)
		l->runq_max_ns = ns;
}

/*
 * When a blocked thread became runnable, or 0 when nobody saw it. Every blocked thread is woken
 * through sched_waking exactly once, so a waking just before the switch-out, with none after it,
 * is the one that overtook the switch-out: the thread was runnable from the start. A waking long
 * before it met a thread that had set its state and then did not leave its CPU; then the waking
 * that ended this wait is missing.
 */
#define OVERTAKING_NS 1000000ULL
ledger_inline __u64 ledger_wake_time(const struct ledger *l)
{
	if (!l->wake_ns || l->wake_ns + OVERTAKING_NS < l->since_ns)
		return 0;
	return l->wake_ns > l->since_ns ? l->wake_ns : l->since_ns;
}

ledger_inline void ledger_close_blocked(struct ledger *l, __u64 now, __u32 epoch,
					struct closed_wait *wait)
{
	__u64 cls = l->wait_class;
	__u64 woken = ledger_wake_time(l);

	wait->wait_class = l->wait_class;
	wait->syscall = l->open_syscall;
	wait->wake_ns = woken;
	hist_opaque(cls);
	if (cls >= WAIT_CLASS_COUNT)
		cls = WAIT_other;
	l->blocked_count[cls]++;
	if (!woken || woken > now) { /* charge it all rather than guess */
		wait->wake_ns = 0;
		l->blocked_ns[cls] += now - l->since_ns;
		l->unsplit_ns += now - l->since_ns;
		l->unsplit_count++;
		return;
	}
	l->blocked_ns[cls] += woken - l->since_ns;
	l->woken_ns += now - woken;
	l->woken_count++;
	ledger_runnable(l, now - woken, epoch);
}

ledger_inline void ledger_close_runnable(struct ledger *l, __u64 now, __u32 epoch,
					 struct closed_wait *wait)
{
	__u64 ns = now - l->since_ns;

	wait->wake_ns = l->since_ns;
	wait->syscall = -1;
	if (l->state == THREAD_preempted) {
		wait->preempted = 1;
		l->preempted_ns += ns;
		l->preempted_count++;
	} else {
		l->woken_ns += ns;
		l->woken_count++;
	}
	ledger_runnable(l, ns, epoch);
}

/* The thread gets a CPU. `epoch` numbers the agent's windows, for the window's maximum. */
ledger_inline void ledger_switch_in(struct ledger *l, __u64 now, __u32 epoch,
				    struct closed_wait *wait)
{
	wait->off_ns = l->since_ns;
	wait->on_ns = now;
	wait->closed = 1;
	ledger_write_begin(l);
	if (l->state == THREAD_blocked)
		ledger_close_blocked(l, now, epoch, wait);
	else if (l->state == THREAD_preempted || l->state == THREAD_woken)
		ledger_close_runnable(l, now, epoch, wait);
	else
		wait->closed = 0;
	l->state = THREAD_running;
	l->since_ns = now;
	l->wake_ns = 0;
	ledger_write_end(l);
}

/*
 * A switch that no hook saw, put back from the scheduler's own count of the thread's run time
 * since its last switch-out (`ran_ns`, at most the gap): the thread ran last in a gap that began
 * off-CPU, first in one that began on it. What it waited for is not known in the second case.
 */
ledger_inline void ledger_recover_switch_in(struct ledger *l, __u64 now, __u64 ran_ns, __u32 epoch,
					    struct closed_wait *wait)
{
	__u64 gap = now - l->since_ns;

	ledger_switch_in(l, now - (ran_ns < gap ? ran_ns : gap), epoch, wait);
}

ledger_inline void ledger_recover_switch_out(struct ledger *l, __u64 now, __u64 ran_ns)
{
	__u64 gap = now - l->since_ns;

	ledger_blocked(l, l->since_ns + (ran_ns < gap ? ran_ns : gap), WAIT_other, -1);
}

#endif
