// The steps all views share: reach an agent, ask about a target and a time, render, write.
#pragma once

#include <functional>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cli/console.h"
#include "cli/exit_code.h"
#include "cli/output_file.h"
#include "cli/render/json.h"
#include "cli/session.h"

namespace waitscope::cli {

struct ViewPlan {
  std::string format;
  v1::TimeRange range;
  TextStyle style;
};

absl::StatusOr<ViewPlan> PlanView(const Session& session, const ViewOptions& options,
                                  const std::vector<std::string>& formats);

// Connects and shows progress while measuring. The progress line lives as long as the result.
struct MeasuringClient {
  Connection connection;
  std::unique_ptr<Progress> progress;
};
absl::StatusOr<MeasuringClient> StartMeasuring(const Session& session, const v1::TimeRange& range);

// An empty answer is an answer when the target is there; else it is "nothing matches --comm x".
absl::Status CheckTarget(Client& client, const TargetOptions& target);

template <typename Response>
struct View {
  std::vector<std::string> formats;  // the first is the default; "json" needs no renderer
  std::function<absl::StatusOr<Response>(Client&, const v1::Target&, const v1::TimeRange&)> ask;
  std::function<bool(const Response&)> is_empty;  // so the target may not be there at all
  std::function<absl::StatusOr<std::string>(const Response&, absl::string_view format,
                                            const TextStyle&)>
      render;
};

template <typename Response>
absl::StatusOr<Response> AskView(const Session& session, const ViewOptions& options,
                                 const View<Response>& view, const v1::TimeRange& range) {
  absl::StatusOr<MeasuringClient> client = StartMeasuring(session, range);
  if (!client.ok()) return client.status();
  absl::StatusOr<Response> response =
      view.ask(*client->connection.client, ToTarget(options.target), range);
  if (!response.ok() || !view.is_empty(*response)) return response;
  const absl::Status there = CheckTarget(*client->connection.client, options.target);
  if (!there.ok()) return there;
  return response;
}

template <typename Response>
absl::StatusOr<int> RunView(const Session& session, const ViewOptions& options,
                            const View<Response>& view) {
  const absl::StatusOr<ViewPlan> plan = PlanView(session, options, view.formats);
  if (!plan.ok()) return plan.status();
  const absl::StatusOr<Response> response = AskView(session, options, view, plan->range);
  if (!response.ok()) return response.status();
  const absl::StatusOr<std::string> text = plan->format == "json"
                                               ? RenderJson(*response)
                                               : view.render(*response, plan->format, plan->style);
  if (!text.ok()) return text.status();
  if (absl::Status status = WriteOutput(options.output.file, *text); !status.ok()) return status;
  return kOk;
}

// The request most calls take.
v1::ViewRequest MakeViewRequest(const v1::Target& target, const v1::TimeRange& range);

}  // namespace waitscope::cli
