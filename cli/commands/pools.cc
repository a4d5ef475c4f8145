#include "cli/render/pools.h"

#include "cli/commands/commands.h"
#include "cli/view.h"

namespace waitscope::cli {
namespace {

struct PoolsOptions {
  ViewOptions view;
  bool all = false;
};

View<v1::PoolsResponse> PoolsViewOf(const PoolsOptions& options) {
  View<v1::PoolsResponse> view;
  view.formats = {"text", "json"};
  view.ask = [](Client& client, const v1::Target& target, const v1::TimeRange& range) {
    return client.ListPools(MakeViewRequest(target, range));
  };
  view.is_empty = [](const v1::PoolsResponse& response) { return response.pools().empty(); };
  view.render = [&options](const v1::PoolsResponse& response, absl::string_view,
                           const TextStyle& style) -> absl::StatusOr<std::string> {
    return RenderPools(response, {TargetFlags(options.view.target), options.all}, style);
  };
  return view;
}

Action Add(CLI::App& app) {
  const auto options = std::make_shared<PoolsOptions>();
  AddViewOptions(app, options->view, PoolsViewOf(*options).formats);
  AddFlag(app, "--all,-a", options->all, "list idle pools too");
  return [options](const Session& session) {
    return RunView(session, options->view, PoolsViewOf(*options));
  };
}

}  // namespace

const Command kPools = {
    "pools",
    "pools of threads: who is idle, who is busy at what, who makes them",
    "waitscope pools --pid 4711 --duration 10s\n"
    "waitscope pools --comm java --all\n"
    "waitscope pools --since 10m --output json\n",
    Add,
};

}  // namespace waitscope::cli
