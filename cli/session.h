// One run of the command: where its agent is, how it prints, and that it can be interrupted.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "cli/client.h"
#include "cli/interrupts.h"
#include "cli/options.h"
#include "cli/private_agent.h"

namespace waitscope::cli {

// An agent to ask, and the private agent behind it if one was needed.
struct Connection {
  std::unique_ptr<PrivateAgent> agent;
  std::unique_ptr<Client> client;
};

struct Session {
  EndpointOptions endpoint;
  std::string color = "auto";
  Interrupts* interrupts = nullptr;
  // Set inside `waitscope replay`: views ask about all of the recording.
  bool replaying = false;
};

enum class Needs : uint8_t { kAnyAgent, kHistory };

// Reaches the agent; starts a private one when none is at the default endpoint and privilege
// allows, and says so on standard error.
absl::StatusOr<Connection> Connect(const Session& session, Needs needs);

// The range the options ask for: five seconds from now, or a replay's whole recording, by default.
absl::StatusOr<v1::TimeRange> ToTimeRange(const Session& session, const TimeOptions& options);

// Reports an error on standard error, in the form all commands use.
void ReportError(const Session& session, const absl::Status& status);

}  // namespace waitscope::cli
