#include "cli/render/flame_layout.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace waitscope::cli {
namespace {

void Charge(const WeightedStack& stack, FlameNode* node) {
  node->ns += stack.ns;
  node->count += stack.count;
  node->ns_by_class[stack.wait_class] += stack.ns;
}

FlameNode* ChildOf(FlameNode* parent, const NamedFrame& frame) {
  std::unique_ptr<FlameNode>& child =
      parent->children[absl::StrCat(frame.name, "\n", static_cast<int>(frame.kind))];
  if (child == nullptr) {
    child = std::make_unique<FlameNode>();
    child->name = frame.name;
    child->kind = frame.kind;
  }
  return child.get();
}

uint64_t CountNodes(const FlameNode& node) {
  uint64_t count = 1;
  for (const auto& [key, child] : node.children) count += CountNodes(*child);
  return count;
}

void Place(const FlameNode& node, double left, double per_ns, int depth, double narrowest,
           FlameLayout* layout) {
  const double width = static_cast<double>(node.ns) * per_ns;
  if (width < narrowest) {
    layout->hidden += CountNodes(node);
    return;
  }
  layout->boxes.push_back({&node, left, width, depth});
  layout->depth = std::max(layout->depth, depth);
  for (const auto& [key, child] : node.children) {
    Place(*child, left, per_ns, depth + 1, narrowest, layout);
    left += static_cast<double>(child->ns) * per_ns;
  }
}

}  // namespace

absl::string_view FlameNode::MainClass() const {
  const auto most = std::max_element(
      ns_by_class.begin(), ns_by_class.end(),
      [](const auto& left, const auto& right) { return left.second < right.second; });
  return most == ns_by_class.end() ? absl::string_view() : most->first;
}

std::unique_ptr<FlameNode> MergeStacks(const std::vector<WeightedStack>& stacks,
                                       std::string root_name) {
  auto root = std::make_unique<FlameNode>();
  root->name = std::move(root_name);
  for (const WeightedStack& stack : stacks) {
    FlameNode* node = root.get();
    Charge(stack, node);
    for (const NamedFrame& frame : stack.frames) {
      node = ChildOf(node, frame);
      Charge(stack, node);
    }
  }
  return root;
}

FlameLayout LayOut(const FlameNode& root, double narrowest) {
  FlameLayout layout;
  if (root.ns == 0) return layout;
  Place(root, 0, 1.0 / static_cast<double>(root.ns), 0, narrowest, &layout);
  return layout;
}

}  // namespace waitscope::cli
