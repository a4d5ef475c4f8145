// A stack as one line: the frames that matter, leaf first.
#pragma once

#include <string>

#include "google/protobuf/repeated_field.h"

namespace waitscope::cli {

using FrameNames = google::protobuf::RepeatedPtrField<std::string>;

// "read <- recv <- handler  [12 frames folded]"; "[no stack]" without frames.
std::string FramesText(const FrameNames& frames, size_t most);

}  // namespace waitscope::cli
