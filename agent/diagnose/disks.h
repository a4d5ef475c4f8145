// What a process waits for at its disks, beside what the disks themselves took.
#pragma once

#include <vector>

#include "agent/diagnose/machine.h"

namespace waitscope {

struct DiskUse {
  const DeviceWindow* device = nullptr;
  double wait_ns = 0;  // of the process's threads, for reads and writes (not commits)
  double waits = 0;
  double largest_share = 0;  // of one thread's time
  uint64_t longest_ns = 0;
  const WaitSite* site = nullptr;
  std::vector<const ThreadView*> threads;

  double MeanNs() const { return wait_ns / (waits > 0 ? waits : 1); }
};

// Waits without a known device belong to the device this process waited most for, or else to the
// machine's busiest.
std::vector<DiskUse> DiskUsesOf(const MachineView& machine, const ProcessView& process);

double RequestsOf(const DeviceWindow& device);
double MeanDeviceNs(const DeviceWindow& device);                           // issue to completion
double MeanAwaitNs(const DeviceWindow& device);                            // queue and device
double QueueSize(const MachineView& machine, const DeviceWindow& device);  // aqu-sz
double BusyShare(const MachineView& machine, const DeviceWindow& device);

}  // namespace waitscope
