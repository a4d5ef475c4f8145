// Durations as people type them: 500ms, 10s, 2m, 1h30m.
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"

namespace waitscope::cli {

// Positive and at most a day, as agents take it. `option` names the flag in the message.
absl::StatusOr<absl::Duration> ParseDuration(absl::string_view option, absl::string_view text);

google::protobuf::Duration ToProto(absl::Duration duration);

}  // namespace waitscope::cli
