// Who ended whose waits.
#pragma once

#include <string>

#include "cli/render/style.h"
#include "waitscope/v1/query.pb.h"

namespace waitscope::cli {

std::string RenderWakers(const v1::WakersResponse& response, const std::string& target_flags,
                         const TextStyle& style);

}  // namespace waitscope::cli
