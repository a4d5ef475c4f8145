#include "cli/render/frames.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/render/plumbing.h"

namespace waitscope::cli {

std::string FramesText(const FrameNames& frames, size_t most) {
  std::vector<std::string> kept;
  const bool has_source = std::any_of(frames.begin(), frames.end(), HasSource);
  for (const std::string& frame : frames) {
    const Plumbing part = PlumbingOf(frame);
    const bool tells = part == Plumbing::kNone || (part == Plumbing::kInterpreter && !has_source);
    if (tells && kept.size() < most) kept.push_back(frame);
  }
  if (kept.empty() && !frames.empty()) kept.push_back(frames[0]);
  if (kept.empty()) return "[no stack]";
  std::string text = absl::StrJoin(kept, " <- ");
  const size_t folded = static_cast<size_t>(frames.size()) - kept.size();
  if (folded > 0) {
    absl::StrAppend(&text, "  [", folded, folded == 1 ? " frame" : " frames", " folded]");
  }
  return text;
}

}  // namespace waitscope::cli
