// A snapshot as text, a line a row, sorted: equal windows give equal text whatever the numbering
// of their objects.
#pragma once

#include <string>

#include "agent/core/snapshot.h"

namespace waitscope {

std::string DebugString(const Snapshot& snapshot);

}  // namespace waitscope
