/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* What the agent tells the kernel side: one struct at load time, one while running. */
#ifndef WAITSCOPE_BPF_CONFIG_H
#define WAITSCOPE_BPF_CONFIG_H

#ifdef __BPF__
#include "vmlinux.h"
#else
#include <linux/types.h>
#endif

/* Read-only after load, so that the verifier drops the branches that are not taken. */
struct probe_config {
	__u64 period_ns;       /* sampling period T, unless probe_control says more */
	__u64 ring_wake_bytes; /* wake the agent early when more than this is waiting */
	__u64 cpu_period_ns;   /* what one on-CPU sample stands for */
	__u64 loaded_ns;       /* CLOCK_MONOTONIC; stamps from before are of an earlier load */
	/* Code of the kernel that the processor enters by interrupts; none where it is unknown. */
	__u64 interrupt_entry;
	__u64 interrupt_entry_bytes;
	__s32 agent_pid;   /* its threads are accounted, but never sampled */
	__u8 task_storage; /* 0: the hash fallback (kernels before 5.12) */
	__u8 late_hook;	   /* rseq_update is attached: user stacks are taken there */
	__u8 unwind;	   /* user stacks by unwind tables; 0: by frame pointers */
	__u8 rdonly_cast;  /* bpf_rdonly_cast is there: files are read by plain loads */
	__u64 tick_ns;	   /* length of a jiffy */
};

/* Written by the agent while the programs run. */
struct probe_control {
	__u32 epoch;	  /* number of the current window */
	__u32 generation; /* stacks shipped in an older generation are shipped again */
	__u64 period_ns;  /* T as it is now: raised while too many waits are told */
	__u64 locks_ns;	  /* since when waits for kernel locks are seen; 0: they are not */
};

#endif
