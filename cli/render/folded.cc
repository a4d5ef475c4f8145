#include "cli/render/folded.h"

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/render/style.h"

namespace waitscope::cli {
namespace {

// ';' separates frames and a newline ends the line, so neither may be inside a name.
std::string PathPart(const NamedFrame& frame) {
  std::string part = Printable(frame.name);
  for (char& byte : part) {
    if (byte == ';') byte = ':';
  }
  if (frame.kind == FrameKind::kKernel) part += "_[k]";
  return part;
}

std::string Path(const WeightedStack& stack, bool class_frames) {
  std::string path;
  for (const NamedFrame& frame : stack.frames) {
    absl::StrAppend(&path, path.empty() ? "" : ";", PathPart(frame));
  }
  if (class_frames) absl::StrAppend(&path, ";[", stack.wait_class, "]");
  return path;
}

}  // namespace

FoldedStacks Fold(const std::vector<WeightedStack>& stacks, bool class_frames) {
  FoldedStacks folded;
  for (const WeightedStack& stack : stacks) folded[Path(stack, class_frames)] += stack.ns;
  return folded;
}

std::string RenderFolded(const v1::ProfileResponse& profile, const FoldedView& view) {
  std::string text;
  for (const auto& [path, ns] : Fold(WeightedStacks(profile, view.stacks), view.class_frames)) {
    absl::StrAppend(&text, path, " ", ns, "\n");
  }
  return text;
}

absl::StatusOr<FoldedStacks> ParseFolded(absl::string_view text) {
  FoldedStacks folded;
  int number = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    if (absl::StripAsciiWhitespace(line).empty()) continue;
    const size_t space = line.rfind(' ');
    uint64_t ns = 0;
    if (space == absl::string_view::npos || space == 0 ||
        !absl::SimpleAtoi(line.substr(space + 1), &ns)) {
      return absl::DataLossError(absl::StrCat(
          "line ", number, " is not \"frame;frame;frame nanoseconds\", so this is no folded file"));
    }
    folded[Printable(line.substr(0, space))] += ns;
  }
  return folded;
}

}  // namespace waitscope::cli
