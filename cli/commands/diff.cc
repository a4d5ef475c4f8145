#include "cli/render/diff.h"

#include "absl/strings/str_cat.h"
#include "cli/commands/commands.h"
#include "cli/duration.h"
#include "cli/recording.h"
#include "cli/render/report.h"
#include "cli/view.h"

namespace waitscope::cli {
namespace {

struct DiffOptions {
  std::string before;
  std::string after;
  std::string kind;
  TargetOptions target;
  OutputOptions output;
};

const std::vector<std::string> kFormats = {"text", "folded", "svg"};

absl::StatusOr<v1::ProfileResponse> AskRecording(const Session& session, const std::string& path,
                                                 const DiffOptions& options) {
  const absl::StatusOr<std::unique_ptr<PrivateAgent>> agent = OpenRecording(session, path);
  if (!agent.ok()) return agent.status();
  const Session replay = ReplaySession(session, **agent);
  const absl::StatusOr<v1::TimeRange> range = ToTimeRange(replay, {});
  if (!range.ok()) return range.status();
  absl::StatusOr<Connection> connection = Connect(replay, Needs::kAnyAgent);
  if (!connection.ok()) return connection.status();
  v1::ProfileRequest request;
  *request.mutable_target() = ToTarget(options.target);
  *request.mutable_range() = *range;
  request.set_kind(options.kind.empty() ? "off-cpu" : options.kind);
  return connection->client->GetProfile(request);
}

absl::StatusOr<DiffSide> SideOfRecording(const Session& session, const std::string& path,
                                         const DiffOptions& options) {
  const absl::StatusOr<v1::ProfileResponse> profile = AskRecording(session, path, options);
  if (!profile.ok()) return profile.status();
  const std::vector<WeightedStack> stacks = WeightedStacks(*profile, {});
  const v1::Header& header = profile->header();
  DiffSide side{.name = path,
                .stacks = Fold(stacks, false),
                .duration_ns = DurationNs(header),
                .host = header.host()};
  if (LostSomething(header)) side.lost = LossSummary({}, header);
  for (const WeightedStack& stack : stacks) side.ns_by_class[stack.wait_class] += stack.ns;
  return side;
}

absl::StatusOr<DiffSide> SideOf(const Session& session, const std::string& path,
                                const DiffOptions& options) {
  if (LooksLikeRecording(path)) return SideOfRecording(session, path, options);
  if (!options.target.IsWholeMachine() || !options.kind.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, " is no recording, and only in recordings can", TargetFlags(options.target),
        options.kind.empty() ? "" : " --kind", " choose: leave it out"));
  }
  const absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) return text.status();
  absl::StatusOr<FoldedStacks> folded = ParseFolded(*text);
  if (!folded.ok()) {
    return absl::DataLossError(absl::StrCat(
        path, " is neither a recording nor folded stacks: ", folded.status().message()));
  }
  return DiffSide{.name = path, .stacks = *std::move(folded)};
}

absl::StatusOr<int> Diff(const Session& session, const DiffOptions& options) {
  const absl::StatusOr<OutputPlan> plan = PlanOutput(session, options.output, kFormats);
  if (!plan.ok()) return plan.status();
  const absl::StatusOr<DiffSide> before = SideOf(session, options.before, options);
  if (!before.ok()) return before.status();
  absl::StatusOr<DiffSide> after = SideOf(session, options.after, options);
  if (!after.ok()) return after.status();
  ScaleToFirst(*before, &*after);
  const std::string text = plan->format == "svg" ? RenderDiffSvg(*before, *after)
                           : plan->format == "folded"
                               ? RenderDiffFolded(*before, *after)
                               : RenderDiffText(*before, *after, plan->style);
  if (absl::Status status = WriteOutput(options.output.file, text); !status.ok()) return status;
  return kOk;
}

Action Add(CLI::App& app) {
  const auto options = std::make_shared<DiffOptions>();
  AddRequired(app, "A", options->before, "before: a recording (.wslog) or folded stacks");
  AddRequired(app, "B", options->after, "after: the same");
  AddKindOption(app, options->kind);
  AddTargetOptions(app, options->target);
  AddOutputOptions(app, options->output, kFormats);
  return [options](const Session& session) { return Diff(session, *options); };
}

}  // namespace

const Command kDiff = {
    "diff",
    "what changed between two recordings or two folded files",
    "Times carry their unit. Folded: nanoseconds before, nanoseconds after.\n",
    "waitscope diff monday.wslog tuesday.wslog\n"
    "waitscope diff before.folded after.folded -o change.svg\n",
    Add,
};

}  // namespace waitscope::cli
