// Locks as people see them: who waits, for how long, and who keeps everybody waiting.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/core/histogram.h"
#include "agent/diagnose/locks.h"
#include "agent/diagnose/machine.h"
#include "agent/views/asked_for.h"
#include "agent/views/sites.h"

namespace waitscope {

enum class LockKind : uint8_t { kMutex, kInterpreter, kHandedOn, kFileLock, kPark, kKernel };
std::string_view LockKindWord(LockKind kind);

// docs/definitions.md, "Locks".
struct LockRow {
  const ProcessView* process = nullptr;
  Lock lock;
  LockKind kind = LockKind::kPark;
  std::string name;
  Histogram waits;  // that ended
  Holder holder;
  double held_at_most_ns = 0;
  std::vector<SiteSum> holder_waits;
  std::vector<const ThreadView*> waiters;  // the longest first
};

// Whether who owns locks of the kernel was watched, or none was waited for.
bool KnowsKernelOwners(const MachineView& machine, const std::vector<LockRow>& rows);

// Locks first, then words that threads park at; each the longest waited for first.
std::vector<LockRow> LockRows(const MachineView& machine, const IsAskedFor& is_asked_for);

}  // namespace waitscope
