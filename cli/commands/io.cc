#include "cli/render/io.h"

#include "cli/commands/commands.h"
#include "cli/view.h"

namespace waitscope::cli {
namespace {

View<v1::IoResponse> IoViewOf(const ViewOptions& options) {
  View<v1::IoResponse> view;
  view.formats = {"text", "json"};
  view.ask = [](Client& client, const v1::Target& target, const v1::TimeRange& range) {
    return client.GetIo(MakeViewRequest(target, range));
  };
  view.is_empty = [](const v1::IoResponse& response) { return response.threads().empty(); };
  view.render = [&options](const v1::IoResponse& response, absl::string_view,
                           const TextStyle& style) -> absl::StatusOr<std::string> {
    return RenderIo(response, TargetFlags(options.target), style);
  };
  return view;
}

Action Add(CLI::App& app) {
  const auto options = std::make_shared<ViewOptions>();
  AddViewOptions(app, *options, IoViewOf(*options).formats);
  return
      [options](const Session& session) { return RunView(session, *options, IoViewOf(*options)); };
}

}  // namespace

const Command kIo = {
    "io",
    "block devices as iostat counts them, who waits for them, the slowest requests",
    "waitscope io --duration 10s\n"
    "waitscope io --comm postgres --since 10m\n",
    Add,
};

}  // namespace waitscope::cli
