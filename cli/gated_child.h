// A command held at a gate before its first instruction, so that measuring can begin first.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/interrupts.h"

namespace waitscope::cli {

class GatedChild {
 public:
  static absl::StatusOr<GatedChild> Start(const std::vector<std::string>& command);

  GatedChild(GatedChild&& other) noexcept;
  GatedChild& operator=(GatedChild&&) = delete;
  // A child still at the gate is ended.
  ~GatedChild();

  pid_t pid() const { return pid_; }

  // Opens the gate. 0 when the command runs, else the errno of its exec.
  int Release();

  // Waits for the end, handing signals on. The exit code, or 128 + the signal's number.
  int Wait(Interrupts* interrupts);

 private:
  GatedChild(pid_t pid, int gate_fd, int exec_error_fd)
      : pid_(pid), gate_fd_(gate_fd), exec_error_fd_(exec_error_fd) {}

  pid_t pid_;
  int gate_fd_;
  int exec_error_fd_;
};

}  // namespace waitscope::cli
