#include "cli/render/io.h"

#include "cli/commands/commands.h"
#include "cli/view.h"

namespace waitscope::cli {
namespace {

constexpr PlainView<v1::IoResponse> kView = {
    &Client::GetIo,
    [](const v1::IoResponse& response) { return response.threads().empty(); },
    [](const v1::IoResponse& response, const PlainOptions& options, const TextStyle& style) {
      return RenderIo(response, options.target_flags(), style);
    },
};

Action Add(CLI::App& app) {
  const auto options = std::make_shared<PlainOptions>();
  return AddPlainView(app, options, kView);
}

}  // namespace

const Command kIo = {
    "io",
    "block devices as iostat counts them, who waits for them, the slowest requests",
    "As iostat -x: requests a second, kB a second, await in ms, queue in requests, %util.\n"
    "Other times carry their unit. JSON: nanoseconds (_ns), bytes.\n",
    "waitscope io --duration 10s\n"
    "waitscope io --comm postgres --since 10m\n",
    Add,
};

}  // namespace waitscope::cli
