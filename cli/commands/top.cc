#include "cli/render/top.h"

#include "cli/commands/commands.h"
#include "cli/duration.h"
#include "cli/screen_terminal.h"
#include "cli/top_screen.h"
#include "cli/view.h"

namespace waitscope::cli {
namespace {

constexpr absl::Duration kRefresh = absl::Seconds(1);
constexpr size_t kMostRows = 25;

struct TopOptions {
  ViewOptions view;
  TopView order;
  bool once = false;
};

View<v1::ProcessesResponse> TopViewOf(const TopOptions& options) {
  View<v1::ProcessesResponse> view;
  view.formats = {"text", "json"};
  view.ask = [](Client& client, const v1::Target& target, const v1::TimeRange& range) {
    return client.ListProcesses(MakeViewRequest(target, range));
  };
  view.is_empty = [](const v1::ProcessesResponse& response) {
    return response.processes().empty();
  };
  view.render = [&options](const v1::ProcessesResponse& response, absl::string_view,
                           const TextStyle& style) -> absl::StatusOr<std::string> {
    return RenderTop(response, options.order, style, kMostRows);
  };
  return view;
}

template <typename Response>
absl::Status ShowOn(TopScreen* screen, absl::StatusOr<Response> response) {
  if (!response.ok()) return response.status();
  screen->Show(*std::move(response));
  return absl::OkStatus();
}

// One question at a time; keys are taken while it is open. A question given up because the user
// looks elsewhere is no error.
absl::Status Refresh(Client& client, const v1::Target& target, bool first, TopScreen* screen) {
  v1::TimeRange range;
  if (!first) *range.mutable_duration() = ToProto(kRefresh);
  if (!screen->pid().has_value()) {
    return ShowOn(screen, client.ListProcesses(MakeViewRequest(target, range)));
  }
  v1::Target process;
  process.add_pids(*screen->pid());
  return ShowOn(screen, client.ListThreads(MakeViewRequest(process, range)));
}

absl::StatusOr<int> ShowLive(const Session& session, const TopOptions& options) {
  absl::StatusOr<Connection> connection = Connect(session, Needs::kAnyAgent);
  if (!connection.ok()) return connection.status();
  TopScreen screen(StyleOfOutput(session.color).color);
  connection->client->set_tick(
      [&session, &screen] { return screen.HandleKeys() && !session.interrupts->Pending(); });
  const v1::Target target = ToTarget(options.view.target);
  for (bool first = true; !screen.quit(); first = false) {
    const absl::Status status = Refresh(*connection->client, target, first, &screen);
    if (session.interrupts->Pending()) return kInterrupted;
    if (!status.ok() && !absl::IsCancelled(status)) return status;
  }
  return kOk;
}

bool WantsOneFrame(const Session& session, const TopOptions& options) {
  const OutputOptions& output = options.view.output;
  return options.once || session.replaying || !TerminalTakesScreens() || !output.file.empty() ||
         !output.format.empty() || !options.view.time.duration.empty() ||
         !options.view.time.since.empty();
}

Action Add(CLI::App& app) {
  const auto options = std::make_shared<TopOptions>();
  AddViewOptions(app, options->view, TopViewOf(*options).formats);
  AddFlag(app, "--once", options->once,
          "one frame as text; so it is without a terminal, or with a time or an output");
  AddFlag(app, "--kernel,-K", options->order.kernel_threads, "kernel threads one by one");
  return [options](const Session& session) {
    return WantsOneFrame(session, *options) ? RunView(session, options->view, TopViewOf(*options))
                                            : ShowLive(session, *options);
  };
}

}  // namespace

const Command kTop = {
    "top",
    "processes by what they wait for, live",
    "Threads' worth of time: 2.0 is two threads all the time. JSON: nanoseconds.\n",
    "waitscope top\n"
    "waitscope top --once --duration 5s\n"
    "waitscope top --since 10m --output json\n",
    Add,
};

}  // namespace waitscope::cli
