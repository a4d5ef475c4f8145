// Where the time of a command and everything it started went.
#pragma once

#include <cstdint>
#include <string>

#include "cli/render/style.h"
#include "waitscope/v1/query.pb.h"

namespace waitscope::cli {

struct RunReport {
  std::string command;
  uint64_t wall_ns = 0;
  v1::ThreadsResponse threads;
  v1::ProfileResponse profile;  // off-cpu; may be empty
};

std::string RenderRun(const RunReport& report, const TextStyle& style);

}  // namespace waitscope::cli
