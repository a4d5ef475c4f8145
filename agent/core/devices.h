// Block devices: exact totals by difference, and the slowest requests.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "agent/core/event.h"
#include "agent/core/monotone.h"
#include "agent/core/snapshot.h"

namespace waitscope {

class DeviceStage {
 public:
  void Fold(const device_event& event);
  void Fold(const device_name_event& event);
  void Fold(const block_event& event);

  void Close(Snapshot& snapshot);
  void Baseline(absl::FunctionRef<void(const Event&)> emit) const;

 private:
  static bool Newer(const device_event& a, const device_event& b) { return a.at_ns > b.at_ns; }

  Monotone<uint32_t, device_event, Newer> devices_;
  std::map<uint32_t, device_name_event> names_;
  std::vector<block_event> requests_;
};

}  // namespace waitscope
