// What one reading of a thread's ledger says, and what two say of the time between them.
#pragma once

#include <array>
#include <cstdint>

#include "agent/core/snapshot.h"
#include "bpf/events.h"

namespace waitscope {

// Totals from the thread's birth (or the agent's start) up to at_ns, the open state included.
StateTotals CountUpTo(const ledger_event& record);

// Where an open wait has become runnable: its waking, or at_ns when it is still blocked.
uint64_t BlockedUntilNs(const ledger_event& record);

// Time told under one state that turned out to belong to another: an event the kernel skipped is
// put back after a reading has already counted on. Told too much is positive; all sum to zero.
using ToldTooMuch = std::array<int64_t, 3 + WAIT_CLASS_COUNT>;

// The window between two readings. What was told too much before is made good as far as this
// window has time of that state, so that no window breaks the identity or shows negative time, and
// the windows of a thread still sum to its totals.
StateTotals Difference(const StateTotals& earlier, const StateTotals& later, ToldTooMuch& told);

}  // namespace waitscope
