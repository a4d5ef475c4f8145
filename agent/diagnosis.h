// Findings about a target, and findings over time.
#pragma once

#include <cstdint>
#include <mutex>

#include "agent/core/snapshot.h"
#include "agent/core/target.h"
#include "agent/diagnose/finding.h"
#include "agent/history.h"

namespace waitscope {

// How much time rules look at when nobody says: long enough for every share to mean something.
inline constexpr uint64_t kDiagnosedNs = 8'000'000'000;

Findings DiagnoseTarget(const Snapshot& snapshot, const Target& target,
                        const Findings& earlier = {});

// What is wrong with the whole machine as windows close. Looks again when half of the time that
// rules look at has passed since it last did: readers in between are told the same.
class StandingDiagnosis {
 public:
  // Of the windows up to `end_ns`. Safe from any thread.
  Findings At(const History& history, uint64_t end_ns);

 private:
  std::mutex mutex_;
  uint64_t looked_ns_ = 0;
  Findings findings_;
};

// Adds later findings to `all`: those of one condition become one that lasts from the first
// beginning to the last end, told as it was last.
void KeepFindings(Findings later, Findings& all);

}  // namespace waitscope
