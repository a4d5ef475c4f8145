#include "agent/core/processes.h"

namespace waitscope {
namespace {

void Add(const ThreadWindow& thread, ProcessWindow& process) {
  if (process.comm.empty() || thread.key.tid == thread.key.pid) process.comm = thread.comm;
  process.parent_pid = thread.parent_pid;
  process.threads += 1;
  process.created += thread.born ? 1 : 0;
  process.exited += thread.exited ? 1 : 0;
  process.kernel_thread = process.kernel_thread && thread.kernel_thread;
  process.totals += thread.totals;
}

}  // namespace

// Keys begin with the pid, so the threads of a process are neighbours.
std::vector<ProcessWindow> Processes(const Snapshot& snapshot) {
  std::vector<ProcessWindow> processes;
  for (const auto& [key, thread] : snapshot.threads) {
    if (processes.empty() || processes.back().pid != key.pid) {
      processes.emplace_back().pid = key.pid;
    }
    Add(thread, processes.back());
  }
  return processes;
}

}  // namespace waitscope
