// Locks: who waits, for how long, and who keeps them waiting.
#pragma once

#include <string>

#include "cli/render/style.h"
#include "waitscope/v1/query.pb.h"

namespace waitscope::cli {

struct LocksView {
  std::string target_flags;  // for the next command
  bool all = false;          // also words that threads park at
};

std::string RenderLocks(const v1::LocksResponse& response, const LocksView& view,
                        const TextStyle& style);

}  // namespace waitscope::cli
