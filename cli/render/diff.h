// What changed between two profiles.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "cli/render/folded.h"
#include "cli/render/style.h"

namespace waitscope::cli {

struct DiffSide {
  std::string name;
  FoldedStacks stacks;
  std::map<std::string, uint64_t> ns_by_class;  // empty when unknown, as for folded files
  uint64_t duration_ns = 0;                     // 0: unknown
  std::string host;                             // empty: unknown
  std::string lost;                             // a line, or nothing
};

// Makes the two comparable: times of the second as if it had taken as long as the first.
// Nothing happens when either duration is unknown.
void ScaleToFirst(const DiffSide& first, DiffSide* second);

std::string RenderDiffText(const DiffSide& before, const DiffSide& after, const TextStyle& style);

// "path before after" a line: what difffolded.pl writes and flamegraph.pl colours.
std::string RenderDiffFolded(const DiffSide& before, const DiffSide& after);

// Widths are the time of both together, so that what vanished is still there; red is time that
// came, blue is time that went.
std::string RenderDiffSvg(const DiffSide& before, const DiffSide& after);

}  // namespace waitscope::cli
