// One immutable window of one host, as the core computes it. docs/definitions.md defines every
// number. Snapshots of one host merge by adding: Merge is associative and commutative.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/core/histogram.h"
#include "agent/core/stack.h"
#include "bpf/events.h"

namespace waitscope {

struct ThreadKey {
  uint32_t pid = 0;
  uint32_t tid = 0;
  uint64_t start_ns = 0;  // CLOCK_MONOTONIC

  friend auto operator<=>(const ThreadKey&, const ThreadKey&) = default;
};

inline ThreadKey KeyOf(const thread_ref& ref) { return {ref.pid, ref.tid, ref.start_ns}; }

struct WaitTotal {
  uint64_t ns = 0;
  uint64_t count = 0;

  friend bool operator==(const WaitTotal&, const WaitTotal&) = default;
};

// Time by state. running + woken + preempted + sum(waits) + residual = wall.
struct StateTotals {
  uint64_t wall_ns = 0;
  uint64_t running_ns = 0;
  uint64_t woken_ns = 0;
  uint64_t preempted_ns = 0;
  std::array<WaitTotal, WAIT_CLASS_COUNT> waits{};
  uint64_t unsplit_ns = 0;
  uint64_t switches_voluntary = 0;
  uint64_t switches_involuntary = 0;

  uint64_t BlockedNs() const;
  uint64_t RunnableNs() const { return woken_ns + preempted_ns; }
  int64_t ResidualNs() const;
  StateTotals& operator+=(const StateTotals& other);

  friend bool operator==(const StateTotals&, const StateTotals&) = default;
};

struct OpenWait {
  wait_class cls = WAIT_other;
  uint64_t ns = 0;  // so far
  bool since_before_agent = false;
  int32_t syscall = -1;
  wait_object object{};
  StackId kernel_stack = 0;
  StackId user_stack = 0;
};

struct ThreadWindow {
  ThreadKey key;
  std::string comm;
  ThreadKey creator;  // zero when older than the agent
  uint32_t parent_pid = 0;
  uint64_t cgroup_id = 0;
  bool kernel_thread = false;
  bool exited = false;  // within this window
  bool born = false;    // within this window
  StateTotals totals;
  Histogram run_queue;
  uint64_t run_queue_max_ns = 0;
  uint64_t kernel_runtime_ns = 0;
  std::optional<OpenWait> open_wait;  // at the window's end
};

// What a sample is about. Samples with equal keys add up.
enum class SampleState : uint8_t { kRunning, kWoken, kPreempted, kBlocked };

// Waker, object and device belong to the blocked part of a wait only.
struct SampleKey {
  bool open = false;  // still waiting at the window's end; first, so that those stand together
  ThreadKey thread;
  SampleState state = SampleState::kBlocked;
  wait_class cls = WAIT_other;  // when blocked
  int32_t syscall = -1;
  StackId kernel_stack = 0;
  StackId user_stack = 0;
  ThreadKey waker{};
  waker_context context = WAKER_none;
  StackId waker_kernel_stack = 0;
  StackId waker_user_stack = 0;
  uint32_t object = 0;  // index into Snapshot::objects; 0 none
  uint32_t device = 0;  // of the request that ended the wait; 0 none

  friend auto operator<=>(const SampleKey&, const SampleKey&) = default;
};

// Estimates (Horvitz-Thompson): each chosen wait counts value / min(1, length / T). Contributions
// are rounded to binary fractions, so sums are exact and do not depend on their order.
struct SampleValue {
  double ns = 0;
  double count = 0;         // a wait is counted in the window it ends in: open rows count 0
  uint64_t longest_ns = 0;  // of one wait, whole, whatever windows it spans
  uint64_t device_ns = 0;   // of the requests that ended these waits, unweighted
  uint64_t queue_ns = 0;

  SampleValue& operator+=(const SampleValue& other);
  friend bool operator==(const SampleValue&, const SampleValue&) = default;
};

// Where threads and processes are created: sampled stacks of the creator.
struct CreationKey {
  ThreadKey creator;
  StackId kernel_stack = 0;
  StackId user_stack = 0;

  friend auto operator<=>(const CreationKey&, const CreationKey&) = default;
};

struct DeviceWindow {
  uint32_t dev = 0;
  std::string name;
  std::array<device_op_totals, BLOCK_OP_COUNT> ops{};
  uint64_t busy_ns = 0;
  uint32_t in_flight = 0;  // at the window's end
  uint64_t errors = 0;
  Histogram queue_time;
  Histogram read_time;
  Histogram write_time;
};

struct SyscallKey {
  ThreadKey thread;
  int32_t syscall = 0;

  friend auto operator<=>(const SyscallKey&, const SyscallKey&) = default;
};

struct SyscallWindow {
  uint64_t count = 0;
  uint64_t errors = 0;
  uint64_t total_ns = 0;
  uint64_t max_ns = 0;  // of the thread's whole life when it is older than the window
  Histogram latency;
};

struct ErrnoKey {
  uint32_t pid = 0;
  int32_t syscall = 0;
  int32_t error = 0;

  friend auto operator<=>(const ErrnoKey&, const ErrnoKey&) = default;
};

struct LoopWindow {
  uint64_t polls = 0;
  uint64_t ready = 0;
  uint64_t poll_ns = 0;
  uint64_t gap_ns = 0;
  uint64_t gap_max_ns = 0;
  Histogram gap;
};

// A listening port as one process reads from it.
struct UnreadKey {
  uint32_t pid = 0;
  uint32_t port = 0;

  friend auto operator<=>(const UnreadKey&, const UnreadKey&) = default;
};

struct UnreadWindow {
  uint64_t reads = 0;  // that found something unread
  uint64_t age_ns = 0;
  uint64_t age_max_ns = 0;
  Histogram ages;
  Histogram open;  // connections with something unread at the window's end
  uint64_t open_oldest_ns = 0;

  friend bool operator==(const UnreadWindow&, const UnreadWindow&) = default;
};

// One epoll instance of a process, or all its sockets.
struct SidesKey {
  static constexpr int32_t kWholeProcess = -1;

  uint32_t pid = 0;
  int32_t epoll = kWholeProcess;  // else its descriptor

  friend auto operator<=>(const SidesKey&, const SidesKey&) = default;
};

struct ProcessFacts {
  uint32_t parent_pid = 0;
  std::string cgroup;
  std::string container;
  std::string command;
  std::string cpu_cgroup;  // by controller: the same as `cgroup` under version 2
  std::string memory_cgroup;
  std::string pids_cgroup;

  friend auto operator<=>(const ProcessFacts&, const ProcessFacts&) = default;
};

struct CostWindow {
  uint64_t agent_cpu_ns = 0;
  uint64_t agent_rss_bytes = 0;
  uint64_t bpf_run_ns = 0;
  uint64_t bpf_run_count = 0;
};

// What the whole machine was short of, in nanoseconds within the window.
struct PressureWindow {
  uint64_t cpu_some_ns = 0;
  uint64_t io_some_ns = 0;
  uint64_t io_full_ns = 0;
  uint64_t memory_some_ns = 0;
  uint64_t memory_full_ns = 0;
  uint64_t busy_ns = 0;  // of all CPUs together
  uint64_t idle_ns = 0;
  uint64_t steal_ns = 0;
  uint64_t swapped_pages = 0;
  uint64_t refaulted_pages = 0;

  PressureWindow& operator+=(const PressureWindow& other);
  friend bool operator==(const PressureWindow&, const PressureWindow&) = default;
};

// Counts are of the window, limits and levels of its end. A limit of 0 is none.
struct CgroupWindow {
  uint64_t periods = 0;
  uint64_t throttled_periods = 0;
  uint64_t throttled_ns = 0;
  uint64_t quota_ns = 0;
  uint64_t period_ns = 0;
  uint64_t memory_bytes = 0;
  uint64_t memory_limit = 0;
  uint64_t memory_limit_hits = 0;
  uint64_t oom_kills = 0;
  uint64_t memory_some_ns = 0;
  uint64_t pids = 0;
  uint64_t pids_limit = 0;
  uint64_t pids_limit_hits = 0;

  friend auto operator<=>(const CgroupWindow&, const CgroupWindow&) = default;
};

// A lock and who held it, at the close of a window.
struct LockOwnerKey {
  uint32_t pid = 0;
  uint64_t word = 0;
  uint32_t owner_tid = 0;

  friend auto operator<=>(const LockOwnerKey&, const LockOwnerKey&) = default;
};

// What threads of one process waited for by futex: a lock, or what looks like one.
struct LockWordKey {
  uint32_t pid = 0;
  uint64_t word = 0;

  friend auto operator<=>(const LockWordKey&, const LockWordKey&) = default;
};

// A thread ended a long wait of another thread of its process at a condition variable or a
// semaphore, or the time for that wait ran out. Who ends waits in turn hands something on.
struct Unpark {
  uint64_t wake_ns = 0;  // CLOCK_MONOTONIC, as the others
  uint32_t pid = 0;
  uint32_t waiter = 0;  // tid
  uint32_t waker = 0;   // tid; 0: nobody
  uint64_t word = 0;
  StackId user_stack = 0;  // of the waiter
  uint64_t off_ns = 0;
  uint64_t on_ns = 0;  // when the waiter ran again

  friend auto operator<=>(const Unpark&, const Unpark&) = default;
};

// A lock of the kernel that threads of one process waited for, and who owned it when they began.
struct KernelLockKey {
  uint32_t pid = 0;
  uint64_t lock = 0;  // its address
  kernel_lock_kind kind = KERNEL_LOCK_semaphore;
  kernel_lock_role role = KERNEL_LOCK_ROLE_unknown;
  ThreadKey owner{};  // zero: not known, or readers

  friend auto operator<=>(const KernelLockKey&, const KernelLockKey&) = default;
};

struct KernelLockWindow {
  uint64_t waits = 0;  // that ended
  uint64_t wait_ns = 0;
  uint64_t wait_max_ns = 0;

  friend bool operator==(const KernelLockWindow&, const KernelLockWindow&) = default;
};

struct HostFacts {
  uint32_t cpus = 0;
  uint32_t agent_pid = 0;
  std::string hostname;
  std::string kernel;
  std::string agent_version;
  std::vector<std::string> limits;
};

struct Snapshot {
  HostFacts host;
  uint64_t begin_ns = 0;  // CLOCK_MONOTONIC
  uint64_t end_ns = 0;
  uint64_t wall_clock_end_ns = 0;  // CLOCK_REALTIME at end_ns
  uint64_t sequence = 0;           // of the last window merged
  uint32_t windows = 1;
  uint64_t period_ns = 0;  // sampling period seen in the samples; 0: every wait

  std::map<ThreadKey, ThreadWindow> threads;
  std::map<SampleKey, SampleValue> samples;
  std::map<CreationKey, uint64_t> creations;  // observed forks and clones
  std::map<uint32_t, DeviceWindow> devices;
  std::vector<block_event> requests;  // the slowest, bounded
  std::map<SyscallKey, SyscallWindow> syscalls;
  std::map<ErrnoKey, uint64_t> errnos;
  std::map<ThreadKey, LoopWindow> loops;
  std::map<UnreadKey, UnreadWindow> unread;
  std::map<SidesKey, uint32_t> sides;  // enum socket_side_bit, of any window's end
  std::map<uint32_t, ProcessFacts> processes;
  PressureWindow pressure;
  std::map<std::string, CgroupWindow> cgroups;   // by path
  std::set<uint16_t> listening;                  // TCP ports that accept connections
  std::map<LockOwnerKey, uint64_t> lock_owners;  // waiters seen at the closes of windows
  std::map<LockWordKey, Histogram> lock_waits;   // blocked time of the chosen waits that ended
  std::vector<Unpark> unparks;                   // the newest, bounded, by time
  std::map<KernelLockKey, KernelLockWindow> kernel_locks;  // while somebody watched
  std::map<ThreadKey, std::string> comms;  // of threads that appear only as wakers or creators
  std::vector<wait_object> objects{wait_object{}};   // index 0: none
  std::map<StackId, Stack> stacks;                   // filled by the symbols stage
  std::array<uint64_t, LOST_REASON_COUNT> losses{};  // within the window
  CostWindow cost;
};

inline constexpr size_t kSlowestRequests = 256;  // kept per snapshot

// Keeps the kSlowestRequests slowest, slowest first.
void KeepSlowest(std::vector<block_event>& requests);

inline constexpr size_t kNewestUnparks = 8192;  // kept per snapshot

// Keeps the kNewestUnparks newest, in order.
void KeepNewest(std::vector<Unpark>& unparks);

// Adds `other` (of the same host) to `into`; the result covers both stretches of time. For
// adjacent or equal stretches the result does not depend on order or grouping, but for the
// numbering of objects. What holds "at the window's end" comes from the later one.
void Merge(Snapshot& into, const Snapshot& other);

// The same of one thread, of which `later` follows.
void Append(ThreadWindow& into, const ThreadWindow& later);

// Whether the snapshot has a thread of the process.
bool HasThreadOf(uint32_t pid, const Snapshot& snapshot);

// Rough size in memory, for the history's byte limit.
size_t ApproximateBytes(const Snapshot& snapshot);

}  // namespace waitscope
