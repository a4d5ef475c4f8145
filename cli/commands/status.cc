#include "cli/render/status.h"

#include "cli/commands/commands.h"
#include "cli/view.h"

namespace waitscope::cli {
namespace {

absl::StatusOr<int> ShowStatus(const Session& session, const OutputOptions& options,
                               const std::vector<std::string>& formats) {
  const absl::StatusOr<std::string> format = ChooseFormat(options, formats);
  if (!format.ok()) return format.status();
  absl::StatusOr<Connection> connection = Connect(session, Needs::kAnyAgent);
  if (!connection.ok()) return connection.status();
  const absl::StatusOr<v1::Status> status = connection->client->GetStatus();
  if (!status.ok()) return status.status();
  const TextStyle style = options.file.empty() ? StyleOfOutput(session.color) : TextStyle{};
  const std::string text = *format == "json" ? RenderJson(*status) : RenderStatus(*status, style);
  if (absl::Status written = WriteOutput(options.file, text); !written.ok()) return written;
  return kOk;
}

Action Add(CLI::App& app) {
  const std::vector<std::string> formats = {"text", "json"};
  const auto options = std::make_shared<OutputOptions>();
  AddOutputOptions(app, *options, formats);
  return [options, formats](const Session& session) {
    return ShowStatus(session, *options, formats);
  };
}

}  // namespace

const Command kStatus = {
    "status",
    "the agent: what this kernel gives, what is kept, what it costs",
    "waitscope status\n"
    "waitscope status --endpoint web-17:9470 --tls-ca ca.pem --output json\n",
    Add,
};

}  // namespace waitscope::cli
