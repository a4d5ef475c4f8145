// Which records belong in a recording of some processes.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "agent/core/event.h"
#include "agent/core/snapshot.h"
#include "agent/core/target.h"

namespace waitscope {

// Whole processes: a target that names threads keeps everything of the processes they are in.
// What belongs to the machine (devices, losses, cost, ticks) is always kept.
class RecordFilter {
 public:
  // `latest` says which processes match now; those that come later are judged by their records.
  RecordFilter(Target target, const Snapshot& latest);

  // Stacks are always admitted: RecordTap keeps those that are referred to.
  bool Admits(const Event& event);

 private:
  void Notice(const life_event& event);
  void Notice(const process_event& event);

  const Target target_;
  const bool everything_;
  std::set<uint32_t> pids_;
};

// The identities of the stacks a record refers to, without 0.
std::vector<StackId> StacksOf(const Event& event);

}  // namespace waitscope
