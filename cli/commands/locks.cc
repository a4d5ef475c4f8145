#include "cli/render/locks.h"

#include "cli/commands/commands.h"
#include "cli/view.h"

namespace waitscope::cli {
namespace {

constexpr PlainView<v1::LocksResponse> kView = {
    &Client::ListLocks,
    [](const v1::LocksResponse& response) { return response.locks().empty(); },
    [](const v1::LocksResponse& response, const PlainOptions& options, const TextStyle& style) {
      return RenderLocks(response, {options.target_flags(), options.flag}, style);
    },
};

Action Add(CLI::App& app) {
  const auto options = std::make_shared<PlainOptions>();
  Action action = AddPlainView(app, options, kView);
  AddFlag(app, "--all,-a", options->flag, "list words that threads park at too");
  return action;
}

}  // namespace

const Command kLocks = {
    "locks",
    "locks: who waits, for how long, and who keeps them waiting",
    "Times carry their unit: TOTAL of all waits, p99 and MAX of one. JSON: nanoseconds.\n",
    "waitscope locks --pid 4711 --duration 10s\n"
    "waitscope locks --comm python3 --all\n"
    "waitscope locks --since 10m --output json\n",
    Add,
};

}  // namespace waitscope::cli
