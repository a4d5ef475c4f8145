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

// For a stretch of several windows: selecting from each by what all of them know of its threads
// and merging is selecting from the merged. `known` is the merged identities of all of them, or
// `window` itself when the target does not need the whole.
Snapshot Select(const Snapshot& window, const Snapshot& known, const Target& target);
bool NeedsWhole(const Target& target);
Snapshot OnlyIdentities(Snapshot window);

}  // namespace waitscope
