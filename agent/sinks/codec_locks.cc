// Locks and their holders as messages.
#include "agent/sinks/codec.h"
#include "agent/sinks/codec_parts.h"
#include "agent/sinks/codec_views.h"
#include "agent/views/locks.h"

namespace waitscope {
namespace {

// More threads than that are a number, not a list.
constexpr int kMostThreads = 32;

v1::LockHolder EncodeHolder(const MachineView& machine, const LockRow& row) {
  v1::LockHolder out;
  const ThreadView* thread = row.holder.thread;
  if (thread == nullptr) return out;
  *out.mutable_thread() = EncodeThreadRef(machine.snapshot(), thread->key());
  out.set_known_by(row.holder.by_owner_word ? "owner word" : "waker");
  out.set_waited_behind_ns(row.holder.behind_ns);
  out.set_seen(row.holder.seen);
  out.set_looks(row.holder.looks);
  out.set_held_at_most_ns(Rounded(row.held_at_most_ns));
  out.set_running_ns(thread->totals().running_ns);
  EncodeSites(machine, row.holder_waits, out.mutable_waits());
  if (!thread->runs.empty()) {
    const RunSite& run = thread->runs.front();
    SetFrames(machine.Frames(run.kernel_stack, run.user_stack), out.mutable_run_frames());
  }
  return out;
}

v1::KernelLock Encode(const KernelLock& lock) {
  v1::KernelLock out;
  out.set_kind(std::string(KindWord(lock.kind)));
  out.set_address(lock.address);
  out.set_taken_in(std::string(lock.taker));
  return out;
}

v1::Lock Encode(const MachineView& machine, const LockRow& row) {
  v1::Lock out;
  out.set_pid(row.process->pid);
  out.set_comm(row.process->comm);
  out.set_name(row.name);
  out.set_word(row.lock.word);
  if (row.lock.kernel) *out.mutable_kernel() = Encode(*row.lock.kernel);
  out.set_kind(std::string(LockKindWord(row.kind)));
  out.set_waiters(static_cast<uint32_t>(row.waiters.size()));
  out.set_waits(Rounded(row.lock.waits));
  out.set_wait_ns(Rounded(row.lock.wait_ns));
  out.set_p50_ns(row.waits.QuantileNs(0.5));
  out.set_p99_ns(row.waits.QuantileNs(0.99));
  out.set_max_ns(row.lock.longest_ns);
  *out.mutable_holder() = EncodeHolder(machine, row);
  *out.mutable_where() = EncodeSite(machine, AsSum(*row.lock.longest_site));
  for (const ThreadView* waiter : row.waiters) {
    if (out.threads_size() == kMostThreads) break;
    *out.add_threads() = EncodeThreadRef(machine.snapshot(), waiter->key());
  }
  return out;
}

}  // namespace

v1::LocksResponse EncodeLocks(const Snapshot& machine, const Target& target) {
  const MachineView view(machine);
  v1::LocksResponse response;
  *response.mutable_header() = EncodeHeader(machine, "locks");
  const std::vector<LockRow> rows = LockRows(view, ProcessesOf(machine, target));
  for (const LockRow& row : rows) *response.add_locks() = Encode(view, row);
  if (!KnowsKernelOwners(view, rows)) {
    response.mutable_header()->add_notes(
        "who owns locks of the kernel was not watched: that takes a --duration and Linux 5.19");
  }
  return response;
}

}  // namespace waitscope
