// What /proc and /sys say of processes and devices, told once each as events.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "agent/core/event.h"

namespace waitscope {

// The cgroup path out of /proc/PID/cgroup: version 2's when it is below the root, else the deepest
// of version 1's.
std::string CgroupPath(absl::string_view proc_cgroup);

// The path of one controller's cgroup; version 2's for controllers that are nowhere else.
std::string CgroupOf(absl::string_view proc_cgroup, absl::string_view controller);

// The container's id in a cgroup path (64 hex digits, as docker, containerd, CRI-O and podman name
// their groups), or empty.
std::string ContainerId(absl::string_view cgroup_path);

class ProcFacts {
 public:
  explicit ProcFacts(std::string proc = "/proc", std::string sys = "/sys")
      : proc_(std::move(proc)), sys_(std::move(sys)) {}

  // Tells of a process not told of yet. A process that has exited meanwhile stays untold.
  void Process(uint32_t pid, absl::FunctionRef<void(const Event&)> fold);
  // The process executes another program: its command line is told again.
  void Executed(uint32_t pid, absl::FunctionRef<void(const Event&)> fold);
  void Exited(uint32_t pid);
  // Forgets all others: the record of an exit may be lost.
  void KeepOnly(const absl::flat_hash_set<uint32_t>& alive);
  // Tells again, now and then, of a process that has moved to another cgroup or changed its title.
  void Again(const ledger_event& main_thread, uint32_t tick,
             absl::FunctionRef<void(const Event&)> fold);
  // Of the processes told of.
  std::set<std::string> Cgroups() const;

  // Tells the name of a disk not told of yet. `dev` is major << 20 | minor.
  void Device(uint32_t dev, absl::FunctionRef<void(const Event&)> fold);

 private:
  process_event Read(uint32_t pid) const;
  membership_event GroupsOf(uint32_t pid) const;
  bool HasMoved(const process_event& event) const;
  void Tell(const process_event& event, absl::FunctionRef<void(const Event&)> fold);

  std::string proc_;
  std::string sys_;
  absl::flat_hash_map<uint32_t, process_event> processes_;
  absl::flat_hash_map<uint32_t, membership_event> memberships_;  // of those in several groups
  std::set<uint32_t> devices_;
};

}  // namespace waitscope
