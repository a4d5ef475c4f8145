#include "cli/exit_code.h"

namespace waitscope::cli {

const absl::string_view kExitCodeHelp =
    "Exit codes:\n"
    "  0  done\n"
    "  1  failed for another reason than these\n"
    "  2  bad usage\n"
    "  3  no privilege to start a private agent\n"
    "  4  no agent: none there, unreachable, or lost on the way\n"
    "  5  nothing matched: no such process or thread\n"
    "  6  a file is not what it should be\n"
    " 10  diagnose found something wrong\n"
    "130  interrupted\n"
    "`waitscope run` exits with its command's code (126: cannot be executed, 127: not found,\n"
    "128 + n: killed by signal n).\n";

ExitCode ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kOk;
    case absl::StatusCode::kInvalidArgument:
      return kBadUsage;
    case absl::StatusCode::kPermissionDenied:
      return kNoPrivilege;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return kNoAgent;
    case absl::StatusCode::kNotFound:
      return kNothingMatched;
    case absl::StatusCode::kDataLoss:
      return kBadFile;
    case absl::StatusCode::kCancelled:
      return kInterrupted;
    default:
      return kFailure;
  }
}

}  // namespace waitscope::cli
