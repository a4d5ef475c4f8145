// How long threads that could run waited for a core.
#pragma once

#include <string>

#include "cli/render/style.h"
#include "waitscope/v1/query.pb.h"

namespace waitscope::cli {

std::string RenderRunQueue(const v1::RunQueueResponse& response, const std::string& target_flags,
                           const TextStyle& style);

}  // namespace waitscope::cli
