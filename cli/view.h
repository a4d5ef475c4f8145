// The steps all views share: reach an agent, ask about a target and a time, render, write.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cli/command.h"
#include "cli/console.h"
#include "cli/exit_code.h"
#include "cli/output_file.h"
#include "cli/render/json.h"
#include "cli/session.h"

namespace waitscope::cli {

struct OutputPlan {
  std::string format;
  TextStyle style;
};

// How and whether the output can be written, before anybody waits for it.
absl::StatusOr<OutputPlan> PlanOutput(const Session& session, const OutputOptions& options,
                                      const std::vector<std::string>& formats);

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

// Most views ask for no more than a target and a time, and come as text or JSON.
struct PlainOptions {
  ViewOptions view;
  bool flag = false;  // the one such a view may have of its own

  std::string target_flags() const { return TargetFlags(view.target); }
};

template <typename Response>
struct PlainView {
  absl::StatusOr<Response> (Client::*ask)(const v1::ViewRequest&);
  bool (*is_empty)(const Response&);
  std::string (*render)(const Response&, const PlainOptions&, const TextStyle&);
};

template <typename Response>
Action AddPlainView(CLI::App& app, const std::shared_ptr<PlainOptions>& options,
                    const PlainView<Response>& plain) {
  View<Response> view;
  view.formats = {"text", "json"};
  view.ask = [plain](Client& client, const v1::Target& target, const v1::TimeRange& range) {
    return (client.*plain.ask)(MakeViewRequest(target, range));
  };
  view.is_empty = plain.is_empty;
  view.render = [plain, options](const Response& response, absl::string_view,
                                 const TextStyle& style) -> absl::StatusOr<std::string> {
    return plain.render(response, *options, style);
  };
  AddViewOptions(app, options->view, view.formats);
  return [options, view](const Session& session) { return RunView(session, options->view, view); };
}

}  // namespace waitscope::cli
