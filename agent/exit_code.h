// How the program ends. Documented in --help and the manual page; scripts rely on it.
#pragma once

#include "absl/status/status.h"

namespace waitscope {

enum class ExitCode {
  kOk = 0,
  kFailure = 1,
  kUsage = 2,
  kNoPrivilege = 3,
  kKernel = 4,
  kInUse = 5,
};

// What a failure to start means to whoever started us.
inline ExitCode ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return ExitCode::kOk;
    case absl::StatusCode::kInvalidArgument:
      return ExitCode::kUsage;
    case absl::StatusCode::kPermissionDenied:
      return ExitCode::kNoPrivilege;
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kUnimplemented:
      return ExitCode::kKernel;
    case absl::StatusCode::kAlreadyExists:
      return ExitCode::kInUse;
    default:
      return ExitCode::kFailure;
  }
}

}  // namespace waitscope
