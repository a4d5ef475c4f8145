// What the running kernel gives, by asking it: its BTF and trial calls, never its version.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "agent/source/live_options.h"

namespace waitscope {

struct KernelFeatures {
  bool btf = false;
  bool task_storage = false;      // else the hash fallback
  bool switch_has_state = false;  // sched_switch hands over prev_state (v5.18)
  bool block_has_queue = false;   // block_rq_insert and _issue still take the queue (before v5.11)
  bool rseq_update = false;       // the late hook for user stacks
  bool rdonly_cast = false;       // untyped pointers may be read by plain loads (v6.2)
  bool unwind_tables = false;     // user stacks by unwind tables; else by frame pointers
  uint64_t interrupt_entry = 0;   // code that interrupts enter by; unknown without kernel_symbols
  uint64_t interrupt_entry_bytes = 0;
  bool python_frames = false;        // Python's own frames; they stand in stacks by unwind tables
  bool unread_by_events = false;     // sk_data_ready and sock_recv_length (v6.3)
  bool unread_by_functions = false;  // else what they stand in, with socket storage (v5.11)
  bool kernel_locks = false;         // lock:contention_begin and _end (v5.19)
  bool realtime = false;             // PREEMPT_RT
  bool ring_buffer_safe = true;      // false: a ring buffer in a scheduler hook can deadlock
  bool tracefs = false;              // classic tracepoints, for the system-call programs
  bool perf_events = false;          // the on-CPU sampler
  bool host_pids = true;             // false: in a PID namespace of its own
  bool kernel_symbols = false;       // /proc/kallsyms shows addresses
  std::vector<std::string> missing_privileges;  // names of capabilities

  bool unread_requests() const { return tracefs && (unread_by_events || unread_by_functions); }
};

// Mounts tracefs where nobody has.
KernelFeatures ProbeKernel();

// The same in sentences, for `waitscoped --check` and the status view.
std::vector<CapabilityReport> Describe(const KernelFeatures& features);

// Ok when the essential things are there; else what is missing and what to do. Missing privilege is
// PERMISSION_DENIED, a kernel that cannot do it FAILED_PRECONDITION.
absl::Status CheckEssentials(const KernelFeatures& features);

}  // namespace waitscope
