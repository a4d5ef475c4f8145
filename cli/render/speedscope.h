// A profile for https://www.speedscope.app: one sampled profile, weights in nanoseconds.
#pragma once

#include <string>

#include "cli/render/stacks.h"

namespace waitscope::cli {

std::string RenderSpeedscope(const v1::ProfileResponse& profile, const StackView& view);

}  // namespace waitscope::cli
