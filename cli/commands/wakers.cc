#include "cli/render/wakers.h"

#include "cli/commands/commands.h"
#include "cli/view.h"

namespace waitscope::cli {
namespace {

View<v1::WakersResponse> WakersViewOf(const ViewOptions& options) {
  View<v1::WakersResponse> view;
  view.formats = {"text", "json"};
  view.ask = [](Client& client, const v1::Target& target, const v1::TimeRange& range) {
    return client.GetWakers(MakeViewRequest(target, range));
  };
  view.is_empty = [](const v1::WakersResponse& response) { return response.edges().empty(); };
  view.render = [&options](const v1::WakersResponse& response, absl::string_view,
                           const TextStyle& style) -> absl::StatusOr<std::string> {
    return RenderWakers(response, TargetFlags(options.target), style);
  };
  return view;
}

Action Add(CLI::App& app) {
  const auto options = std::make_shared<ViewOptions>();
  AddViewOptions(app, *options, WakersViewOf(*options).formats);
  return [options](const Session& session) {
    return RunView(session, *options, WakersViewOf(*options));
  };
}

}  // namespace

const Command kWakers = {
    "wakers",
    "who ended whose waits",
    "waitscope wakers --pid 4711 --duration 10s\n"
    "waitscope wakers --comm nginx --since 1m --output json\n",
    Add,
};

}  // namespace waitscope::cli
