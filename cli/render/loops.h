// Event loops: how long their turns are, and what makes them so.
#pragma once

#include <string>

#include "cli/render/style.h"
#include "waitscope/v1/query.pb.h"

namespace waitscope::cli {

struct LoopsView {
  std::string target_flags;  // for the next command
  bool all = false;          // also threads that poll and are no event loop
};

std::string RenderLoops(const v1::LoopsResponse& response, const LoopsView& view,
                        const TextStyle& style);

}  // namespace waitscope::cli
