#include <algorithm>

#include "cli/commands/commands.h"
#include "cli/render/diagnosis.h"
#include "cli/view.h"

namespace waitscope::cli {
namespace {

// Long enough for shares of time to mean something.
constexpr absl::string_view kDuration = "8s";

View<v1::Diagnosis> DiagnosisViewOf(const ViewOptions& options) {
  View<v1::Diagnosis> view;
  view.formats = {"text", "json"};
  view.ask = [](Client& client, const v1::Target& target, const v1::TimeRange& range) {
    return client.Diagnose(MakeViewRequest(target, range));
  };
  view.is_empty = [](const v1::Diagnosis& diagnosis) { return diagnosis.findings().empty(); };
  view.render = [&options](const v1::Diagnosis& diagnosis, absl::string_view,
                           const TextStyle& style) -> absl::StatusOr<std::string> {
    return RenderDiagnosis(diagnosis, TargetFlags(options.target), style);
  };
  return view;
}

// From warning on a person should act.
bool NeedsAction(const v1::Diagnosis& diagnosis) {
  return std::any_of(diagnosis.findings().begin(), diagnosis.findings().end(),
                     [](const v1::Finding& finding) { return finding.severity() != "info"; });
}

absl::StatusOr<int> Run(const Session& session, ViewOptions options) {
  const bool unsaid = options.time.duration.empty() && options.time.since.empty();
  if (unsaid && !session.replaying) options.time.duration = std::string(kDuration);
  const View<v1::Diagnosis> view = DiagnosisViewOf(options);
  const absl::StatusOr<ViewPlan> plan = PlanView(session, options, view.formats);
  if (!plan.ok()) return plan.status();
  const absl::StatusOr<v1::Diagnosis> diagnosis = AskView(session, options, view, plan->range);
  if (!diagnosis.ok()) return diagnosis.status();
  const absl::StatusOr<std::string> text = plan->format == "json"
                                               ? RenderDiagnosisJson(*diagnosis)
                                               : view.render(*diagnosis, plan->format, plan->style);
  if (!text.ok()) return text.status();
  const absl::Status written = WriteOutput(options.output.file, *text);
  if (!written.ok()) return written;
  return NeedsAction(*diagnosis) ? kFindings : kOk;
}

Action Add(CLI::App& app) {
  const auto options = std::make_shared<ViewOptions>();
  AddViewOptions(app, *options, {"text", "json"});
  return [options](const Session& session) { return Run(session, *options); };
}

}  // namespace

const Command kDiagnose = {
    "diagnose",
    "what is wrong, who is to blame, what to do; exit code 10 when something is",
    "Times and sizes carry their unit. JSON: nanoseconds (_ns), bytes, shares of 1.\n",
    "waitscope diagnose --pid 4711\n"
    "waitscope diagnose --container 3f2a --since 10m\n"
    "waitscope diagnose --output json\n",
    Add,
};

}  // namespace waitscope::cli
