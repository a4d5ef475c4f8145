// A histogram as bars.
#pragma once

#include <string>

#include "cli/render/style.h"
#include "waitscope/v1/snapshot.pb.h"

namespace waitscope::cli {

// One line per power of two from the first to the last bucket; nothing when it is empty.
std::string HistogramText(const v1::Histogram& histogram, Hue hue, const TextStyle& style);

}  // namespace waitscope::cli
