#include "cli/render/flame_svg.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/render/flame_layout.h"
#include "cli/render/number.h"
#include "cli/render/report.h"
#include "cli/render/style.h"
#include "cli/render/svg.h"

namespace waitscope::cli {
namespace {

// A fiftieth of a pixel on a wide screen: what is narrower shows at no useful zoom.
constexpr double kNarrowest = 1e-5;
constexpr size_t kMostClasses = 9;  // that fit one line beside each other

using Shares = std::vector<std::pair<uint64_t, std::string>>;

Shares LargestFirst(const FlameNode& node) {
  Shares shares;
  for (const auto& [name, ns] : node.ns_by_class) shares.push_back({ns, name});
  std::stable_sort(shares.begin(), shares.end(),
                   [](const auto& left, const auto& right) { return left.first > right.first; });
  return shares;
}

std::string Details(const FlameNode& node, uint64_t total_ns) {
  std::string text =
      absl::StrCat(node.name, node.kind == FrameKind::kKernel ? " [kernel]" : "", ": ",
                   DurationText(node.ns), ", ", PercentText(node.ns, total_ns), ", ",
                   CountText(node.count), node.count == 1 ? " time" : " times");
  absl::string_view separator = "; ";
  for (const auto& [ns, name] : LargestFirst(node)) {
    absl::StrAppend(&text, separator, name, " ", PercentText(ns, node.ns));
    separator = ", ";
  }
  return text;
}

// Kernel frames in the full colour, the program's own lighter, what is not a frame lightest.
std::string Fill(const FlameNode& node) {
  const absl::string_view color = SvgColor(HueOfClass(node.MainClass()));
  switch (node.kind) {
    case FrameKind::kKernel:
      return std::string(color);
    case FrameKind::kUser:
      return Lightened(color, 0.28);
    default:
      return Lightened(color, 0.55);
  }
}

std::vector<std::string> Lines(const v1::ProfileResponse& profile, const FlameLayout& layout) {
  const v1::Header& header = profile.header();
  std::vector<std::string> lines = {
      PlaceAndTime(header), absl::StrCat(LossSummary({}, header), "   ", CostSummary(header))};
  if (profile.exact_total_ns() > 0) {
    lines.push_back(absl::StrFormat("%s in stacks of %s measured exactly",
                                    DurationText(profile.total_ns()),
                                    DurationText(profile.exact_total_ns())));
  }
  if (layout.hidden > 0) {
    lines.push_back(absl::StrCat(CountText(layout.hidden), " frames too narrow to draw"));
  }
  return lines;
}

}  // namespace

std::string RenderFlameSvg(const v1::ProfileResponse& profile, const StackView& view) {
  const std::unique_ptr<FlameNode> root =
      MergeStacks(WeightedStacks(profile, view), absl::StrCat("all ", profile.kind()));
  const FlameLayout layout = LayOut(*root, kNarrowest);
  SvgPicture picture;
  picture.title = absl::StrCat(profile.kind(), " time: ", DurationText(root->ns));
  picture.lines = Lines(profile, layout);
  picture.depth = layout.depth;
  for (const auto& [ns, name] : LargestFirst(*root)) {
    if (ns < root->ns / 1000 || picture.legend.size() == kMostClasses) break;
    picture.legend.push_back({absl::StrCat(name, " ", PercentText(ns, root->ns)),
                              std::string(SvgColor(HueOfClass(name)))});
  }
  for (const FlameBox& box : layout.boxes) {
    const std::string suffix = box.node->kind == FrameKind::kKernel ? "_[k]" : "";
    picture.boxes.push_back({box.left, box.width, box.depth, box.node->name + suffix,
                             Details(*box.node, root->ns), Fill(*box.node)});
  }
  return RenderSvg(picture);
}

}  // namespace waitscope::cli
