// What the exit code of every command means.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace waitscope::cli {

enum ExitCode : int {
  kOk = 0,
  kFailure = 1,
  kBadUsage = 2,
  kNoPrivilege = 3,
  kNoAgent = 4,         // none there, unreachable, or lost on the way
  kNothingMatched = 5,  // no such process or thread
  kBadFile = 6,
  kFindings = 10,  // diagnose found something to act on
  kInterrupted = 130,
};

// Errors carry their exit code in the status code they were made with.
ExitCode ExitCodeOf(const absl::Status& status);

// For --help.
extern const absl::string_view kExitCodeHelp;

}  // namespace waitscope::cli
