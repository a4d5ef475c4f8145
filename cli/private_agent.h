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
  // Starts waitscoped with these arguments besides those for its socket, and waits until it is
  // ready. Its program is looked for beside this one, then in PATH.
  static absl::StatusOr<std::unique_ptr<PrivateAgent>> Start(
      const std::vector<std::string>& arguments, Interrupts* interrupts);

  PrivateAgent(const PrivateAgent&) = delete;
  PrivateAgent& operator=(const PrivateAgent&) = delete;
  // Ends the agent and removes its directory.
  ~PrivateAgent();

  std::string endpoint() const;
  // What the agent last said, for an error message; empty when it said nothing.
  std::string LastWords() const;

 private:
  PrivateAgent(std::string directory, pid_t pid) : directory_(std::move(directory)), pid_(pid) {}

  std::string directory_;
  pid_t pid_;
};

// The capabilities without which no agent can run here: "CAP_BPF, CAP_PERFMON"; empty when this
// process has what it takes.
std::string MissingCapabilities();
// The same, of a CapEff line's value.
std::string MissingCapabilities(uint64_t effective);

}  // namespace waitscope::cli
