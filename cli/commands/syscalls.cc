#include "cli/render/syscalls.h"

#include "cli/commands/commands.h"
#include "cli/view.h"

namespace waitscope::cli {
namespace {

struct SyscallsOptions {
  ViewOptions view;
  bool by_thread = false;
};

View<v1::SyscallsResponse> SyscallsViewOf(const SyscallsOptions& options) {
  View<v1::SyscallsResponse> view;
  view.formats = {"text", "json"};
  view.ask = [](Client& client, const v1::Target& target, const v1::TimeRange& range) {
    return client.GetSyscalls(MakeViewRequest(target, range));
  };
  view.is_empty = [](const v1::SyscallsResponse& response) { return response.syscalls().empty(); };
  view.render = [&options](const v1::SyscallsResponse& response, absl::string_view,
                           const TextStyle& style) -> absl::StatusOr<std::string> {
    return RenderSyscalls(response, {TargetFlags(options.view.target), options.by_thread}, style);
  };
  return view;
}

Action Add(CLI::App& app) {
  const auto options = std::make_shared<SyscallsOptions>();
  AddViewOptions(app, options->view, SyscallsViewOf(*options).formats);
  AddFlag(app, "--threads", options->by_thread, "a line per thread, not per process");
  return [options](const Session& session) {
    return RunView(session, options->view, SyscallsViewOf(*options));
  };
}

}  // namespace

const Command kSyscalls = {
    "syscalls",
    "latency and errors of system calls, and how often event loops come round",
    "waitscope syscalls --pid 4711 --duration 5s\n"
    "waitscope syscalls --comm redis-server --threads\n",
    Add,
};

}  // namespace waitscope::cli
