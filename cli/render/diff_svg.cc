#include <cmath>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/render/diff.h"
#include "cli/render/flame_layout.h"
#include "cli/render/number.h"
#include "cli/render/svg.h"

namespace waitscope::cli {
namespace {

constexpr double kNarrowest = 1e-5;
constexpr absl::string_view kCame = "#d62728";
constexpr absl::string_view kWent = "#1f6fb2";
constexpr char kBefore[] = "before";
constexpr char kAfter[] = "after";

void Append(const FoldedStacks& folded, const std::string& side,
            std::vector<WeightedStack>* stacks) {
  for (const auto& [path, ns] : folded) {
    WeightedStack stack;
    for (std::string& frame : std::vector<std::string>(absl::StrSplit(path, ';'))) {
      stack.frames.push_back({std::move(frame), FrameKind::kUser});
    }
    stack.wait_class = side;
    stack.ns = ns;
    stacks->push_back(std::move(stack));
  }
}

uint64_t NsOf(const FlameNode& node, const char* side) {
  const auto found = node.ns_by_class.find(side);
  return found == node.ns_by_class.end() ? 0 : found->second;
}

// -1: all of it went, 1: all of it came.
double Tilt(const FlameNode& node) {
  const auto before = static_cast<double>(NsOf(node, kBefore));
  const auto after = static_cast<double>(NsOf(node, kAfter));
  return before + after == 0 ? 0 : (after - before) / (after + before);
}

std::string Fill(const FlameNode& node) {
  const double tilt = Tilt(node);
  return Lightened(tilt > 0 ? kCame : kWent, 1 - 0.85 * std::abs(tilt) - 0.05);
}

std::string Details(const FlameNode& node) {
  const uint64_t before_ns = NsOf(node, kBefore);
  const uint64_t after_ns = NsOf(node, kAfter);
  const bool more = after_ns >= before_ns;
  return absl::StrCat(node.name, ": ", DurationText(before_ns), " -> ", DurationText(after_ns),
                      ", ", more ? "+" : "-",
                      DurationText(more ? after_ns - before_ns : before_ns - after_ns));
}

}  // namespace

std::string RenderDiffSvg(const DiffSide& before, const DiffSide& after) {
  std::vector<WeightedStack> stacks;
  Append(before.stacks, kBefore, &stacks);
  Append(after.stacks, kAfter, &stacks);
  const std::unique_ptr<FlameNode> root = MergeStacks(stacks, "all");
  const FlameLayout layout = LayOut(*root, kNarrowest);
  SvgPicture picture;
  picture.title =
      absl::StrCat(before.name, " -> ", after.name, ": ", DurationText(NsOf(*root, kBefore)),
                   " -> ", DurationText(NsOf(*root, kAfter)));
  picture.lines = {"width is the time of both together"};
  picture.legend = {{"came", std::string(kCame)}, {"went", std::string(kWent)}};
  picture.depth = layout.depth;
  for (const FlameBox& box : layout.boxes) {
    picture.boxes.push_back(
        {box.left, box.width, box.depth, box.node->name, Details(*box.node), Fill(*box.node)});
  }
  return RenderSvg(picture);
}

}  // namespace waitscope::cli
