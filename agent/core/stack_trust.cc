#include "agent/core/stack_trust.h"

#include <string>

namespace waitscope {
namespace {

constexpr std::array<std::string_view, UNWIND_CLASS_COUNT> kTrustWords = {
    "none", "exact", "exec", "heuristic", "late", "late-live", "truncated", "lost", "unverified"};

constexpr std::array<std::string_view, UNWIND_STOP_COUNT> kStopTexts = {
    "",
    "the process is not known yet",
    "an address outside all known code",
    "no unwind table for a file",
    "no unwind information for an address",
    "stack memory could not be read",
    "unwind information of an unsupported form",
    "a register was lost on the way",
    "more than 256 frames",
    "a broken chain of frame pointers",
    "a return address of 0",
    "a caller's frame below its callee's",
    "deeper than the captured part of the stack",
};

bool IsKernelThread(const Snapshot& snapshot, const SampleKey& key) {
  const auto thread = snapshot.threads.find(key.thread);
  return thread != snapshot.threads.end() ? thread->second.kernel_thread : key.syscall == -2;
}

unwind_class TrustOf(const Snapshot& snapshot, StackId id) {
  if (id == 0) return UNWIND_CLASS_none;
  const auto stack = snapshot.stacks.find(id);
  if (stack == snapshot.stacks.end()) return UNWIND_CLASS_lost;
  const unwind_class trust = stack->second.trust;
  return trust == UNWIND_CLASS_none ? UNWIND_CLASS_unverified : trust;  // an old recording's
}

}  // namespace

std::string_view TrustWord(unwind_class trust) {
  return trust < UNWIND_CLASS_COUNT ? kTrustWords[trust] : kTrustWords[UNWIND_CLASS_none];
}

std::string_view StopText(unwind_stop stop) {
  return stop < UNWIND_STOP_COUNT ? kStopTexts[stop] : kStopTexts[UNWIND_STOP_none];
}

std::map<uint32_t, TrustedTime> StackTimeByProcess(const Snapshot& snapshot) {
  std::map<uint32_t, TrustedTime> times;
  for (const auto& [key, value] : snapshot.samples) {
    const bool unread = key.open && key.user_stack == 0;  // it may be read yet
    if (unread || key.state == SampleState::kRunning || IsKernelThread(snapshot, key)) continue;
    times[key.thread.pid][TrustOf(snapshot, key.user_stack)] += value.ns;
  }
  return times;
}

TrustedTime StackTime(const Snapshot& snapshot) {
  TrustedTime sum{};
  for (const auto& [pid, time] : StackTimeByProcess(snapshot)) {
    for (size_t trust = 0; trust < sum.size(); ++trust) sum[trust] += time[trust];
  }
  return sum;
}

void ApplyTrust(const RawStack& raw, Stack& stack) {
  stack.trust = raw.trust;
  // Nobody knows what its addresses meant.
  if (stack.frames.empty() && raw.trust != UNWIND_CLASS_none) stack.trust = UNWIND_CLASS_lost;
  if (stack.trust == UNWIND_CLASS_truncated && stack.truncated.empty()) {
    stack.truncated = std::string(StopText(raw.stop));
  }
  // There is nothing to name, and nothing that could be missing either.
  if (raw.trust == UNWIND_CLASS_exec)
    stack = {.frames = {{.symbol = "[exec]"}}, .trust = raw.trust};
}

}  // namespace waitscope
