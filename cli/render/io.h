// What the disks did, and which threads waited for them.
#pragma once

#include <string>

#include "cli/render/style.h"
#include "waitscope/v1/query.pb.h"

namespace waitscope::cli {

std::string RenderIo(const v1::IoResponse& response, const std::string& target_flags,
                     const TextStyle& style);

}  // namespace waitscope::cli
