// What was found wrong with the machine as its windows closed: since when, and until when.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>

#include "agent/diagnose/finding.h"

namespace waitscope {

// Safe from any thread.
class FindingLog {
 public:
  // What a look at the windows up to `end_ns` has found: what it does not find any more is over.
  void Keep(Findings found, uint64_t end_ns);
  // What lasts is taken to last until `end_ns`.
  void Prolong(uint64_t end_ns);
  // Forgets what was over before `begin_ns`.
  void ForgetBefore(uint64_t begin_ns);

  // Those seen in this stretch of time, and those that last and began before its end; lasting ones
  // first, then the latest.
  Findings Between(uint64_t begin_ns, uint64_t end_ns) const;
  // Gives findings the beginning of the same condition in here, when it has lasted since.
  void Date(Findings& findings) const;
  size_t bytes() const;

 private:
  mutable std::mutex mutex_;
  std::deque<Finding> findings_;  // in the order they began
};

}  // namespace waitscope
