#include "cli/render/runq.h"

#include "cli/commands/commands.h"
#include "cli/view.h"

namespace waitscope::cli {
namespace {

constexpr PlainView<v1::RunQueueResponse> kView = {
    &Client::GetRunQueue,
    [](const v1::RunQueueResponse& response) { return response.threads().empty(); },
    [](const v1::RunQueueResponse& response, const PlainOptions& options, const TextStyle& style) {
      return RenderRunQueue(response, options.target_flags(), style);
    },
};

Action Add(CLI::App& app) {
  const auto options = std::make_shared<PlainOptions>();
  return AddPlainView(app, options, kView);
}

}  // namespace

const Command kRunq = {
    "runq",
    "how long threads that could run waited for a core",
    "Waits for a core are times; RUN, WOKEN and PREEMPTED are shares of a thread's time.\n"
    "JSON: nanoseconds.\n",
    "waitscope runq --duration 10s\n"
    "waitscope runq --pid 4711 --since 1m --output json\n",
    Add,
};

}  // namespace waitscope::cli
