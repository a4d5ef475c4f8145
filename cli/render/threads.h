// Where each thread's time went, as shares of its own wall time.
#pragma once

#include <string>

#include "cli/render/style.h"
#include "waitscope/v1/query.pb.h"

namespace waitscope::cli {

struct ThreadsView {
  bool all = false;         // also list idle threads and kernel threads
  std::string target_flag;  // " --pid 4711": to make the suggested command concrete
};

std::string RenderThreads(const v1::ThreadsResponse& response, const ThreadsView& view,
                          const TextStyle& style);

// Why a thread is not worth a line of its own; empty when it is. Blocked on disk or in a network
// transfer for the whole window is never idle: that is what a starved thread looks like.
absl::string_view IdleReason(const v1::Thread& thread);

}  // namespace waitscope::cli
