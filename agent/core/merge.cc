// Merge: sums add, sets unite, and what holds "at the window's end" comes from the later window.
#include <algorithm>
#include <compare>
#include <utility>

#include "agent/core/objects.h"
#include "agent/core/snapshot.h"

namespace waitscope {
namespace {

// Where `other` lies in time, seen from `into`. Equal windows have no later one: there the
// greater value wins, so that order does not matter.
using Order = std::strong_ordering;

template <typename Value>
void TakeLater(Value& into, const Value& other, Order other_is) {
  if (other_is > 0 || (other_is == 0 && into < other)) into = other;
}

template <typename Key, typename Value>
void TakeLaterRows(std::map<Key, Value>& into, const std::map<Key, Value>& other, Order other_is) {
  for (const auto& [key, value] : other) {
    const auto [at, added] = into.try_emplace(key, value);
    if (!added) TakeLater(at->second, value, other_is);
  }
}

template <typename Key>
void AddCounts(std::map<Key, uint64_t>& into, const std::map<Key, uint64_t>& other) {
  for (const auto& [key, count] : other) into[key] += count;
}

void TakeLaterWait(std::optional<OpenWait>& into, const std::optional<OpenWait>& other,
                   Order other_is) {
  const uint64_t into_ns = into ? into->ns : 0;
  const uint64_t other_ns = other ? other->ns : 0;
  if (other_is > 0 || (other_is == 0 && into_ns < other_ns)) into = other;
}

void Add(ThreadWindow& into, const ThreadWindow& other, Order other_is) {
  TakeLater(into.comm, other.comm, other_is);
  TakeLater(into.creator, std::max(into.creator, other.creator), Order::greater);
  TakeLater(into.parent_pid, other.parent_pid, other_is);
  TakeLater(into.cgroup_id, other.cgroup_id, other_is);
  into.kernel_thread |= other.kernel_thread;
  into.exited |= other.exited;
  into.born |= other.born;
  into.totals += other.totals;
  into.run_queue.Merge(other.run_queue);
  into.run_queue_max_ns = std::max(into.run_queue_max_ns, other.run_queue_max_ns);
  into.kernel_runtime_ns += other.kernel_runtime_ns;
  TakeLaterWait(into.open_wait, other.open_wait, other_is);
}

// A thread the later window does not have holds no wait open at the end.
void AddThreads(Snapshot& into, const Snapshot& other, Order other_is) {
  if (other_is > 0) {
    for (auto& [key, thread] : into.threads) {
      if (!other.threads.contains(key)) thread.open_wait.reset();
    }
  }
  for (const auto& [key, thread] : other.threads) {
    const auto [at, added] = into.threads.try_emplace(key, thread);
    if (!added) Add(at->second, thread, other_is);
    if (added && other_is < 0) at->second.open_wait.reset();
  }
}

// Rows still open when an earlier window closed are no longer "open at the end".
void CloseRows(std::map<SampleKey, SampleValue>& samples) {
  const auto first_open = samples.lower_bound(SampleKey{.open = true});
  const std::vector<std::pair<SampleKey, SampleValue>> open(first_open, samples.end());
  samples.erase(first_open, samples.end());
  for (auto [key, value] : open) {
    key.open = false;
    samples[key] += value;
  }
}

void AddSamples(Snapshot& into, const Snapshot& other, Order other_is) {
  if (other_is > 0) CloseRows(into.samples);
  ObjectInterner objects(std::move(into.objects));
  for (const auto& [key, value] : other.samples) {
    SampleKey here = key;
    here.object = objects.Intern(other.objects[key.object]);
    if (other_is < 0) here.open = false;
    into.samples[here] += value;
  }
  into.objects = std::move(objects).Take();
}

void Add(DeviceWindow& into, const DeviceWindow& other, Order other_is) {
  for (size_t op = 0; op < BLOCK_OP_COUNT; ++op) {
    into.ops[op].requests += other.ops[op].requests;
    into.ops[op].bytes += other.ops[op].bytes;
    into.ops[op].queue_ns += other.ops[op].queue_ns;
    into.ops[op].device_ns += other.ops[op].device_ns;
  }
  TakeLater(into.name, other.name, other_is);
  TakeLater(into.in_flight, other.in_flight, other_is);
  into.busy_ns += other.busy_ns;
  into.errors += other.errors;
  into.queue_time.Merge(other.queue_time);
  into.read_time.Merge(other.read_time);
  into.write_time.Merge(other.write_time);
}

void AddDevices(Snapshot& into, const Snapshot& other, Order other_is) {
  for (const auto& [dev, device] : other.devices) {
    const auto [at, added] = into.devices.try_emplace(dev, device);
    if (!added) Add(at->second, device, other_is);
  }
  into.requests.insert(into.requests.end(), other.requests.begin(), other.requests.end());
  KeepSlowest(into.requests);
}

void Add(SyscallWindow& into, const SyscallWindow& other) {
  into.count += other.count;
  into.errors += other.errors;
  into.total_ns += other.total_ns;
  into.max_ns = std::max(into.max_ns, other.max_ns);
  into.latency.Merge(other.latency);
}

void Add(LoopWindow& into, const LoopWindow& other) {
  into.polls += other.polls;
  into.ready += other.ready;
  into.poll_ns += other.poll_ns;
  into.gap_ns += other.gap_ns;
  into.gap_max_ns = std::max(into.gap_max_ns, other.gap_max_ns);
  into.gap.Merge(other.gap);
}

void AddSyscalls(Snapshot& into, const Snapshot& other) {
  for (const auto& [key, window] : other.syscalls) Add(into.syscalls[key], window);
  for (const auto& [key, window] : other.loops) Add(into.loops[key], window);
  AddCounts(into.errnos, other.errnos);
}

bool IsEmpty(const UnreadWindow& window) { return window.reads == 0 && window.open.Empty(); }

// What an earlier window left unread was read later, or is still open in the later one.
void AddUnread(Snapshot& into, const Snapshot& other, Order other_is) {
  if (other_is > 0) {
    for (auto& [key, window] : into.unread) {
      window.open = Histogram();
      window.open_oldest_ns = 0;
    }
  }
  for (const auto& [key, window] : other.unread) {
    UnreadWindow& sum = into.unread[key];
    sum.reads += window.reads;
    sum.age_ns += window.age_ns;
    sum.age_max_ns = std::max(sum.age_max_ns, window.age_max_ns);
    sum.ages.Merge(window.ages);
    if (other_is < 0) continue;
    sum.open.Merge(window.open);
    sum.open_oldest_ns = std::max(sum.open_oldest_ns, window.open_oldest_ns);
  }
  std::erase_if(into.unread, [](const auto& row) { return IsEmpty(row.second); });
}

void AddSides(Snapshot& into, const Snapshot& other) {
  for (const auto& [key, sides] : other.sides) into.sides[key] |= sides;
}

void Add(CgroupWindow& into, const CgroupWindow& other, Order other_is) {
  CgroupWindow sum = other_is > 0 || (other_is == 0 && into < other) ? other : into;
  sum.periods = into.periods + other.periods;
  sum.throttled_periods = into.throttled_periods + other.throttled_periods;
  sum.throttled_ns = into.throttled_ns + other.throttled_ns;
  sum.memory_limit_hits = into.memory_limit_hits + other.memory_limit_hits;
  sum.oom_kills = into.oom_kills + other.oom_kills;
  sum.memory_some_ns = into.memory_some_ns + other.memory_some_ns;
  sum.pids_limit_hits = into.pids_limit_hits + other.pids_limit_hits;
  into = sum;
}

void Add(KernelLockWindow& into, const KernelLockWindow& other) {
  into.waits += other.waits;
  into.wait_ns += other.wait_ns;
  into.wait_max_ns = std::max(into.wait_max_ns, other.wait_max_ns);
}

void AddSurroundings(Snapshot& into, const Snapshot& other, Order other_is) {
  into.pressure += other.pressure;
  for (const auto& [path, group] : other.cgroups) {
    const auto [at, added] = into.cgroups.try_emplace(path, group);
    if (!added) Add(at->second, group, other_is);
  }
  into.listening.insert(other.listening.begin(), other.listening.end());
  AddCounts(into.lock_owners, other.lock_owners);
  for (const auto& [key, waits] : other.lock_waits) into.lock_waits[key].Merge(waits);
  into.unparks.insert(into.unparks.end(), other.unparks.begin(), other.unparks.end());
  KeepNewest(into.unparks);
  for (const auto& [key, window] : other.kernel_locks) Add(into.kernel_locks[key], window);
}

// `comms` is only for threads without a row of their own.
void AddNames(Snapshot& into, const Snapshot& other, Order other_is) {
  TakeLaterRows(into.processes, other.processes, other_is);
  TakeLaterRows(into.comms, other.comms, other_is);
  std::erase_if(into.comms, [&](const auto& row) { return into.threads.contains(row.first); });
  for (const auto& [id, stack] : other.stacks) into.stacks.try_emplace(id, stack);
}

void AddHeader(Snapshot& into, const Snapshot& other, Order other_is) {
  if (other_is > 0) into.host = other.host;
  TakeLater(into.wall_clock_end_ns, other.wall_clock_end_ns, other_is);
  into.begin_ns = std::min(into.begin_ns, other.begin_ns);
  into.end_ns = std::max(into.end_ns, other.end_ns);
  into.sequence = std::max(into.sequence, other.sequence);
  into.windows += other.windows;
  into.period_ns = std::max(into.period_ns, other.period_ns);
  for (size_t reason = 0; reason < LOST_REASON_COUNT; ++reason) {
    into.losses[reason] += other.losses[reason];
  }
  into.cost.agent_cpu_ns += other.cost.agent_cpu_ns;
  into.cost.agent_rss_bytes = std::max(into.cost.agent_rss_bytes, other.cost.agent_rss_bytes);
  into.cost.bpf_run_ns += other.cost.bpf_run_ns;
  into.cost.bpf_run_count += other.cost.bpf_run_count;
}

}  // namespace

void Append(ThreadWindow& into, const ThreadWindow& later) {
  Add(into, later, Order::greater);
  into.exited = later.exited;
}

void Merge(Snapshot& into, const Snapshot& other) {
  const Order other_is = other.end_ns <=> into.end_ns;
  AddThreads(into, other, other_is);
  AddSamples(into, other, other_is);
  AddCounts(into.creations, other.creations);
  AddDevices(into, other, other_is);
  AddSyscalls(into, other);
  AddUnread(into, other, other_is);
  AddSides(into, other);
  AddSurroundings(into, other, other_is);
  AddNames(into, other, other_is);
  AddHeader(into, other, other_is);
}

}  // namespace waitscope
