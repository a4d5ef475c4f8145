// Where events come from: the live kernel, a recorded log, or a vector in a test.
#pragma once

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "agent/core/event.h"

namespace waitscope {

class Source {
 public:
  virtual ~Source() = default;

  // Waits a bounded time for events, calls `fold` for each that is ready (any order) and returns
  // true; false when no more will ever come. The source injects ticks; nobody else reads a clock.
  // The first tick opens the first window: what came before it is only the baseline of later
  // totals. Each further tick closes a window and opens the next.
  virtual absl::StatusOr<bool> Poll(absl::FunctionRef<void(const Event&)> fold) = 0;

  // Asks for a tick as soon as possible. Safe from any thread.
  virtual void RequestTick() = 0;

  // Asks for every stack again that records refer to from now on, as if none had been delivered.
  // From within Poll. A no-op for sources that cannot.
  virtual void DeliverStacksAgain() {}

  // Attaches or detaches the system-call programs; a no-op for sources that cannot.
  virtual absl::Status WantSyscalls(bool wanted) = 0;

  // Whether locks of the kernel are to be watched; a no-op for sources that cannot.
  virtual void WantKernelLocks(bool /*wanted*/) {}
  // False while that is under way still. From any thread.
  virtual bool KernelLocksSettled() { return true; }
};

}  // namespace waitscope
