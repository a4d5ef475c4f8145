// A .wslog file, answered from by a private agent that replays it.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "cli/session.h"

namespace waitscope::cli {

// Whether the file begins as recordings do.
bool LooksLikeRecording(const std::string& path);

absl::StatusOr<std::unique_ptr<PrivateAgent>> OpenRecording(const Session& session,
                                                            const std::string& path);

// The session in which views are about the recording.
Session ReplaySession(const Session& session, const PrivateAgent& agent);

}  // namespace waitscope::cli
