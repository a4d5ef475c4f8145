// Stacks merged into a tree, and the tree laid out as boxes.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "cli/render/stacks.h"

namespace waitscope::cli {

struct FlameNode {
  std::string name;
  FrameKind kind = FrameKind::kMark;
  uint64_t ns = 0;
  uint64_t count = 0;
  std::map<std::string, uint64_t> ns_by_class;
  std::map<std::string, std::unique_ptr<FlameNode>> children;  // by name, then kind

  // The class most of the time below here belongs to.
  absl::string_view MainClass() const;
};

// The root is named `root_name` and has all stacks below it.
std::unique_ptr<FlameNode> MergeStacks(const std::vector<WeightedStack>& stacks,
                                       std::string root_name);

struct FlameBox {
  const FlameNode* node = nullptr;
  double left = 0;   // 0..1 of the whole
  double width = 0;  // 0..1
  int depth = 0;     // 0 is the root
};

struct FlameLayout {
  std::vector<FlameBox> boxes;  // parents before children
  int depth = 0;                // of the deepest box
  uint64_t hidden = 0;          // nodes too narrow to see even when zoomed, with all below them
};

FlameLayout LayOut(const FlameNode& root, double narrowest);

}  // namespace waitscope::cli
