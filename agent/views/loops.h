// Event loops as people see them: how long their turns are, and what makes them so.
#pragma once

#include <array>
#include <vector>

#include "agent/diagnose/loops.h"
#include "agent/diagnose/machine.h"
#include "agent/views/asked_for.h"
#include "agent/views/sites.h"

namespace waitscope {

// docs/definitions.md, "Event loops".
struct LoopRow {
  const ProcessView* process = nullptr;
  Loop loop;
  bool serves_sockets = false;
  bool counted = false;  // its polls were
  double polls = 0;
  double ready = 0;
  double poll_ns = 0;
  std::array<double, WAIT_CLASS_COUNT> blocked_ns{};  // outside its own poll
  std::vector<SiteSum> worst;
  uint64_t in_progress_ns = 0;
};

// The longest stalled first.
std::vector<LoopRow> LoopRows(const MachineView& machine, const IsAskedFor& is_asked_for);

}  // namespace waitscope
