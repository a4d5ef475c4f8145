#include "cli/render/syscalls.h"

#include "cli/commands/commands.h"
#include "cli/view.h"

namespace waitscope::cli {
namespace {

constexpr PlainView<v1::SyscallsResponse> kView = {
    &Client::GetSyscalls,
    [](const v1::SyscallsResponse& response) { return response.syscalls().empty(); },
    [](const v1::SyscallsResponse& response, const PlainOptions& options, const TextStyle& style) {
      return RenderSyscalls(response, {options.target_flags(), options.flag}, style);
    },
};

Action Add(CLI::App& app) {
  const auto options = std::make_shared<PlainOptions>();
  Action action = AddPlainView(app, options, kView);
  AddFlag(app, "--threads", options->flag, "a line per thread, not per process");
  return action;
}

}  // namespace

const Command kSyscalls = {
    "syscalls",
    "latency and errors of system calls, and how often event loops come round",
    "TIME is the sum over the calls, p50, p99 and MAX are of one. JSON: nanoseconds.\n",
    "waitscope syscalls --pid 4711 --duration 5s\n"
    "waitscope syscalls --comm redis-server --threads\n",
    Add,
};

}  // namespace waitscope::cli
