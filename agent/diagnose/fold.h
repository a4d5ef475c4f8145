// One cause, one finding: what another finding explains becomes its evidence.
#pragma once

#include "agent/diagnose/finding.h"

namespace waitscope {

// The worst first.
Findings FoldExplained(Findings findings);

}  // namespace waitscope
