#include "agent/source/kernel_totals.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <numeric>
#include <vector>

#include "agent/core/unread.h"
#include "agent/source/map_reader.h"
#include "bpf/histogram.h"
#include "bpf/totals.h"

namespace waitscope {
namespace {

event_header Header(event_kind kind, size_t size) {
  return {static_cast<uint32_t>(kind), static_cast<uint32_t>(size)};
}

device_event ToEvent(uint32_t dev, const device_totals& totals, uint64_t now_ns) {
  device_event event{};
  event.hdr = Header(EVENT_device, sizeof(event));
  event.dev = dev;
  event.at_ns = now_ns;
  event.in_flight = static_cast<uint32_t>(std::max<int64_t>(totals.in_flight, 0));
  event.busy_ns = totals.busy_ns;
  // Busy right now: the programs account that only at the next request.
  if (totals.in_flight > 0 && now_ns > totals.stamp_ns) event.busy_ns += now_ns - totals.stamp_ns;
  event.errors = totals.errors;
  std::copy(std::begin(totals.ops), std::end(totals.ops), event.ops);
  std::copy(std::begin(totals.queue_hist), std::end(totals.queue_hist), event.queue_hist);
  std::copy(std::begin(totals.read_hist), std::end(totals.read_hist), event.read_hist);
  std::copy(std::begin(totals.write_hist), std::end(totals.write_hist), event.write_hist);
  return event;
}

syscall_event ToEvent(const call_key& key, const call_totals& totals) {
  syscall_event event{};
  event.hdr = Header(EVENT_syscall, sizeof(event));
  event.thread = key.thread;
  event.syscall = key.syscall;
  event.count = totals.count;
  event.errors = totals.errors;
  event.total_ns = totals.total_ns;
  event.max_ns = totals.max_ns;
  std::copy(std::begin(totals.hist), std::end(totals.hist), event.hist);
  return event;
}

syscall_error_event ToEvent(const error_key& key, uint64_t count) {
  syscall_error_event event{};
  event.hdr = Header(EVENT_syscall_error, sizeof(event));
  event.pid = key.pid;
  event.syscall = key.syscall;
  event.error = key.error;
  event.count = count;
  return event;
}

loop_event ToEvent(const thread_ref& thread, const loop_totals& totals) {
  loop_event event{};
  event.hdr = Header(EVENT_loop, sizeof(event));
  event.thread = thread;
  event.polls = totals.polls;
  event.ready = totals.ready;
  event.poll_ns = totals.poll_ns;
  event.gap_ns = totals.gap_ns;
  event.gap_max_ns = totals.gap_max_ns;
  std::copy(std::begin(totals.gap_hist), std::end(totals.gap_hist), event.gap_hist);
  return event;
}

bool IsGone(const thread_ref& thread) {
  return syscall(SYS_tgkill, thread.pid, thread.tid, 0) != 0 && errno == ESRCH;
}

bool IsGone(const call_key& key) { return IsGone(key.thread); }

bool IsGone(uint32_t pid) { return kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH; }

bool IsGone(const error_key& key) { return IsGone(key.pid); }

bool IsGone(const unread_key& key) { return IsGone(key.pid); }

// Totals of threads that are gone, once they are read, make room when the map gets full.
template <typename Key, typename Value>
absl::Status ReadAndMakeRoom(int fd, absl::FunctionRef<void(const Key&, const Value&)> each) {
  std::vector<Key> keys;
  absl::Status status =
      ForEachEntry<Key, Value>(fd, MapRead::kKeep, [&](const Key& key, const Value& value) {
        each(key, value);
        keys.push_back(key);
      });
  if (!IsHalfFull(fd, keys.size())) return status;
  for (const Key& key : keys) {
    if (IsGone(key)) bpf_map_delete_elem(fd, &key);
  }
  return status;
}

unread_event ToEvent(const unread_key& key, const unread_totals& totals, uint64_t now_ns) {
  unread_event event{};
  event.hdr = Header(EVENT_unread, sizeof(event));
  event.pid = key.pid;
  event.port = key.port;
  event.at_ns = now_ns;
  event.reads = totals.reads;
  event.age_ns = totals.age_ns;
  event.age_max_ns = totals.age_max_ns;
  std::copy(std::begin(totals.age_hist), std::end(totals.age_hist), event.age_hist);
  return event;
}

void AddOpen(const unread_now& open, uint64_t now_ns, unread_event& event) {
  const uint64_t age_ns = now_ns - std::min<uint64_t>(now_ns, open.since_ns);
  event.open_oldest_ns = std::max<uint64_t>(event.open_oldest_ns, age_ns);
  hist_count(event.open_hist, age_ns);
}

uint64_t RecursionMisses(const BpfSession& session) {
  uint64_t misses = 0;
  for (const ProgramReport& program : session.Programs()) misses += program.recursion_misses;
  return misses;
}

}  // namespace

absl::Status ReadDead(const BpfSession& session, Fold fold) {
  return ForEachEntry<dead_key, ledger_event>(
      session.Map("dead"), MapRead::kRemove,
      [&](const dead_key&, const ledger_event& event) { fold(event); });
}

absl::Status ReadDevices(const BpfSession& session, uint64_t now_ns,
                         absl::FunctionRef<void(device_event&)> check, Fold fold) {
  return ForEachEntry<uint32_t, device_totals>(
      session.Map("devices"), MapRead::kKeep,
      [&](const uint32_t& dev, const device_totals& totals) {
        device_event event = ToEvent(dev, totals, now_ns);
        check(event);
        fold(event);
      });
}

absl::Status ReadSyscalls(const BpfSession& session, Fold fold) {
  absl::Status status = ReadAndMakeRoom<call_key, call_totals>(
      session.Map("calls"),
      [&](const call_key& key, const call_totals& totals) { fold(ToEvent(key, totals)); });
  status.Update(ReadAndMakeRoom<thread_ref, loop_totals>(
      session.Map("loops"),
      [&](const thread_ref& thread, const loop_totals& totals) { fold(ToEvent(thread, totals)); }));
  status.Update(ReadAndMakeRoom<error_key, uint64_t>(
      session.Map("call_errors"),
      [&](const error_key& key, const uint64_t& count) { fold(ToEvent(key, count)); }));
  return status;
}

absl::Status ReadUnread(const BpfSession& session, uint64_t now_ns, Fold fold) {
  std::map<UnreadKey, unread_event> events;
  absl::Status status = ReadAndMakeRoom<unread_key, unread_totals>(
      session.Map("unread_ages"), [&](const unread_key& key, const unread_totals& totals) {
        events[{key.pid, key.port}] = ToEvent(key, totals, now_ns);
      });
  const absl::StatusOr<std::vector<unread_now>> unread = session.ReadUnread();
  status.Update(unread.status());
  if (!status.ok()) return status;
  for (const unread_now& open : *unread) {
    if (open.key.pid == 0) continue;  // nobody to tell it of
    const auto [at, added] = events.try_emplace({open.key.pid, open.key.port});
    if (added) at->second = ToEvent(open.key, {}, now_ns);
    AddOpen(open, now_ns, at->second);
  }
  for (const auto& [key, event] : events) fold(event);
  return absl::OkStatus();
}

uint64_t CountLost(const BpfSession& session, uint32_t reason) {
  std::vector<uint64_t> per_cpu(static_cast<size_t>(libbpf_num_possible_cpus()));
  if (bpf_map_lookup_elem(session.Map("losses"), &reason, per_cpu.data()) != 0) return 0;
  return std::accumulate(per_cpu.begin(), per_cpu.end(), uint64_t{0});
}

void ReadLosses(const BpfSession& session, uint64_t undecodable, Fold fold) {
  for (uint32_t reason = LOST_none + 1; reason < LOST_REASON_COUNT; ++reason) {
    loss_event event{};
    event.hdr = Header(EVENT_loss, sizeof(event));
    event.reason = reason;
    event.count = CountLost(session, reason);
    if (reason == LOST_ring_full) event.count += undecodable;
    if (reason == LOST_recursion) event.count += RecursionMisses(session);
    fold(event);
  }
}

}  // namespace waitscope
