#include "agent/core/snapshot.h"

#include <algorithm>
#include <tuple>

namespace waitscope {
namespace {

// A red-black tree node: colour, three links, and the allocator's rounding.
constexpr size_t kNodeBytes = 48;

size_t BytesOf(const Histogram& histogram) {
  return histogram.Used().size() * sizeof(Histogram::Bucket);
}

size_t BytesOf(const Stack& stack) {
  size_t bytes = stack.truncated.size();
  for (const Frame& frame : stack.frames) {
    bytes += sizeof(Frame) + frame.symbol.size() + frame.module.size() + frame.build_id.size() +
             frame.file.size();
  }
  return bytes;
}

size_t BytesOf(const ProcessFacts& facts) {
  return facts.cgroup.size() + facts.container.size() + facts.command.size();
}

size_t BytesOf(const ThreadWindow& thread) { return BytesOf(thread.run_queue); }

size_t BytesOf(const SyscallWindow& window) { return BytesOf(window.latency); }

size_t BytesOf(const LoopWindow& window) { return BytesOf(window.gap); }

size_t BytesOf(const UnreadWindow& window) { return BytesOf(window.ages) + BytesOf(window.open); }

size_t BytesOf(const DeviceWindow& window) {
  return BytesOf(window.queue_time) + BytesOf(window.read_time) + BytesOf(window.write_time);
}

size_t BytesOf(const std::string& text) { return text.size(); }

template <typename Plain>
requires std::is_trivially_copyable_v<Plain> size_t BytesOf(const Plain&) { return 0; }

template <typename Map>
size_t BytesOfMap(const Map& map) {
  size_t bytes = 0;
  for (const auto& row : map) bytes += kNodeBytes + sizeof(row) + BytesOf(row.second);
  return bytes;
}

}  // namespace

uint64_t StateTotals::BlockedNs() const {
  uint64_t ns = 0;
  for (const WaitTotal& wait : waits) ns += wait.ns;
  return ns;
}

int64_t StateTotals::ResidualNs() const {
  return static_cast<int64_t>(wall_ns - running_ns - RunnableNs() - BlockedNs());
}

StateTotals& StateTotals::operator+=(const StateTotals& other) {
  wall_ns += other.wall_ns;
  running_ns += other.running_ns;
  woken_ns += other.woken_ns;
  preempted_ns += other.preempted_ns;
  unsplit_ns += other.unsplit_ns;
  switches_voluntary += other.switches_voluntary;
  switches_involuntary += other.switches_involuntary;
  for (size_t cls = 0; cls < WAIT_CLASS_COUNT; ++cls) {
    waits[cls].ns += other.waits[cls].ns;
    waits[cls].count += other.waits[cls].count;
  }
  return *this;
}

PressureWindow& PressureWindow::operator+=(const PressureWindow& other) {
  cpu_some_ns += other.cpu_some_ns;
  io_some_ns += other.io_some_ns;
  io_full_ns += other.io_full_ns;
  memory_some_ns += other.memory_some_ns;
  memory_full_ns += other.memory_full_ns;
  busy_ns += other.busy_ns;
  idle_ns += other.idle_ns;
  steal_ns += other.steal_ns;
  swapped_pages += other.swapped_pages;
  refaulted_pages += other.refaulted_pages;
  return *this;
}

SampleValue& SampleValue::operator+=(const SampleValue& other) {
  ns += other.ns;
  count += other.count;
  longest_ns = std::max(longest_ns, other.longest_ns);
  device_ns += other.device_ns;
  queue_ns += other.queue_ns;
  return *this;
}

void KeepSlowest(std::vector<block_event>& requests) {
  const auto rank = [](const block_event& request) {
    return std::make_tuple(~(request.complete_ns - request.insert_ns), request.complete_ns,
                           request.dev, request.sector, request.bytes, request.op);
  };
  std::ranges::sort(requests, {}, rank);
  if (requests.size() > kSlowestRequests) requests.resize(kSlowestRequests);
}

void KeepNewest(std::vector<Unpark>& unparks) {
  std::ranges::sort(unparks);
  if (unparks.size() <= kNewestUnparks) return;
  unparks.erase(unparks.begin(), unparks.end() - static_cast<ptrdiff_t>(kNewestUnparks));
}

bool HasThreadOf(uint32_t pid, const Snapshot& snapshot) {
  const auto first = snapshot.threads.lower_bound(ThreadKey{.pid = pid});
  return first != snapshot.threads.end() && first->first.pid == pid;
}

size_t ApproximateBytes(const Snapshot& snapshot) {
  return sizeof(Snapshot) + BytesOfMap(snapshot.threads) + BytesOfMap(snapshot.samples) +
         BytesOfMap(snapshot.creations) + BytesOfMap(snapshot.devices) +
         BytesOfMap(snapshot.syscalls) + BytesOfMap(snapshot.errnos) + BytesOfMap(snapshot.loops) +
         BytesOfMap(snapshot.unread) + BytesOfMap(snapshot.sides) + BytesOfMap(snapshot.processes) +
         BytesOfMap(snapshot.cgroups) + BytesOfMap(snapshot.lock_owners) +
         BytesOfMap(snapshot.lock_waits) + BytesOfMap(snapshot.kernel_locks) +
         BytesOfMap(snapshot.comms) + BytesOfMap(snapshot.stacks) +
         snapshot.requests.capacity() * sizeof(block_event) +
         snapshot.unparks.capacity() * sizeof(Unpark) +
         snapshot.objects.capacity() * sizeof(wait_object);
}

}  // namespace waitscope
