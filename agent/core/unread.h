// How long requests lie unread, by difference of monotone totals.
#pragma once

#include <vector>

#include "absl/functional/function_ref.h"
#include "agent/core/event.h"
#include "agent/core/monotone.h"
#include "agent/core/snapshot.h"

namespace waitscope {

// The programs behind these totals come and go: totals smaller than before have started anew.
class UnreadStage {
 public:
  void Fold(const unread_event& event) { ports_.Fold({event.pid, event.port}, event); }

  // After the ledgers, whose threads `snapshot` already holds: totals of others are forgotten.
  void Close(Snapshot& snapshot);
  void Baseline(absl::FunctionRef<void(const Event&)> emit) const;

 private:
  static bool Newer(const unread_event& a, const unread_event& b) { return a.at_ns > b.at_ns; }

  Monotone<UnreadKey, unread_event, Newer> ports_;
};

// Of one listening port.
struct PortAges {
  uint32_t port = 0;
  Histogram ages;
};
// Each port's by itself: one that is answered at once tells nothing of another.
std::vector<PortAges> UnreadAgesByPort(const Snapshot& snapshot, uint32_t pid);

// Of all that the process read, and of what was still unread at the end; empty, or 0: not measured,
// or nobody asked it for anything.
Histogram UnreadAges(const Snapshot& snapshot, uint32_t pid);
uint64_t UnreadAgeP99(const Snapshot& snapshot, uint32_t pid);

}  // namespace waitscope
