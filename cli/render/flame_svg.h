// A flame graph coloured by what the time was spent on.
#pragma once

#include <string>

#include "cli/render/stacks.h"

namespace waitscope::cli {

std::string RenderFlameSvg(const v1::ProfileResponse& profile, const StackView& view);

}  // namespace waitscope::cli
