// Threads summed by process.
#pragma once

#include <string>
#include <vector>

#include "agent/core/snapshot.h"

namespace waitscope {

struct ProcessWindow {
  uint32_t pid = 0;
  std::string comm;  // of the main thread; of another while that was not seen
  uint32_t parent_pid = 0;
  uint32_t threads = 0;  // seen in the window
  uint32_t created = 0;  // of those: in the window
  uint32_t exited = 0;
  bool kernel_thread = true;
  StateTotals totals;
};

// In order of pid.
std::vector<ProcessWindow> Processes(const Snapshot& snapshot);

}  // namespace waitscope
