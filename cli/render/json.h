// An answer as the proto's canonical JSON with original field names, zeros included.
#pragma once

#include <string>

#include "google/protobuf/message.h"

namespace waitscope::cli {

std::string RenderJson(const google::protobuf::Message& message);

}  // namespace waitscope::cli
