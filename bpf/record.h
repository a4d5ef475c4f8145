/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* What records have in common, and how their size is held. */
#ifndef WAITSCOPE_BPF_RECORD_H
#define WAITSCOPE_BPF_RECORD_H

#ifdef __BPF__
#include "vmlinux.h"
#else
#include <linux/types.h>
#endif

#ifdef __cplusplus
#define WS_STATIC_ASSERT(expr, text) static_assert(expr, text)
#else
#define WS_STATIC_ASSERT(expr, text) _Static_assert(expr, text)
#endif
#define WS_ASSERT_SIZE(type, size) WS_STATIC_ASSERT(sizeof(struct type) == (size), #type " layout")

struct event_header {
	__u32 kind; /* enum event_kind */
	__u32 size; /* of the whole record, header included */
};

/* A thread, told apart from a later one with the same tid. pid is the thread-group id. */
struct thread_ref {
	__u32 pid;
	__u32 tid;
	__u64 start_ns; /* task_struct::start_time */
};

#endif
