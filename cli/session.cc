#include "cli/session.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "cli/console.h"
#include "cli/duration.h"
#include "cli/exit_code.h"

namespace waitscope::cli {
namespace {

constexpr absl::Duration kDefaultDuration = absl::Seconds(5);
constexpr absl::Duration kEverything = absl::Hours(24);  // the longest an agent takes
constexpr absl::string_view kPrivateWindow = "1s";

std::unique_ptr<Client> MakeClient(const Endpoint& endpoint, Interrupts* interrupts) {
  return std::make_unique<Client>(endpoint, [interrupts] { return !interrupts->Pending(); });
}

// There, but not for this user.
absl::Status MayNotOpen(const Endpoint& endpoint) {
  return absl::PermissionDeniedError(absl::StrCat("an agent's socket is at ", endpoint.address,
                                                  ", but this user has no permission to open it "
                                                  "(its owner's alone). Run as root: "
                                                  "sudo waitscope ..."));
}

bool IsOutOfReach(const Endpoint& endpoint) {
  if (!endpoint.IsUnix()) return false;
  const std::string path(absl::StripPrefix(endpoint.address, "unix:"));
  return access(path.c_str(), R_OK | W_OK) != 0 && errno == EACCES;
}

absl::Status NoHistory(const Endpoint& endpoint) {
  return absl::UnavailableError(absl::StrCat(
      "no agent at ", endpoint.address,
      ", and without one there is no history for --since. Use --duration to measure from now, or "
      "keep an agent running: sudo waitscoped &"));
}

absl::Status NoPrivilege(const Endpoint& endpoint, const std::string& missing) {
  return absl::PermissionDeniedError(absl::StrCat("no agent at ", endpoint.address,
                                                  " and no privilege to start one (missing ",
                                                  missing, "). Run as root: sudo waitscope ..."));
}

absl::Status NotAllowedIn(const Endpoint& endpoint, const absl::Status& status) {
  return absl::UnavailableError(absl::StrCat(
      status.message(), endpoint.IsUnix() ? ". Is waitscoped running, and may this user "
                                            "open its socket?"
                                          : ". Check address, firewall and --tls-* options"));
}

absl::StatusOr<Connection> StartPrivate(const Session& session, Endpoint endpoint) {
  const std::string missing = MissingCapabilities();
  if (!missing.empty()) return NoPrivilege(endpoint, missing);
  absl::StatusOr<std::unique_ptr<PrivateAgent>> agent = PrivateAgent::Start(
      AgentProgram(), {"--window", std::string(kPrivateWindow)}, session.interrupts);
  if (!agent.ok()) return agent.status();
  fprintf(stderr, "no agent at %s: started a private one for this command\n",
          endpoint.address.c_str());
  endpoint.address = (*agent)->endpoint();
  Connection connection{*std::move(agent), MakeClient(endpoint, session.interrupts)};
  const absl::StatusOr<v1::Status> status = connection.client->GetStatus();
  if (!status.ok()) {
    return absl::Status(status.status().code(), absl::StrCat(status.status().message(), ": ",
                                                             connection.agent->LastWords()));
  }
  return connection;
}

}  // namespace

absl::StatusOr<Connection> Connect(const Session& session, Needs needs) {
  const absl::StatusOr<Endpoint> endpoint = ResolveEndpoint(session.endpoint);
  if (!endpoint.ok()) return endpoint.status();
  Connection connection{nullptr, MakeClient(*endpoint, session.interrupts)};
  const absl::StatusOr<v1::Status> status = connection.client->GetStatus();
  if (status.ok()) return connection;
  if (!absl::IsUnavailable(status.status())) return status.status();
  if (IsOutOfReach(*endpoint)) return MayNotOpen(*endpoint);
  if (!endpoint->is_default) return NotAllowedIn(*endpoint, status.status());
  if (needs == Needs::kHistory) return NoHistory(*endpoint);
  return StartPrivate(session, *endpoint);
}

absl::StatusOr<v1::TimeRange> ToTimeRange(const Session& session, const TimeOptions& options) {
  v1::TimeRange range;
  if (!options.since.empty()) {
    const absl::StatusOr<absl::Duration> since = ParseDuration("--since", options.since);
    if (!since.ok()) return since.status();
    *range.mutable_since() = ToProto(*since);
    return range;
  }
  if (session.replaying) {
    if (!options.duration.empty()) {
      return absl::InvalidArgumentError(
          "a recording cannot be measured from now: leave --duration out for all of it");
    }
    *range.mutable_since() = ToProto(kEverything);
    return range;
  }
  absl::StatusOr<absl::Duration> duration = kDefaultDuration;
  if (!options.duration.empty()) duration = ParseDuration("--duration", options.duration);
  if (!duration.ok()) return duration.status();
  *range.mutable_duration() = ToProto(*duration);
  return range;
}

void ReportError(const Session& session, const absl::Status& status) {
  const TextStyle style = StyleOfErrors(session.color);
  fprintf(stderr, "%s %s\n", Paint(style, Hue::kCritical, "waitscope:").c_str(),
          std::string(status.message()).c_str());
}

}  // namespace waitscope::cli
