// Waits for locks of the kernel, by difference of monotone totals.
#pragma once

#include "absl/functional/function_ref.h"
#include "agent/core/event.h"
#include "agent/core/monotone.h"
#include "agent/core/snapshot.h"

namespace waitscope {

// Totals come while somebody watches, and of every lock at each tick: one that is silent, or of
// another generation, begins anew; so does one that has less than before.
class KernelLockStage {
 public:
  void Fold(const kernel_lock_event& event);
  void Close(Snapshot& snapshot);
  void Baseline(absl::FunctionRef<void(const Event&)> emit) const;

 private:
  static bool Newer(const kernel_lock_event& a, const kernel_lock_event& b) {
    return a.at_ns > b.at_ns;
  }

  Monotone<KernelLockKey, kernel_lock_event, Newer> locks_;
};

}  // namespace waitscope
