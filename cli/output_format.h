// Which format an output is written in: what --output says and what the file's name means.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/options.h"

namespace waitscope::cli {

// The format asked for, or the one the file's name means, or the first of `formats`. A name that
// means nothing, or something else than what was asked for, is an error.
absl::StatusOr<std::string> ChooseFormat(const OutputOptions& options,
                                         const std::vector<std::string>& formats);

// Refuses the names that promise another format than that of recordings.
absl::Status CheckRecordingName(const std::string& file);

}  // namespace waitscope::cli
