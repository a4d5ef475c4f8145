// On which sides of connections processes are, as their open sockets told at the ticks.
#pragma once

#include <map>

#include "absl/functional/function_ref.h"
#include "agent/core/event.h"
#include "agent/core/snapshot.h"

namespace waitscope {

// Told when it changes: what was told last holds for the windows that follow.
class SidesStage {
 public:
  void Fold(const sides_event& event);

  // After the ledgers, whose threads `snapshot` already holds: other processes are forgotten.
  void Close(Snapshot& snapshot);
  void Baseline(absl::FunctionRef<void(const Event&)> emit) const;

 private:
  std::map<SidesKey, sides_event> latest_;
};

}  // namespace waitscope
