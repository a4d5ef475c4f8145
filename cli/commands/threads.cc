#include "cli/render/threads.h"

#include "cli/commands/commands.h"
#include "cli/view.h"

namespace waitscope::cli {
namespace {

constexpr PlainView<v1::ThreadsResponse> kView = {
    &Client::ListThreads,
    [](const v1::ThreadsResponse& response) { return response.threads().empty(); },
    [](const v1::ThreadsResponse& response, const PlainOptions& options, const TextStyle& style) {
      return RenderThreads(response, {options.flag, options.target_flags()}, style);
    },
};

Action Add(CLI::App& app) {
  const auto options = std::make_shared<PlainOptions>();
  Action action = AddPlainView(app, options, kView);
  AddFlag(app, "--all,-a", options->flag, "list idle threads and the kernel's too");
  return action;
}

}  // namespace

const Command kThreads = {
    "threads",
    "where each thread's time went: running, runnable, blocked on what",
    "Shares are of a thread's own time, RUNQ p99 is a time. JSON: nanoseconds.\n",
    "waitscope threads --pid 4711 --duration 10s\n"
    "waitscope threads --comm nginx --since 10m\n"
    "waitscope threads --pid 4711 --output json -o threads.json\n",
    Add,
};

}  // namespace waitscope::cli
