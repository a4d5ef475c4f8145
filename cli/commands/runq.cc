#include "cli/render/runq.h"

#include "cli/commands/commands.h"
#include "cli/view.h"

namespace waitscope::cli {
namespace {

View<v1::RunQueueResponse> RunqViewOf(const ViewOptions& options) {
  View<v1::RunQueueResponse> view;
  view.formats = {"text", "json"};
  view.ask = [](Client& client, const v1::Target& target, const v1::TimeRange& range) {
    return client.GetRunQueue(MakeViewRequest(target, range));
  };
  view.is_empty = [](const v1::RunQueueResponse& response) { return response.threads().empty(); };
  view.render = [&options](const v1::RunQueueResponse& response, absl::string_view,
                           const TextStyle& style) -> absl::StatusOr<std::string> {
    return RenderRunQueue(response, TargetFlags(options.target), style);
  };
  return view;
}

Action Add(CLI::App& app) {
  const auto options = std::make_shared<ViewOptions>();
  AddViewOptions(app, *options, RunqViewOf(*options).formats);
  return [options](const Session& session) {
    return RunView(session, *options, RunqViewOf(*options));
  };
}

}  // namespace

const Command kRunq = {
    "runq",
    "how long threads that could run waited for a core",
    "waitscope runq --duration 10s\n"
    "waitscope runq --pid 4711 --since 1m --output json\n",
    Add,
};

}  // namespace waitscope::cli
