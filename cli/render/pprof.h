// A profile in pprof's format, gzipped, with the waits' facts as labels.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "waitscope/v1/query.pb.h"

namespace waitscope::cli {

absl::StatusOr<std::string> RenderPprof(const v1::ProfileResponse& profile);

}  // namespace waitscope::cli
