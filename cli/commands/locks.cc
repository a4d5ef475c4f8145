#include "cli/render/locks.h"

#include "cli/commands/commands.h"
#include "cli/view.h"

namespace waitscope::cli {
namespace {

struct LocksOptions {
  ViewOptions view;
  bool all = false;
};

View<v1::LocksResponse> LocksViewOf(const LocksOptions& options) {
  View<v1::LocksResponse> view;
  view.formats = {"text", "json"};
  view.ask = [](Client& client, const v1::Target& target, const v1::TimeRange& range) {
    return client.ListLocks(MakeViewRequest(target, range));
  };
  view.is_empty = [](const v1::LocksResponse& response) { return response.locks().empty(); };
  view.render = [&options](const v1::LocksResponse& response, absl::string_view,
                           const TextStyle& style) -> absl::StatusOr<std::string> {
    return RenderLocks(response, {TargetFlags(options.view.target), options.all}, style);
  };
  return view;
}

Action Add(CLI::App& app) {
  const auto options = std::make_shared<LocksOptions>();
  AddViewOptions(app, options->view, LocksViewOf(*options).formats);
  AddFlag(app, "--all,-a", options->all, "list words that threads park at too");
  return [options](const Session& session) {
    return RunView(session, options->view, LocksViewOf(*options));
  };
}

}  // namespace

const Command kLocks = {
    "locks",
    "locks: who waits, for how long, and who keeps them waiting",
    "waitscope locks --pid 4711 --duration 10s\n"
    "waitscope locks --comm python3 --all\n"
    "waitscope locks --since 10m --output json\n",
    Add,
};

}  // namespace waitscope::cli
