// What every view says of itself: over which time, on which machine, what was lost, what it cost.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "cli/render/style.h"
#include "waitscope/v1/snapshot.pb.h"

namespace waitscope::cli {

uint64_t DurationNs(const v1::Header& header);

// "web-17  6.1.0-56  4 cpus  over 10.0 s".
std::string PlaceAndTime(const v1::Header& header);
bool LostSomething(const v1::Header& header);
// "lost: nothing", or "LOST: 214 ring-full" in the colour of warnings.
std::string LossSummary(const TextStyle& style, const v1::Header& header);
// "own cost 0.3 % of one core, 61 MiB".
std::string CostSummary(const v1::Header& header);

// The last lines of a view: what losses mean, notes, cost, and the next command to run.
std::string Closing(const TextStyle& style, const v1::Header& header, absl::string_view next);

// `text` broken at spaces so that no line is longer than the style's width.
std::string Wrapped(const TextStyle& style, absl::string_view text, int indent);

}  // namespace waitscope::cli
