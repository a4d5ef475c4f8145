// An agent of one command's own: started when none is running, stopped with the command.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/interrupts.h"

namespace waitscope::cli {

class PrivateAgent {
 public:
  // Starts the program with these arguments besides those for its socket, and waits until it is
  // ready.
  static absl::StatusOr<std::unique_ptr<PrivateAgent>> Start(
      const std::string& program, const std::vector<std::string>& arguments,
      Interrupts* interrupts);

  PrivateAgent(const PrivateAgent&) = delete;
  PrivateAgent& operator=(const PrivateAgent&) = delete;
  // Ends the agent and removes its directory.
  ~PrivateAgent();

  std::string endpoint() const;
  // What the agent last said, for an error message; empty when it said nothing.
  std::string LastWords() const;

 private:
  explicit PrivateAgent(std::string directory) : directory_(std::move(directory)) {}

  std::string directory_;
  int log_fd_ = -1;
  pid_t pid_ = -1;
};

// waitscoped beside this program, else the one in PATH.
std::string AgentProgram();

// The capabilities without which no agent can run here: "CAP_BPF, CAP_PERFMON"; empty when this
// process has what it takes.
std::string MissingCapabilities();
// The same, of a CapEff line's value.
std::string MissingCapabilities(uint64_t effective);

}  // namespace waitscope::cli
