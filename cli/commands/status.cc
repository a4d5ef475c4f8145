#include "cli/render/status.h"

#include "absl/time/clock.h"
#include "cli/commands/commands.h"
#include "cli/view.h"

namespace waitscope::cli {
namespace {

// An agent just started knows its machine from its first window on.
absl::StatusOr<v1::Status> AskOnceItHasMeasured(const Session& session, Client& client) {
  const absl::Time limit = absl::Now() + absl::Seconds(3);
  while (true) {
    absl::StatusOr<v1::Status> status = client.GetStatus();
    const bool measured = status.ok() && status->header().cpus() > 0;
    if (!status.ok() || measured || absl::Now() > limit || session.interrupts->Pending()) {
      return status;
    }
    absl::SleepFor(absl::Milliseconds(100));
  }
}

absl::StatusOr<int> ShowStatus(const Session& session, const OutputOptions& options,
                               const std::vector<std::string>& formats) {
  const absl::StatusOr<OutputPlan> plan = PlanOutput(session, options, formats);
  if (!plan.ok()) return plan.status();
  absl::StatusOr<Connection> connection = Connect(session, Needs::kAnyAgent);
  if (!connection.ok()) return connection.status();
  const absl::StatusOr<v1::Status> status = AskOnceItHasMeasured(session, *connection->client);
  if (!status.ok()) return status.status();
  const std::string text =
      plan->format == "json" ? RenderJson(*status) : RenderStatus(*status, plan->style);
  if (absl::Status written = WriteOutput(options.file, text); !written.ok()) return written;
  return kOk;
}

Action Add(CLI::App& app) {
  const std::vector<std::string> formats = {"text", "json"};
  const auto options = std::make_shared<OutputOptions>();
  AddOutputOptions(app, *options, formats);
  return
      [options, formats](const Session& session) { return ShowStatus(session, *options, formats); };
}

}  // namespace

const Command kStatus = {
    "status",
    "the agent: what this kernel gives, what is kept, what it costs",
    "Times and sizes carry their unit. JSON: nanoseconds (_ns), bytes.\n",
    "waitscope status\n"
    "waitscope status --endpoint web-17:9470 --tls-ca ca.pem --output json\n",
    Add,
};

}  // namespace waitscope::cli
