// Which threads a question is about.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/core/snapshot.h"

namespace waitscope {

// Fields narrow each other; the values of one field widen it. Nothing set: the whole machine.
struct Target {
  std::vector<uint32_t> pids;
  std::vector<uint32_t> tids;
  std::vector<std::string> comms;       // of the thread or of its process's main thread, exact
  std::vector<std::string> cgroups;     // path prefixes, whole components
  std::vector<std::string> containers;  // id prefixes
  bool descendants = false;             // with pids: what they started, and what that started

  bool Everything() const {
    return pids.empty() && tids.empty() && comms.empty() && cgroups.empty() && containers.empty();
  }
};

// The part of `snapshot` about the target's threads: their rows, samples, calls, requests and
// processes. What belongs to the machine stays: header, losses, cost, devices.
Snapshot Select(const Snapshot& snapshot, const Target& target);

}  // namespace waitscope
