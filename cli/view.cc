#include "cli/view.h"

#include "absl/strings/str_cat.h"
#include "cli/output_format.h"

namespace waitscope::cli {

absl::StatusOr<OutputPlan> PlanOutput(const Session& session, const OutputOptions& options,
                                      const std::vector<std::string>& formats) {
  absl::StatusOr<std::string> format = ChooseFormat(options, formats);
  if (!format.ok()) return format.status();
  if (absl::Status status = CheckOutput(options.file); !status.ok()) return status;
  const TextStyle style = options.file.empty() ? StyleOfOutput(session.color) : TextStyle{};
  return OutputPlan{*std::move(format), style};
}

absl::StatusOr<ViewPlan> PlanView(const Session& session, const ViewOptions& options,
                                  const std::vector<std::string>& formats) {
  absl::StatusOr<v1::TimeRange> range = ToTimeRange(session, options.time);
  if (!range.ok()) return range.status();
  absl::StatusOr<OutputPlan> output = PlanOutput(session, options.output, formats);
  if (!output.ok()) return output.status();
  return ViewPlan{std::move(output->format), *std::move(range), output->style};
}

absl::StatusOr<MeasuringClient> StartMeasuring(const Session& session, const v1::TimeRange& range) {
  const Needs needs = range.has_since() && !session.replaying ? Needs::kHistory : Needs::kAnyAgent;
  absl::StatusOr<Connection> connection = Connect(session, needs);
  if (!connection.ok()) return connection.status();
  MeasuringClient measuring{*std::move(connection),
                            std::make_unique<Progress>("measuring", MeasuringTime(range))};
  measuring.connection.client->set_tick(
      [interrupts = session.interrupts, progress = measuring.progress.get()] {
        progress->Tick();
        return !interrupts->Pending();
      });
  return measuring;
}

absl::Status CheckTarget(Client& client, const TargetOptions& target) {
  if (target.IsWholeMachine()) return absl::OkStatus();
  const absl::StatusOr<v1::ProcessesResponse> there =
      client.ListProcesses(MakeViewRequest(ToTarget(target), {}));
  if (!there.ok() || !there->processes().empty()) return absl::OkStatus();
  return absl::NotFoundError(
      absl::StrCat("no process or thread matches", TargetFlags(target),
                   ": it has ended, or never was there, or no thread of it did anything where the "
                   "kernel hides it from the agent (then `waitscope status` counts it under "
                   "no-ledger). `waitscope top` shows what runs"));
}

v1::ViewRequest MakeViewRequest(const v1::Target& target, const v1::TimeRange& range) {
  v1::ViewRequest request;
  *request.mutable_target() = target;
  *request.mutable_range() = range;
  return request;
}

}  // namespace waitscope::cli
