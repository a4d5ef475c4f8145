// The running agent: puts the parts together, serves, and takes them apart again.
#pragma once

#include "agent/config.h"

namespace waitscope {

// Until SIGTERM or SIGINT, or until measuring fails.
ExitCode RunDaemon(const Config& config);

}  // namespace waitscope
