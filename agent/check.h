// `waitscoped --check`: what this kernel gives, and what each absence costs.
#pragma once

#include <ostream>

#include "agent/config.h"

namespace waitscope {

// Loads and attaches everything for a moment, so that the answer is the kernel's own. Ends as
// starting the agent would.
ExitCode CheckKernel(const Config& config, std::ostream& out);

}  // namespace waitscope
