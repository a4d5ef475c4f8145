#include "agent/diagnose/disks.h"

#include <algorithm>
#include <map>

namespace waitscope {
namespace {

bool IsDisk(const WaitSite& site) {
  return site.nature == Nature::kDisk || site.nature == Nature::kFault;
}

uint32_t BusiestOf(const MachineView& machine) {
  uint32_t busiest = 0;
  uint64_t most_ns = 0;
  for (const auto& [dev, device] : machine.snapshot().devices) {
    if (device.busy_ns <= most_ns) continue;
    most_ns = device.busy_ns;
    busiest = dev;
  }
  return busiest;
}

uint32_t UsualOf(const MachineView& machine, const ProcessView& process) {
  std::map<uint32_t, double> ns;
  for (const ThreadView& thread : process.threads) {
    for (const WaitSite& site : thread.sites) {
      if (IsDisk(site) && site.device != 0) ns[site.device] += site.ns;
    }
  }
  const auto most = std::ranges::max_element(ns, {}, [](const auto& row) { return row.second; });
  return most != ns.end() ? most->first : BusiestOf(machine);
}

void Count(DiskUse& use, const WaitSite& site) {
  use.wait_ns += site.ns;
  use.waits += site.count;
  use.longest_ns = std::max(use.longest_ns, site.longest_ns);
  if (use.site == nullptr || site.ns > use.site->ns) use.site = &site;
}

double Sum(const DeviceWindow& device, __u64 device_op_totals::*field) {
  uint64_t sum = 0;
  for (const device_op_totals& op : device.ops) sum += op.*field;
  return static_cast<double>(sum);
}

}  // namespace

std::vector<DiskUse> DiskUsesOf(const MachineView& machine, const ProcessView& process) {
  const uint32_t usual = UsualOf(machine, process);
  std::map<uint32_t, DiskUse> uses;
  for (const ThreadView& thread : process.threads) {
    std::map<uint32_t, double> of_thread;
    for (const WaitSite& site : thread.sites) {
      if (!IsDisk(site)) continue;
      const uint32_t dev = site.device != 0 ? site.device : usual;
      Count(uses[dev], site);
      of_thread[dev] += site.ns;
    }
    for (const auto& [dev, ns] : of_thread) {
      uses[dev].threads.push_back(&thread);
      const double share = ns / std::max(thread.WallNs(), 1.0);
      uses[dev].largest_share = std::max(uses[dev].largest_share, share);
    }
  }
  std::vector<DiskUse> known;
  for (auto& [dev, use] : uses) {
    const auto device = machine.snapshot().devices.find(dev);
    if (device == machine.snapshot().devices.end()) continue;
    use.device = &device->second;
    known.push_back(std::move(use));
  }
  std::ranges::stable_sort(
      known, [](const DiskUse& a, const DiskUse& b) { return a.wait_ns > b.wait_ns; });
  return known;
}

double RequestsOf(const DeviceWindow& device) { return Sum(device, &device_op_totals::requests); }

double MeanDeviceNs(const DeviceWindow& device) {
  return Sum(device, &device_op_totals::device_ns) / std::max(RequestsOf(device), 1.0);
}

double MeanAwaitNs(const DeviceWindow& device) {
  return MeanDeviceNs(device) +
         Sum(device, &device_op_totals::queue_ns) / std::max(RequestsOf(device), 1.0);
}

double QueueSize(const MachineView& machine, const DeviceWindow& device) {
  return MeanAwaitNs(device) * RequestsOf(device) / machine.WindowNs();
}

double BusyShare(const MachineView& machine, const DeviceWindow& device) {
  return std::min(1.0, static_cast<double>(device.busy_ns) / machine.WindowNs());
}

}  // namespace waitscope
