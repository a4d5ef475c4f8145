#include "cli/render/wakers.h"

#include "cli/commands/commands.h"
#include "cli/view.h"

namespace waitscope::cli {
namespace {

constexpr PlainView<v1::WakersResponse> kView = {
    &Client::GetWakers,
    [](const v1::WakersResponse& response) { return response.edges().empty(); },
    [](const v1::WakersResponse& response, const PlainOptions& options, const TextStyle& style) {
      return RenderWakers(response, options.target_flags(), style);
    },
};

Action Add(CLI::App& app) {
  const auto options = std::make_shared<PlainOptions>();
  return AddPlainView(app, options, kView);
}

}  // namespace

const Command kWakers = {
    "wakers",
    "who ended whose waits",
    "BLOCKED is the time of the waits that were ended so. JSON: nanoseconds.\n",
    "waitscope wakers --pid 4711 --duration 10s\n"
    "waitscope wakers --comm nginx --since 1m --output json\n",
    Add,
};

}  // namespace waitscope::cli
