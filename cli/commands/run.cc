#include "cli/render/run.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "cli/child_process.h"
#include "cli/commands/commands.h"
#include "cli/render/flame_svg.h"
#include "cli/render/folded.h"
#include "cli/view.h"

namespace waitscope::cli {
namespace {

constexpr int kNotExecutable = 126;
constexpr int kNotFound = 127;

struct RunOptions {
  OutputOptions output;
  std::string kind = "off-cpu";
  const CLI::App* parser = nullptr;  // holds the command to run
};

const std::vector<std::string> kFormats = {"text", "json", "svg", "folded"};

// Time is asked for from the mark on: it was set before the command was there.
absl::StatusOr<RunReport> AskAbout(Client& client, const v1::Target& target,
                                   const google::protobuf::Timestamp& begin,
                                   const std::string& kind) {
  v1::TimeRange range;
  *range.mutable_begin() = begin;
  RunReport report;
  absl::StatusOr<v1::ThreadsResponse> threads = client.ListThreads(MakeViewRequest(target, range));
  if (!threads.ok()) return threads.status();
  report.threads = *std::move(threads);
  v1::ProfileRequest request;
  *request.mutable_target() = target;
  *request.mutable_range() = range;
  request.set_kind(kind);
  absl::StatusOr<v1::ProfileResponse> profile = client.GetProfile(request);
  if (!profile.ok()) return profile.status();
  report.profile = *std::move(profile);
  return report;
}

// Standard output belongs to the command.
absl::Status Tell(const Session& session, const std::string& format, const std::string& file,
                  const RunReport& report) {
  const TextStyle style = file.empty() ? StyleOfErrors(session.color) : TextStyle{};
  std::string text;
  if (format == "json") text = RenderJson(report.threads);
  if (format == "svg") text = RenderFlameSvg(report.profile, {});
  if (format == "folded") text = RenderFolded(report.profile, {});
  if (format == "text") text = RenderRun(report, style);
  if (!file.empty()) return WriteOutput(file, text);
  fputs(text.c_str(), stderr);
  return absl::OkStatus();
}

absl::StatusOr<int> CannotExecute(const Session& session, const std::string& command, int error) {
  const bool missing = error == ENOENT;
  ReportError(session, absl::NotFoundError(absl::StrCat(
                           command, ": ", missing ? "command not found" : strerror(error))));
  return missing ? kNotFound : kNotExecutable;
}

// The command's process id means something to an agent of this machine only.
absl::StatusOr<Connection> ConnectHere(const Session& session) {
  const absl::StatusOr<Endpoint> endpoint = ResolveEndpoint(session.endpoint);
  if (!endpoint.ok()) return endpoint.status();
  if (!endpoint->IsUnix()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "run starts its command here, and the agent at ", endpoint->address,
        " may watch another machine: use one of this machine, --endpoint unix:PATH, or none"));
  }
  return Connect(session, Needs::kAnyAgent);
}

absl::StatusOr<int> RunAndTell(const Session& session, const RunOptions& options) {
  const std::vector<std::string> command = UnreadWords(*options.parser);
  if (command.empty()) {
    return absl::InvalidArgumentError("no command to run: waitscope run -- make -j8");
  }
  const absl::StatusOr<OutputPlan> plan = PlanOutput(session, options.output, kFormats);
  if (!plan.ok()) return plan.status();
  absl::StatusOr<Connection> connection = ConnectHere(session);
  if (!connection.ok()) return connection.status();
  const absl::StatusOr<v1::MarkResponse> mark = connection->client->Mark();
  if (!mark.ok()) return mark.status();
  const absl::Time began = absl::Now();
  absl::StatusOr<ChildProcess> child = ChildProcess::Start(command);
  if (!child.ok()) return child.status();
  if (child->exec_error() != 0) return CannotExecute(session, command[0], child->exec_error());
  v1::Target target;
  target.add_pids(static_cast<uint32_t>(child->pid()));
  target.set_descendants(true);
  const int exit_code = child->Wait(session.interrupts);
  const absl::Duration wall = absl::Now() - began;
  session.interrupts->Forget();
  absl::StatusOr<RunReport> report =
      AskAbout(*connection->client, target, mark->at(), options.kind);
  absl::Status told = report.status();
  if (report.ok()) {
    report->command = absl::StrJoin(command, " ");
    report->wall_ns = static_cast<uint64_t>(absl::ToInt64Nanoseconds(wall));
    told = Tell(session, plan->format, options.output.file, *report);
  }
  // Scripts go by the command's own result, whatever became of the report.
  if (!told.ok()) ReportError(session, told);
  return exit_code;
}

Action Add(CLI::App& app) {
  const auto options = std::make_shared<RunOptions>();
  options->parser = &app;
  LeaveRestUnread(app);
  AddOutputOptions(app, options->output, kFormats);
  AddKindOption(app, options->kind);
  return [options](const Session& session) { return RunAndTell(session, *options); };
}

}  // namespace

const Command kRun = {
    "run",
    "start a command and say where its threads' time went",
    "Times carry their unit, shares are of all its threads' time. JSON, folded: nanoseconds.\n",
    "waitscope run -- make -j8\n"
    "waitscope run -o time.json -- ./nightly-batch --full\n"
    "waitscope run --kind wall -o wall.svg -- pytest -x\n",
    Add,
    "-- COMMAND [ARGUMENT...]",
};

}  // namespace waitscope::cli
