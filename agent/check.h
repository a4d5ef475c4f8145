// `waitscoped --check`: what this kernel gives, and what each absence costs.
#pragma once

#include <ostream>

#include "agent/config.h"

namespace waitscope {

// Loads and attaches everything for a moment, so that the answer is the kernel's own. 0 when the
// agent can work here, 1 when it cannot.
ExitCode CheckKernel(const Config& config, std::ostream& out);

}  // namespace waitscope
