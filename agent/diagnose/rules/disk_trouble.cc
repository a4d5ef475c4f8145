// Which is it: too many requests for a disk, a slow disk, or a limit above the disk?
//
// All need a process that waits: a thread's 30 % or more, five waits or more.
// disk-saturation: at least 3 requests at once on average and 90 % busy, so that requests queue for
// each other (node exporter's mixin warns at 10 for half an hour; here somebody waits already), and
// two threads or more of the machine wait for it at any time.
// disk-latency: fewer than 3 at once, and the device itself takes 10 ms or more a request.
// io-throttled: threads wait at least four times as long as queue and device took together, 20 ms
// or more each time: something above the device holds them back (a cgroup's limit), and neither
// iostat nor block tracepoints see it.
// False positives: read-ahead and backups without a waiter (the share), one copy that keeps a disk
// busy with its own read-ahead and write-back (it alone waits), parallel devices that are 100 %
// busy (the queue counts, not the utilisation).
#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/diagnose/disks.h"
#include "agent/diagnose/draft.h"
#include "agent/diagnose/rules.h"
#include "agent/diagnose/text.h"

namespace waitscope {
namespace {

constexpr double kSmallestShare = 0.3;
constexpr double kFewestWaits = 5;
constexpr double kQueue = 3;
constexpr double kBusy = 0.9;
constexpr double kFewestWaiters = 2;
constexpr double kSlowDeviceNs = 10e6;
constexpr double kHeldBackNs = 20e6;
constexpr double kHeldBackTimes = 4;
constexpr double kCriticalShare = 0.8;

bool Waits(const DiskUse& use) {
  return use.largest_share >= kSmallestShare && use.waits >= kFewestWaits;
}

// By device: threads that wait for it, on average, of whatever process.
std::map<const DeviceWindow*, double> WaitersOf(const MachineView& machine) {
  std::map<const DeviceWindow*, double> waiters;
  for (const auto& [pid, process] : machine.processes()) {
    for (const DiskUse& use : DiskUsesOf(machine, process)) {
      waiters[use.device] += use.wait_ns / machine.WindowNs();
    }
  }
  return waiters;
}

std::string ConditionOf(const MachineView& machine, const DiskUse& use, double waiters) {
  const DeviceWindow& device = *use.device;
  const double queue = QueueSize(machine, device);
  const double expected_ns = std::max(MeanAwaitNs(device), 1e5);
  if (use.MeanNs() >= kHeldBackNs && use.MeanNs() >= kHeldBackTimes * expected_ns) {
    return "io-throttled";
  }
  if (queue >= kQueue && BusyShare(machine, device) >= kBusy) {
    return waiters >= kFewestWaiters ? "disk-saturation" : "";
  }
  const bool slow = queue < kQueue && MeanDeviceNs(device) >= kSlowDeviceNs;
  return slow ? "disk-latency" : "";
}

std::string SummaryOf(const MachineView& machine, const ProcessView& process, const DiskUse& use,
                      std::string_view condition) {
  const DeviceWindow& device = *use.device;
  const std::string victim =
      absl::StrCat(Plural(use.threads.size(), "thread"), " of ", NameOf(process), " waited ",
                   TimeText(use.MeanNs()), " for each of ", static_cast<uint64_t>(use.waits),
                   " disk operations");
  if (condition == "io-throttled") {
    return absl::StrCat(victim, ", while ", device.name, " itself took ",
                        TimeText(MeanAwaitNs(device)),
                        ": something above the device holds them back");
  }
  if (condition == "disk-latency") {
    return absl::StrCat(victim, ": ", device.name, " takes ", TimeText(MeanDeviceNs(device)),
                        " a request with only ",
                        absl::StrFormat("%.1f", QueueSize(machine, device)), " in its queue");
  }
  return absl::StrCat(victim, ": ", absl::StrFormat("%.1f", QueueSize(machine, device)),
                      " requests at once keep ", device.name, " ",
                      ShareText(BusyShare(machine, device)), " busy");
}

const char* AdviceFor(std::string_view condition) {
  if (condition == "io-throttled") {
    return "raise or remove the limit: io.max or blkio.throttle of the cgroup, the unit's "
           "IOReadBandwidthMax and kin";
  }
  if (condition == "disk-latency") {
    return "check the volume and its plan's limits, move the data to a faster device, or cache it";
  }
  return "fewer requests at once, larger ones, a cache, or a device that takes more";
}

Finding Tell(const MachineView& machine, const ProcessView& process, const DiskUse& use,
             const std::string& condition) {
  const DeviceWindow& device = *use.device;
  Finding finding = Draft(machine, process, condition, device.name);
  finding.severity = use.largest_share >= kCriticalShare ? Severity::kCritical : Severity::kWarning;
  finding.confidence = 0.88;
  NameThreads(finding, use.threads);
  finding.impact = {static_cast<uint64_t>(use.wait_ns), std::min(1.0, use.largest_share)};
  finding.summary = SummaryOf(machine, process, use, condition);
  finding.advice = AdviceFor(condition);
  finding.evidence.push_back(ObjectEvidence("device", device.name));
  finding.evidence.push_back(StackEvidence(machine, *use.site, use.wait_ns, use.waits));
  if (use.site->object != nullptr) {
    finding.evidence.push_back(ObjectEvidence("wait_object", ObjectText(*use.site->object)));
  }
  finding.evidence.push_back(Metric("thread_wait_mean_ns", use.MeanNs(), "ns", 0));
  finding.evidence.push_back(
      Metric("device_time_mean_ns", MeanDeviceNs(device), "ns", kSlowDeviceNs));
  finding.evidence.push_back(
      Metric("device_queue_size", QueueSize(machine, device), "requests", kQueue));
  finding.evidence.push_back(
      Metric("device_busy_share", BusyShare(machine, device), "share", kBusy));
  finding.evidence.push_back(Check("iostat -xz 1 3"));
  return finding;
}

}  // namespace

Findings DiskTrouble(const MachineView& machine) {
  Findings findings;
  const std::map<const DeviceWindow*, double> waiters = WaitersOf(machine);
  for (const auto& [pid, process] : machine.processes()) {
    for (const DiskUse& use : DiskUsesOf(machine, process)) {
      if (!Waits(use)) continue;
      const std::string condition = ConditionOf(machine, use, waiters.at(use.device));
      if (condition.empty()) continue;
      findings.push_back(Tell(machine, process, use, condition));
      break;
    }
  }
  return findings;
}

}  // namespace waitscope
