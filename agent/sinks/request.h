// What a request asks for, checked: the answer to a bad one says what to write instead.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "agent/core/target.h"
#include "agent/sinks/backend.h"
#include "waitscope/v1/query.pb.h"

namespace waitscope {

Target DecodeTarget(const v1::Target& target);
absl::StatusOr<TimeAsked> DecodeTime(const v1::TimeRange& range);
// `what` names the field: "duration", "interval". More than zero and at most a day.
absl::StatusOr<uint64_t> DecodeDuration(const google::protobuf::Duration& duration,
                                        const char* what);

// Answers for processes and threads that are nowhere: neither in `seen` nor (when asked of a live
// machine) in /proc. NotFound names the first of them.
absl::Status CheckExists(const Target& target, const Snapshot& seen, bool live);

}  // namespace waitscope
