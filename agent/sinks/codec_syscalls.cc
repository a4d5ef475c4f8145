// System calls and polling loops, while their programs were attached.
#include <algorithm>

#include "agent/sinks/codec.h"
#include "agent/sinks/codec_parts.h"
#include "agent/sinks/words.h"

namespace waitscope {
namespace {

using google::protobuf::RepeatedPtrField;
using ProcessCall = std::pair<uint32_t, int32_t>;  // pid, system call

void Add(const SyscallWindow& window, SyscallWindow& into) {
  into.count += window.count;
  into.errors += window.errors;
  into.total_ns += window.total_ns;
  into.max_ns = std::max(into.max_ns, window.max_ns);
  into.latency.Merge(window.latency);
}

void AddErrnos(const Snapshot& snapshot, const ProcessCall& call, v1::Syscall& out) {
  const auto [pid, number] = call;
  for (auto row = snapshot.errnos.lower_bound(ErrnoKey{pid, number, 0});
       row != snapshot.errnos.end() && row->first.pid == pid && row->first.syscall == number;
       ++row) {
    v1::Syscall::Errno* error = out.add_errnos();
    error->set_name(ErrnoName(row->first.error));
    error->set_count(row->second);
  }
}

v1::Syscall EncodeSyscall(const Snapshot& snapshot, const SyscallKey& key,
                          const SyscallWindow& window) {
  v1::Syscall out;
  out.set_pid(key.thread.pid);
  out.set_tid(key.thread.tid);
  out.set_comm(CommOf(snapshot, key.thread));
  out.set_name(SyscallName(key.syscall));
  out.set_number(key.syscall);
  out.set_count(window.count);
  out.set_errors(window.errors);
  out.set_total_ns(window.total_ns);
  out.set_max_ns(window.max_ns);
  *out.mutable_latency() = EncodeHistogram(window.latency, window.max_ns);
  return out;
}

}  // namespace

RepeatedPtrField<v1::Syscall> EncodeThreadCalls(const Snapshot& snapshot) {
  RepeatedPtrField<v1::Syscall> calls;
  for (const auto& [key, window] : snapshot.syscalls) {
    *calls.Add() = EncodeSyscall(snapshot, key, window);
  }
  return calls;
}

RepeatedPtrField<v1::Syscall> EncodeProcessCalls(const Snapshot& snapshot) {
  std::map<ProcessCall, SyscallWindow> sums;
  for (const auto& [key, window] : snapshot.syscalls) {
    Add(window, sums[{key.thread.pid, key.syscall}]);
  }
  RepeatedPtrField<v1::Syscall> calls;
  for (const auto& [call, window] : sums) {
    v1::Syscall* out = calls.Add();
    *out = EncodeSyscall(snapshot, SyscallKey{ThreadKey{call.first, 0, 0}, call.second}, window);
    out->set_comm(ProcessComm(snapshot, call.first));
    AddErrnos(snapshot, call, *out);
  }
  return calls;
}

RepeatedPtrField<v1::EventLoop> EncodeLoops(const Snapshot& snapshot) {
  RepeatedPtrField<v1::EventLoop> loops;
  for (const auto& [key, window] : snapshot.loops) {
    v1::EventLoop* loop = loops.Add();
    loop->set_pid(key.pid);
    loop->set_tid(key.tid);
    loop->set_comm(CommOf(snapshot, key));
    loop->set_polls(window.polls);
    loop->set_ready(window.ready);
    loop->set_poll_ns(window.poll_ns);
    *loop->mutable_gap() = EncodeHistogram(window.gap, window.gap_max_ns);
  }
  return loops;
}

v1::SyscallsResponse EncodeSyscalls(const Snapshot& snapshot) {
  v1::SyscallsResponse response;
  *response.mutable_header() = EncodeHeader(snapshot, "syscalls");
  *response.mutable_syscalls() = EncodeProcessCalls(snapshot);
  *response.mutable_threads() = EncodeThreadCalls(snapshot);
  *response.mutable_loops() = EncodeLoops(snapshot);
  return response;
}

}  // namespace waitscope
