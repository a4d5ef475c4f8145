// A command run as a child, with its terminal, its signals and its exit code.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/interrupts.h"

namespace waitscope::cli {

class ChildProcess {
 public:
  // Returns when the command runs, or cannot: see exec_error().
  static absl::StatusOr<ChildProcess> Start(const std::vector<std::string>& command);

  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;
  // Waits for a child nobody waited for.
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess();

  pid_t pid() const { return pid_; }
  // The errno of its exec; 0 when the command runs.
  int exec_error() const { return exec_error_; }

  // Waits for the end, handing signals on. The exit code, or 128 + the signal's number.
  int Wait(Interrupts* interrupts);

 private:
  ChildProcess(pid_t pid, int exec_error) : pid_(pid), exec_error_(exec_error) {}

  pid_t pid_;
  int exec_error_;
};

}  // namespace waitscope::cli
