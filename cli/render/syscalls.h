// System calls by the time spent in them, as strace -c shows it but for the whole target.
#pragma once

#include <string>

#include "cli/render/style.h"
#include "waitscope/v1/query.pb.h"

namespace waitscope::cli {

struct SyscallsView {
  std::string target_flags;
  bool by_thread = false;
};

std::string RenderSyscalls(const v1::SyscallsResponse& response, const SyscallsView& view,
                           const TextStyle& style);

}  // namespace waitscope::cli
