// Findings about a target, and findings over time.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "agent/core/snapshot.h"
#include "agent/core/target.h"
#include "agent/diagnose/finding.h"
#include "agent/finding_log.h"
#include "agent/history.h"
#include "agent/likeness.h"

namespace waitscope {

// How much time rules look at when nobody says: long enough for every share to mean something.
inline constexpr uint64_t kDiagnosedNs = 8'000'000'000;

Findings DiagnoseTarget(const Snapshot& snapshot, const Target& target);

// What is wrong with the whole machine, looked for as its windows close.
class StandingDiagnosis {
 public:
  struct Cost {
    uint64_t looks = 0;
    uint64_t cpu_ns = 0;
  };

  // Both for one thread. A window of some length is looked at as it is, unless it is like the last
  // one that was: then what was found there lasts. Of shorter windows, as many are looked at as
  // rules want to see, when half of that time has passed since the last look.
  void BeforeAppending(const Snapshot& window);
  void AfterAppending(const History& history);

  // These are safe from any thread.
  const FindingLog& log() const { return log_; }
  // Whether threads were lately seen to wait for locks of the kernel: who owns them is worth
  // watching.
  bool suspects_kernel_locks() const { return suspects_kernel_locks_; }
  Cost cost() const { return {looks_, cpu_ns_}; }

 private:
  void Look(const Snapshot& snapshot);
  bool IsJudged(const Likeness& window) const;

  FindingLog log_;
  uint64_t looked_ns_ = 0;
  std::optional<Likeness> judged_;
  int spared_ = 0;  // windows in a row that were like it
  uint64_t suspected_ns_ = 0;
  std::atomic<bool> suspects_kernel_locks_ = false;
  std::atomic<uint64_t> looks_ = 0;
  std::atomic<uint64_t> cpu_ns_ = 0;
};

// Adds later findings to `all`: those of one condition become one that lasts from the first
// beginning to the last end, told as it was last.
void KeepFindings(Findings later, Findings& all);

}  // namespace waitscope
