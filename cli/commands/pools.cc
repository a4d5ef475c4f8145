#include "cli/render/pools.h"

#include "cli/commands/commands.h"
#include "cli/view.h"

namespace waitscope::cli {
namespace {

constexpr PlainView<v1::PoolsResponse> kView = {
    &Client::ListPools,
    [](const v1::PoolsResponse& response) { return response.pools().empty(); },
    [](const v1::PoolsResponse& response, const PlainOptions& options, const TextStyle& style) {
      return RenderPools(response, {options.target_flags(), options.flag}, style);
    },
};

Action Add(CLI::App& app) {
  const auto options = std::make_shared<PlainOptions>();
  Action action = AddPlainView(app, options, kView);
  AddFlag(app, "--all,-a", options->flag, "list idle pools too");
  return action;
}

}  // namespace

const Command kPools = {
    "pools",
    "pools of threads: who is idle, who is busy at what, who makes them",
    "Shares are of the time of the pool's threads, NOBODY HOME of the time. JSON: nanoseconds.\n",
    "waitscope pools --pid 4711 --duration 10s\n"
    "waitscope pools --comm java --all\n"
    "waitscope pools --since 10m --output json\n",
    Add,
};

}  // namespace waitscope::cli
