// What the kernel's files say of the machine, its cgroups and its locks, told as events at a tick.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "agent/core/event.h"

namespace waitscope {

// "some avg10=0.00 avg60=0.00 avg300=0.00 total=12345": the total of that line, in nanoseconds.
uint64_t PressureTotalNs(absl::string_view pressure, absl::string_view line);

// The value behind a key of a flat keyed file, "nr_periods 12"; 0 when it is not there.
uint64_t FlatValue(absl::string_view text, absl::string_view key);

// Ports in state LISTEN of a /proc/net/tcp file.
std::set<uint16_t> ListeningPorts(absl::string_view proc_net_tcp);

// Where the controllers are mounted; empty: nowhere. With version 2 all are in one place.
struct CgroupMounts {
  std::string unified;
  std::string cpu;
  std::string memory;
  std::string pids;
};
CgroupMounts ParseCgroupMounts(absl::string_view proc_mounts);

class Surroundings {
 public:
  using Fold = absl::FunctionRef<void(const Event&)>;

  explicit Surroundings(std::string proc = "/proc");

  // At a tick: pressure, new listening ports, and the cgroups of `paths`.
  void Tell(uint64_t now_ns, const std::set<std::string>& paths, Fold fold);

 private:
  void TellPressure(uint64_t now_ns, Fold fold) const;
  void TellListeners(Fold fold);
  void TellCgroup(uint64_t now_ns, const std::string& path, Fold fold);

  std::string proc_;
  CgroupMounts mounts_;
  std::set<uint16_t> listening_;
  std::map<std::string, bool> limited_;  // groups with a limit are read at every tick
  uint32_t ticks_ = 0;
};

// Who holds the lock whose word the thread of this reading waits for, when it can be told.
void TellLockOwner(const ledger_event& reading, absl::FunctionRef<void(const Event&)> fold);

}  // namespace waitscope
