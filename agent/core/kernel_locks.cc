#include "agent/core/kernel_locks.h"

#include <algorithm>

namespace waitscope {
namespace {

// The longest of the window is not known when an earlier one was longer: then it is at most that,
// and at most all of this window's waiting.
KernelLockWindow WindowOf(const kernel_lock_event& now, const kernel_lock_event& before) {
  KernelLockWindow window{.waits = now.waits - before.waits,
                          .wait_ns = now.wait_ns - before.wait_ns,
                          .wait_max_ns = now.wait_max_ns};
  window.wait_max_ns = std::min(window.wait_max_ns, window.wait_ns);
  return window;
}

bool Continues(const kernel_lock_event& now, const kernel_lock_event* before) {
  return before != nullptr && before->generation == now.generation && before->waits <= now.waits &&
         before->wait_ns <= now.wait_ns;
}

}  // namespace

void KernelLockStage::Fold(const kernel_lock_event& event) {
  locks_.Fold({.pid = event.pid,
               .lock = event.lock,
               .kind = static_cast<kernel_lock_kind>(event.lock_kind),
               .role = static_cast<kernel_lock_role>(event.role),
               .owner = KeyOf(event.owner)},
              event);
}

void KernelLockStage::Close(Snapshot& snapshot) {
  locks_.Close(
      [&](const KernelLockKey& key, const kernel_lock_event& now, const kernel_lock_event* before) {
        const KernelLockWindow window =
            WindowOf(now, Continues(now, before) ? *before : kernel_lock_event{});
        if (window.waits != 0) snapshot.kernel_locks.emplace(key, window);
      });
  locks_.Forget([](const KernelLockKey&, uint32_t silent_windows) { return silent_windows != 0; });
}

void KernelLockStage::Baseline(absl::FunctionRef<void(const Event&)> emit) const {
  locks_.ForEachClosed([&](const kernel_lock_event& event) { emit(event); });
}

}  // namespace waitscope
