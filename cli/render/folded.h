// The folded format of flame graph tools: "root;..;leaf nanoseconds", one line per stack.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cli/render/stacks.h"

namespace waitscope::cli {

struct FoldedView {
  StackView stacks;
  bool class_frames = false;  // end each path in its wait class: "[lock]"
};

// Path to nanoseconds, sorted by path.
using FoldedStacks = std::map<std::string, uint64_t>;

FoldedStacks Fold(const std::vector<WeightedStack>& stacks, bool class_frames);
std::string RenderFolded(const v1::ProfileResponse& profile, const FoldedView& view);

// Reads what RenderFolded and other tools write. Refuses what is not such a file.
absl::StatusOr<FoldedStacks> ParseFolded(absl::string_view text);

}  // namespace waitscope::cli
