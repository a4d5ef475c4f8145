#include "cli/render/threads.h"

#include "cli/commands/commands.h"
#include "cli/view.h"

namespace waitscope::cli {
namespace {

struct ThreadsOptions {
  ViewOptions view;
  bool all = false;
};

View<v1::ThreadsResponse> ThreadsViewOf(const ThreadsOptions& options) {
  View<v1::ThreadsResponse> view;
  view.formats = {"text", "json"};
  view.ask = [](Client& client, const v1::Target& target, const v1::TimeRange& range) {
    return client.ListThreads(MakeViewRequest(target, range));
  };
  view.is_empty = [](const v1::ThreadsResponse& response) { return response.threads().empty(); };
  view.render = [&options](const v1::ThreadsResponse& response, absl::string_view,
                           const TextStyle& style) -> absl::StatusOr<std::string> {
    return RenderThreads(response, {options.all, TargetFlags(options.view.target)}, style);
  };
  return view;
}

Action Add(CLI::App& app) {
  const auto options = std::make_shared<ThreadsOptions>();
  AddViewOptions(app, options->view, ThreadsViewOf(*options).formats);
  AddFlag(app, "--all,-a", options->all, "list idle threads and the kernel's too");
  return [options](const Session& session) {
    return RunView(session, options->view, ThreadsViewOf(*options));
  };
}

}  // namespace

const Command kThreads = {
    "threads",
    "where each thread's time went: running, runnable, blocked on what",
    "waitscope threads --pid 4711 --duration 10s\n"
    "waitscope threads --comm nginx --since 10m\n"
    "waitscope threads --pid 4711 --output json -o threads.json\n",
    Add,
};

}  // namespace waitscope::cli
