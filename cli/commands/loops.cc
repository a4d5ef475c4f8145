#include "cli/render/loops.h"

#include "cli/commands/commands.h"
#include "cli/view.h"

namespace waitscope::cli {
namespace {

struct LoopsOptions {
  ViewOptions view;
  bool all = false;
};

View<v1::LoopsResponse> LoopsViewOf(const LoopsOptions& options) {
  View<v1::LoopsResponse> view;
  view.formats = {"text", "json"};
  view.ask = [](Client& client, const v1::Target& target, const v1::TimeRange& range) {
    return client.ListLoops(MakeViewRequest(target, range));
  };
  view.is_empty = [](const v1::LoopsResponse& response) { return response.loops().empty(); };
  view.render = [&options](const v1::LoopsResponse& response, absl::string_view,
                           const TextStyle& style) -> absl::StatusOr<std::string> {
    return RenderLoops(response, {TargetFlags(options.view.target), options.all}, style);
  };
  return view;
}

Action Add(CLI::App& app) {
  const auto options = std::make_shared<LoopsOptions>();
  AddViewOptions(app, options->view, LoopsViewOf(*options).formats);
  AddFlag(app, "--all,-a", options->all, "list threads that poll and are no event loop too");
  return [options](const Session& session) {
    return RunView(session, options->view, LoopsViewOf(*options));
  };
}

}  // namespace

const Command kLoops = {
    "loops",
    "event loops: how long their turns are, and what makes them so",
    "waitscope loops --pid 4711 --duration 10s\n"
    "waitscope loops --container 3f2a\n"
    "waitscope loops --pid 4711 --output json -o loops.json\n",
    Add,
};

}  // namespace waitscope::cli
