#include "cli/render/loops.h"

#include "cli/commands/commands.h"
#include "cli/view.h"

namespace waitscope::cli {
namespace {

constexpr PlainView<v1::LoopsResponse> kView = {
    &Client::ListLoops,
    [](const v1::LoopsResponse& response) { return response.loops().empty(); },
    [](const v1::LoopsResponse& response, const PlainOptions& options, const TextStyle& style) {
      return RenderLoops(response, {options.target_flags(), options.flag}, style);
    },
};

Action Add(CLI::App& app) {
  const auto options = std::make_shared<PlainOptions>();
  Action action = AddPlainView(app, options, kView);
  AddFlag(app, "--all,-a", options->flag, "list threads that poll and are no event loop too");
  return action;
}

}  // namespace

const Command kLoops = {
    "loops",
    "event loops: how long their turns are, and what makes them so",
    "Turns are times; RUN, RUNQ and BLOCK are shares of the time. JSON: nanoseconds.\n",
    "waitscope loops --pid 4711 --duration 10s\n"
    "waitscope loops --container 3f2a\n"
    "waitscope loops --pid 4711 --output json -o loops.json\n",
    Add,
};

}  // namespace waitscope::cli
