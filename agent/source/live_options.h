// What the live source is asked to do, and what it found the kernel gives.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace waitscope {

struct LiveOptions {
  uint64_t window_ns = 10'000'000'000;       // between ticks
  uint64_t first_window_ns = 1'000'000'000;  // so that a new agent soon has something to say
  uint64_t sample_period_ns = 1'000'000;     // T; 0: every wait; below 2^32
  uint64_t max_samples = 4000;               // waits told a second: more make T longer; 0: any
  uint64_t ring_bytes = 4ULL << 20;          // rounded up to a power of two of pages
  uint32_t cpu_hz = 49;                      // on-CPU samples a second and CPU; 0: none
  bool unwind_tables = true;                 // false: user stacks by frame pointers
  std::string agent_version;
};

// One thing a kernel may give, and what its absence costs.
struct CapabilityReport {
  std::string name;
  bool present = false;
  bool essential = false;  // nothing works without it
  std::string detail;      // present: how it is used; absent: what is lost, what to do
};

struct ProgramReport {
  std::string name;
  std::string attach;  // the section it is written for: "tp_btf/sched_switch"
  bool attached = false;
  uint64_t run_count = 0;  // run_* only while kernel.bpf_stats_enabled is on
  uint64_t run_ns = 0;
  uint64_t recursion_misses = 0;
};

}  // namespace waitscope
