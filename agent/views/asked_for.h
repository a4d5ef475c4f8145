// Views see the whole machine, and tell of the processes somebody asked for.
#pragma once

#include <functional>

#include "agent/diagnose/machine.h"

namespace waitscope {

using IsAskedFor = std::function<bool(const ProcessView& process)>;

}  // namespace waitscope
