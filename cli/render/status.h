// What the agent is, what the kernel lets it see, what it keeps and what it costs.
#pragma once

#include <string>

#include "cli/render/style.h"
#include "waitscope/v1/query.pb.h"

namespace waitscope::cli {

std::string RenderStatus(const v1::Status& status, const TextStyle& style);

}  // namespace waitscope::cli
