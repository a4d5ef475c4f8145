// Names what is wrong with the processes of a machine. Pure: a merged snapshot goes in, whatever
// its length; a few seconds are enough for every rule.
#pragma once

#include <functional>

#include "agent/core/snapshot.h"
#include "agent/diagnose/finding.h"

namespace waitscope {

// All rules see the whole machine (who ran instead, who answers); only findings about processes
// that `is_asked_for` admits are told, each cause once.
Findings Diagnose(const Snapshot& snapshot, const std::function<bool(uint32_t pid)>& is_asked_for);

}  // namespace waitscope
