// Pools of threads: who is idle, who is busy at what.
#pragma once

#include <string>

#include "cli/render/style.h"
#include "waitscope/v1/query.pb.h"

namespace waitscope::cli {

struct PoolsView {
  std::string target_flags;  // for the next command
  bool all = false;          // also those that are mostly idle
};

std::string RenderPools(const v1::PoolsResponse& response, const PoolsView& view,
                        const TextStyle& style);

}  // namespace waitscope::cli
