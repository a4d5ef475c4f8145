// Exact time by state of every thread: the window is the difference of two ledger records.
#pragma once

#include <map>
#include <set>

#include "absl/functional/function_ref.h"
#include "agent/core/event.h"
#include "agent/core/ledger_totals.h"
#include "agent/core/monotone.h"
#include "agent/core/snapshot.h"

namespace waitscope {

// A pure fold: records may repeat and come in any order within a window.
class LedgerStage {
 public:
  void Fold(const ledger_event& record);

  // Each thread heard of in this window, before it is closed.
  void ForEachFresh(absl::FunctionRef<void(const ledger_event&)> visit) const;

  void Close(Snapshot& snapshot);

  // Still heard of; the dead and the silent are forgotten at Close.
  bool Knows(const ThreadKey& thread) const;

  void Baseline(absl::FunctionRef<void(const Event&)> emit) const;

 private:
  // A thread whose execve took over the number and start of its process's first one goes on with a
  // new ledger under the key of the old: they are told apart by their beginnings.
  struct Life {
    ThreadKey thread;
    uint64_t born_ns = 0;

    friend auto operator<=>(const Life&, const Life&) = default;
  };

  static bool Newer(const ledger_event& a, const ledger_event& b);
  static Life LifeOf(const ledger_event& record);

  Monotone<Life, ledger_event, Newer> lives_;
  std::map<Life, ToldTooMuch> told_;  // only of threads that were told something too much
  std::set<Life> dead_;  // in the last window: a straggling record must not revive them
};

}  // namespace waitscope
