// System calls, their errors and event loops, by difference of monotone totals.
#pragma once

#include "absl/functional/function_ref.h"
#include "agent/core/event.h"
#include "agent/core/ledgers.h"
#include "agent/core/monotone.h"
#include "agent/core/snapshot.h"

namespace waitscope {

// The programs behind these totals come and go: totals smaller than before have started anew.
class SyscallStage {
 public:
  void Fold(const syscall_event& event);
  void Fold(const syscall_error_event& event);
  void Fold(const loop_event& event);

  // After the ledgers, whose threads `snapshot` already holds: totals of others are forgotten.
  void Close(const LedgerStage& ledgers, Snapshot& snapshot);
  void Baseline(absl::FunctionRef<void(const Event&)> emit) const;

 private:
  template <typename Record>
  static bool CountsMore(const Record& a, const Record& b) {
    return a.count > b.count;
  }
  static bool PollsMore(const loop_event& a, const loop_event& b) { return a.polls > b.polls; }

  void CloseCalls(Snapshot& snapshot);
  void CloseErrors(Snapshot& snapshot);
  void CloseLoops(Snapshot& snapshot);

  Monotone<SyscallKey, syscall_event, CountsMore<syscall_event>> calls_;
  Monotone<ErrnoKey, syscall_error_event, CountsMore<syscall_error_event>> errors_;
  Monotone<ThreadKey, loop_event, PollsMore> loops_;
};

}  // namespace waitscope
