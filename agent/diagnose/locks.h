// Locks that threads of a process queue for, told from queues they idle at.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "agent/diagnose/machine.h"

namespace waitscope {

struct Lock {
  uint64_t word = 0;         // lowest address seen; 0: a file lock
  std::string file;          // of a file lock
  bool interpreter = false;  // Python's global interpreter lock
  bool mutex = false;        // by its futex operation
  double wait_ns = 0;
  double waits = 0;
  uint64_t longest_ns = 0;
  std::map<const ThreadView*, double> waiters;  // with the time each waited
  std::map<uint32_t, double> wakers;            // threads of the process, by tid
  std::map<uint32_t, uint64_t> owners;          // by tid, as often as seen at a window's close
  const WaitSite* longest_site = nullptr;       // where most time was spent waiting
};

// Those with at least two waiters; the longest waited for first.
std::vector<Lock> LocksOf(const MachineView& machine, const ProcessView& process);

// Threads that wait for this lock in turn, each woken by the one before: not consumers woken by a
// producer. The share of waits that another waiter ended.
double ShareWokenByWaiters(const Lock& lock);

// Who kept it longest, as far as the facts tell; null when they do not.
const ThreadView* HolderOf(const ProcessView& process, const Lock& lock);

}  // namespace waitscope
