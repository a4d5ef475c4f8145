// Findings about a target, and findings over time.
#pragma once

#include <cstdint>

#include "agent/core/snapshot.h"
#include "agent/core/target.h"
#include "agent/diagnose/finding.h"

namespace waitscope {

// How much time rules look at when nobody says: long enough for every share to mean something.
inline constexpr uint64_t kDiagnosedNs = 8'000'000'000;

Findings DiagnoseTarget(const Snapshot& snapshot, const Target& target,
                        const Findings& earlier = {});

// Adds later findings to `all`: those of one condition become one that lasts from the first
// beginning to the last end, told as it was last.
void KeepFindings(Findings later, Findings& all);

}  // namespace waitscope
