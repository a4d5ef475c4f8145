// The heaviest stacks as text, leaf first, with what they waited for.
#pragma once

#include <string>

#include "cli/render/style.h"
#include "waitscope/v1/query.pb.h"

namespace waitscope::cli {

struct ProfileTextView {
  std::string target_flags;  // " --pid 4711"
  bool all = false;          // rank idle stacks too
  bool all_frames = false;   // and show runtime plumbing
};

std::string RenderProfileText(const v1::ProfileResponse& profile, const ProfileTextView& view,
                              const TextStyle& style);

}  // namespace waitscope::cli
