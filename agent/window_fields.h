// Every field of a snapshot in a fixed order, for writing (ColumnWriter) and reading alike. Each
// structure is taken apart by a structured binding: a field added there does not compile until it
// is here too, so that none is lost on its way into the history.
#pragma once

#include <array>
#include <cmath>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

#include "agent/core/snapshot.h"

namespace waitscope {

constexpr uint64_t ZigZag(uint64_t difference) {
  return (difference << 1) ^ (0 - (difference >> 63));
}
constexpr uint64_t UnZigZag(uint64_t number) { return (number >> 1) ^ (0 - (number & 1)); }

template <typename Archive>
class WindowFields {
 public:
  explicit WindowFields(Archive& archive) : archive_(archive) {}

  void operator()(Snapshot& snapshot) {
    auto& [host, begin_ns, end_ns, wall_clock_end_ns, sequence, windows, period_ns, threads,
           samples, creations, devices, requests, syscalls, errnos, loops, unread, sides, processes,
           pressure, cgroups, listening, lock_owners, lock_waits, unparks, kernel_locks, comms,
           objects, stacks, losses, cost] = snapshot;
    All(host, begin_ns, end_ns, wall_clock_end_ns, sequence, windows, period_ns, losses, cost,
        pressure);
    length_ns_ = end_ns - begin_ns;
    archive_.MoveTo(kSection);
    Sections(threads, samples, creations, devices, requests, syscalls, errnos, loops, unread, sides,
             processes, cgroups, listening, lock_owners, lock_waits, unparks, kernel_locks, comms,
             objects);
    Identities(stacks);
  }

 private:
  // Wide enough for every field of the widest row; if it were not, only compression would suffer.
  static constexpr size_t kSection = 72;
  static constexpr size_t kNested = 4;

  template <typename... Values>
  void All(Values&... values) {
    (Value(values), ...);
  }

  template <typename... Tables>
  void Sections(Tables&... tables) {
    (Table(tables, kSection), ...);
  }

  template <typename Integer>
  requires std::is_integral_v<Integer> || std::is_enum_v<Integer>
  void Value(Integer& value) {
    // A negative one, such as "no system call", should be as short as its opposite.
    auto number = static_cast<uint64_t>(value);
    if constexpr (std::is_signed_v<Integer>) number = ZigZag(number);
    archive_.Number(number);
    if constexpr (std::is_signed_v<Integer>) number = UnZigZag(number);
    value = static_cast<Integer>(number);
  }

  void Value(std::string& value) { archive_.Text(value); }

  void Value(std::vector<std::string>& value) { Table(value, kNested); }

  template <typename Element, size_t N>
  void Value(std::array<Element, N>& values) {
    for (Element& value : values) Value(value);
  }

  template <typename Optional>
  void Value(std::optional<Optional>& value) {
    uint64_t present = value.has_value() ? 1 : 0;
    archive_.Number(present);
    if (present != 0 && !value) value.emplace();
    if (present != 0) Value(*value);
  }

  // Estimates are whole nanoseconds and 65,536ths of a count. The odd one that is not stays exact.
  enum Form : uint64_t { kWhole, kParts, kRaw };

  static uint64_t Packed(double value) {
    constexpr double kLimit = 0x1p53;
    const double parts = value * 65536;
    const bool fits = !std::signbit(value) && parts < kLimit;
    if (fits && value == std::floor(value)) return static_cast<uint64_t>(value) << 2 | kWhole;
    if (fits && parts == std::floor(parts)) return static_cast<uint64_t>(parts) << 2 | kParts;
    return kRaw;
  }

  void Value(double& value) {
    uint64_t number = Packed(value);
    archive_.Number(number);
    if (number == kRaw) return Raw(value);
    const auto shown = static_cast<double>(number >> 2);
    value = (number & 3) == kWhole ? shown : shown / 65536;
  }

  // A hash: numbers of that size only get longer.
  void Identity(StackId& id) { archive_.Word(id); }

  template <typename Plain>
  void Raw(Plain& value) {
    archive_.Bytes(&value, sizeof(value));
  }
  void Value(wait_object& value) { Raw(value); }
  void Value(block_event& value) { Raw(value); }

  void Value(Histogram& value) {
    const size_t first = archive_.at();
    std::vector<Histogram::Bucket> used(value.Used().begin(), value.Used().end());
    Table(used, kNested);
    if constexpr (Archive::kReads) {
      for (const auto& [index, count] : used) value.Add(hist_floor_ns(index), count);
    }
    archive_.MoveTo(first + kNested);
  }
  void Value(Histogram::Bucket& value) {
    auto& [index, count] = value;
    All(index, count);
  }

  void Value(ThreadKey& value) {
    auto& [pid, tid, start_ns] = value;
    All(pid, tid, start_ns);
  }

  // Of a thread that slept through the window every time is nothing or all of it.
  void Part(uint64_t& part_ns, uint64_t whole_ns) {
    uint64_t number = part_ns == 0 ? 0 : 1 + ZigZag(whole_ns - part_ns);
    archive_.Number(number);
    part_ns = number == 0 ? 0 : whole_ns - UnZigZag(number - 1);
  }

  void Value(StateTotals& value) {
    auto& [wall_ns, running_ns, woken_ns, preempted_ns, waits, unsplit_ns, voluntary, involuntary] =
        value;
    Part(wall_ns, length_ns_);
    All(running_ns, woken_ns, preempted_ns, unsplit_ns, voluntary, involuntary);
    for (auto& [ns, count] : waits) {
      Part(ns, wall_ns);
      Value(count);
    }
  }

  void Value(OpenWait& value) {
    auto& [cls, ns, since_before_agent, syscall, object, kernel_stack, user_stack] = value;
    Identity(kernel_stack);
    Identity(user_stack);
    All(cls, ns, since_before_agent, syscall, object);
  }

  void Value(ThreadWindow& value) {
    auto& [key, comm, creator, parent_pid, cgroup_id, kernel_thread, exited, born, totals,
           run_queue, run_queue_max_ns, kernel_runtime_ns, open_wait] = value;
    All(key, comm, creator, parent_pid, cgroup_id, kernel_thread, exited, born, totals, run_queue,
        run_queue_max_ns, kernel_runtime_ns, open_wait);
  }

  void Value(SampleKey& value) {
    auto& [open, thread, state, cls, syscall, kernel_stack, user_stack, waker, context,
           waker_kernel_stack, waker_user_stack, object, device] = value;
    Identity(kernel_stack);
    Identity(user_stack);
    Identity(waker_kernel_stack);
    Identity(waker_user_stack);
    All(open, thread, state, cls, syscall, waker, context, object, device);
  }

  void Value(SampleValue& value) {
    auto& [ns, count, longest_ns, device_ns, queue_ns] = value;
    All(ns, count, longest_ns, device_ns, queue_ns);
  }

  void Value(CreationKey& value) {
    auto& [creator, kernel_stack, user_stack] = value;
    Identity(kernel_stack);
    Identity(user_stack);
    Value(creator);
  }

  void Value(device_op_totals& value) {
    auto& [requests, bytes, queue_ns, device_ns] = value;
    All(requests, bytes, queue_ns, device_ns);
  }

  void Value(DeviceWindow& value) {
    auto& [dev, name, ops, busy_ns, in_flight, errors, queue_time, read_time, write_time] = value;
    All(dev, name, ops, busy_ns, in_flight, errors, queue_time, read_time, write_time);
  }

  void Value(SyscallKey& value) {
    auto& [thread, syscall] = value;
    All(thread, syscall);
  }

  void Value(SyscallWindow& value) {
    auto& [count, errors, total_ns, max_ns, latency] = value;
    All(count, errors, total_ns, max_ns, latency);
  }

  void Value(ErrnoKey& value) {
    auto& [pid, syscall, error] = value;
    All(pid, syscall, error);
  }

  void Value(LoopWindow& value) {
    auto& [polls, ready, poll_ns, gap_ns, gap_max_ns, gap] = value;
    All(polls, ready, poll_ns, gap_ns, gap_max_ns, gap);
  }

  void Value(UnreadKey& value) {
    auto& [pid, port] = value;
    All(pid, port);
  }

  void Value(UnreadWindow& value) {
    auto& [reads, age_ns, age_max_ns, ages, open, open_oldest_ns] = value;
    All(reads, age_ns, age_max_ns, ages, open, open_oldest_ns);
  }

  void Value(SidesKey& value) {
    auto& [pid, epoll] = value;
    All(pid, epoll);
  }

  void Value(ProcessFacts& value) {
    auto& [parent_pid, cgroup, container, command, cpu_cgroup, memory_cgroup, pids_cgroup] = value;
    All(parent_pid, cgroup, container, command, cpu_cgroup, memory_cgroup, pids_cgroup);
  }

  void Value(PressureWindow& value) {
    auto& [cpu_some_ns, io_some_ns, io_full_ns, memory_some_ns, memory_full_ns, busy_ns, idle_ns,
           steal_ns, swapped_pages, refaulted_pages] = value;
    All(cpu_some_ns, io_some_ns, io_full_ns, memory_some_ns, memory_full_ns, busy_ns, idle_ns,
        steal_ns, swapped_pages, refaulted_pages);
  }

  void Value(CgroupWindow& value) {
    auto& [periods, throttled_periods, throttled_ns, quota_ns, period_ns, memory_bytes,
           memory_limit, memory_limit_hits, oom_kills, memory_some_ns, pids, pids_limit,
           pids_limit_hits] = value;
    All(periods, throttled_periods, throttled_ns, quota_ns, period_ns, memory_bytes, memory_limit,
        memory_limit_hits, oom_kills, memory_some_ns, pids, pids_limit, pids_limit_hits);
  }

  void Value(LockOwnerKey& value) {
    auto& [pid, word, owner_tid] = value;
    All(pid, word, owner_tid);
  }

  void Value(LockWordKey& value) {
    auto& [pid, word] = value;
    All(pid, word);
  }

  void Value(Unpark& value) {
    auto& [wake_ns, pid, waiter, waker, word, user_stack, off_ns, on_ns] = value;
    Identity(user_stack);
    All(wake_ns, pid, waiter, waker, word);
    Part(off_ns, wake_ns);
    Part(on_ns, wake_ns);
  }

  void Value(KernelLockKey& value) {
    auto& [pid, lock, kind, role, owner] = value;
    All(pid, lock, kind, role, owner);
  }

  void Value(KernelLockWindow& value) {
    auto& [waits, wait_ns, wait_max_ns] = value;
    All(waits, wait_ns, wait_max_ns);
  }

  void Value(CostWindow& value) {
    auto& [agent_cpu_ns, agent_rss_bytes, bpf_run_ns, bpf_run_count] = value;
    All(agent_cpu_ns, agent_rss_bytes, bpf_run_ns, bpf_run_count);
  }

  void Value(HostFacts& value) {
    auto& [cpus, agent_pid, hostname, kernel, agent_version, limits] = value;
    All(cpus, agent_pid, hostname, kernel, agent_version, limits);
  }

  // Every row of a table begins at the same column; what comes after it, `width` further on.
  uint64_t Count(uint64_t held) {
    const size_t here = archive_.at();
    archive_.Number(held);
    archive_.MoveTo(here + 1);
    return held;
  }

  template <typename Row>
  void Table(std::vector<Row>& rows, size_t width) {
    const size_t first = archive_.at();
    rows.resize(Count(rows.size()));
    for (Row& row : rows) {
      archive_.MoveTo(first + 1);
      Value(row);
    }
    archive_.MoveTo(first + width);
  }

  template <typename Key>
  void Table(std::set<Key>& rows, size_t width) {
    std::vector<Key> keys(rows.begin(), rows.end());
    Table(keys, width);
    if constexpr (Archive::kReads) rows = std::set<Key>(keys.begin(), keys.end());
  }

  template <typename Key, typename Mapped>
  void Table(std::map<Key, Mapped>& rows, size_t width) {
    const size_t first = archive_.at();
    const uint64_t count = Count(rows.size());
    auto at = rows.begin();
    for (uint64_t row = 0; row < count; ++row) {
      archive_.MoveTo(first + 1);
      if constexpr (Archive::kReads) {
        std::pair<Key, Mapped> read;
        All(read.first, read.second);
        rows.insert(rows.end(), std::move(read));
      } else {
        Key key = at->first;
        All(key, at->second);
        ++at;
      }
    }
    archive_.MoveTo(first + width);
  }

  // Which stacks the window has: their frames are kept for all windows together.
  void Identities(std::map<StackId, Stack>& stacks) {
    const size_t first = archive_.at();
    const uint64_t count = Count(stacks.size());
    auto at = stacks.begin();
    for (uint64_t row = 0; row < count; ++row) {
      archive_.MoveTo(first + 1);
      StackId id = 0;
      if constexpr (!Archive::kReads) id = (at++)->first;
      Identity(id);
      if constexpr (Archive::kReads) stacks.emplace_hint(stacks.end(), id, Stack());
    }
  }

  Archive& archive_;
  uint64_t length_ns_ = 0;
};

}  // namespace waitscope
