// What threads share: the machine's pressure, cgroups and their limits, ports, locks' owners.
#pragma once

#include <map>
#include <set>
#include <string>

#include "absl/functional/function_ref.h"
#include "agent/core/event.h"
#include "agent/core/monotone.h"
#include "agent/core/snapshot.h"

namespace waitscope {

class SurroundingsStage {
 public:
  void Fold(const pressure_event& event) { pressure_.Fold(0, event); }
  void Fold(const cgroup_event& event);
  void Fold(const listener_event& event) { listening_.insert(static_cast<uint16_t>(event.port)); }
  void Fold(const lock_owner_event& event);

  void Close(Snapshot& snapshot);
  void Baseline(absl::FunctionRef<void(const Event&)> emit) const;

 private:
  template <typename Record>
  static bool Newer(const Record& a, const Record& b) {
    return a.at_ns > b.at_ns;
  }

  Monotone<int, pressure_event, Newer<pressure_event>> pressure_;
  Monotone<std::string, cgroup_event, Newer<cgroup_event>> cgroups_;
  std::set<uint16_t> listening_;
  std::map<LockOwnerKey, uint64_t> lock_owners_;
};

}  // namespace waitscope
