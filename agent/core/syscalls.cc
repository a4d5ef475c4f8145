#include "agent/core/syscalls.h"

namespace waitscope {
namespace {

constexpr uint32_t kForgetAfterWindows = 2;

SyscallWindow WindowOf(const syscall_event& now, const syscall_event& previous) {
  SyscallWindow window;
  window.count = now.count - previous.count;
  window.errors = SinceOrZero(previous.errors, now.errors);
  window.total_ns = SinceOrZero(previous.total_ns, now.total_ns);
  window.latency = Histogram::Between(previous.hist, now.hist);
  window.max_ns = window.latency.BoundedMaxNs(now.max_ns);
  return window;
}

LoopWindow WindowOf(const loop_event& now, const loop_event& previous) {
  LoopWindow window;
  window.polls = now.polls - previous.polls;
  window.ready = SinceOrZero(previous.ready, now.ready);
  window.poll_ns = SinceOrZero(previous.poll_ns, now.poll_ns);
  window.gap_ns = SinceOrZero(previous.gap_ns, now.gap_ns);
  window.gap = Histogram::Between(previous.gap_hist, now.gap_hist);
  window.gap_max_ns = window.gap.BoundedMaxNs(now.gap_max_ns);
  return window;
}

}  // namespace

void SyscallStage::Fold(const syscall_event& event) {
  calls_.Fold({KeyOf(event.thread), event.syscall}, event);
}

void SyscallStage::Fold(const syscall_error_event& event) {
  errors_.Fold({event.pid, event.syscall, event.error}, event);
}

void SyscallStage::Fold(const loop_event& event) { loops_.Fold(KeyOf(event.thread), event); }

void SyscallStage::Close(const LedgerStage& ledgers, Snapshot& snapshot) {
  CloseCalls(snapshot);
  CloseErrors(snapshot);
  CloseLoops(snapshot);

  // While the programs are detached nothing is heard, yet the totals may go on later.
  const auto gone = [&](const ThreadKey& thread, uint32_t silent_windows) {
    return silent_windows >= kForgetAfterWindows && !ledgers.Knows(thread);
  };
  calls_.Forget([&](const SyscallKey& key, uint32_t silent) { return gone(key.thread, silent); });
  loops_.Forget(gone);
  errors_.Forget([&](const ErrnoKey& key, uint32_t silent_windows) {
    return silent_windows >= kForgetAfterWindows && !HasThreadOf(key.pid, snapshot);
  });
}

void SyscallStage::CloseCalls(Snapshot& snapshot) {
  calls_.Close([&](const SyscallKey& key, const syscall_event& now, const syscall_event* before) {
    const bool continued = before != nullptr && before->count <= now.count;
    const SyscallWindow window = WindowOf(now, continued ? *before : syscall_event{});
    if (window.count != 0) snapshot.syscalls.emplace(key, window);
  });
}

void SyscallStage::CloseErrors(Snapshot& snapshot) {
  errors_.Close(
      [&](const ErrnoKey& key, const syscall_error_event& now, const syscall_error_event* before) {
        const bool continued = before != nullptr && before->count <= now.count;
        const uint64_t count = now.count - (continued ? before->count : 0);
        if (count != 0) snapshot.errnos.emplace(key, count);
      });
}

void SyscallStage::CloseLoops(Snapshot& snapshot) {
  loops_.Close([&](const ThreadKey& key, const loop_event& now, const loop_event* before) {
    const bool continued = before != nullptr && before->polls <= now.polls;
    const LoopWindow window = WindowOf(now, continued ? *before : loop_event{});
    if (window.polls != 0) snapshot.loops.emplace(key, window);
  });
}

void SyscallStage::Baseline(absl::FunctionRef<void(const Event&)> emit) const {
  calls_.ForEachClosed([&](const syscall_event& event) { emit(event); });
  errors_.ForEachClosed([&](const syscall_error_event& event) { emit(event); });
  loops_.ForEachClosed([&](const loop_event& event) { emit(event); });
}

}  // namespace waitscope
