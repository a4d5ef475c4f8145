#include "cli/render/profile_text.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/render/number.h"
#include "cli/render/report.h"
#include "cli/render/stacks.h"
#include "cli/render/wait_text.h"

namespace waitscope::cli {
namespace {

constexpr size_t kMostStacks = 12;
constexpr size_t kMostFrames = 9;

struct Group {
  std::vector<NamedFrame> frames;  // root first
  std::string wait_class;
  std::string what;
  uint64_t ns = 0;
  uint64_t count = 0;
  uint64_t longest_ns = 0;
  size_t folded = 0;  // frames left out of the first of its stacks
  std::set<uint32_t> threads;
};

std::string NamesOf(const WeightedStack& stack) {
  std::string names;
  for (const NamedFrame& frame : stack.frames) absl::StrAppend(&names, frame.name, "\n");
  return names;
}

std::vector<Group> HeaviestFirst(const v1::ProfileResponse& profile, FrameChoice choice) {
  std::map<std::pair<std::string, std::string>, Group> groups;
  for (WeightedStack& stack : WeightedStacks(profile, {Prefix::kProcess, choice})) {
    const v1::Sample& sample = *stack.sample;
    const std::string what = WaitText(stack.wait_class, sample.object(), sample.syscall());
    Group& group = groups[{NamesOf(stack), what}];
    group.wait_class = stack.wait_class;
    group.what = what;
    group.frames = std::move(stack.frames);
    group.folded = stack.folded;
    group.ns += stack.ns;
    group.count += stack.count;
    group.longest_ns = std::max(group.longest_ns, sample.longest_ns());
    group.threads.insert(sample.thread());
  }
  std::vector<Group> sorted;
  sorted.reserve(groups.size());
  for (auto& [key, group] : groups) sorted.push_back(std::move(group));
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Group& left, const Group& right) { return left.ns > right.ns; });
  return sorted;
}

// A parent waits for what its child waits for, and kernel threads wait for work in a class of
// their own: neither is an answer.
bool IsIdle(const Group& group) {
  return group.wait_class == "poll" || group.wait_class == "sleep" || group.wait_class == "child" ||
         group.what == "other in kernel";
}

std::string TimesText(uint64_t count) {
  if (count == 0) return "still waiting";
  return absl::StrCat(CountText(count), count == 1 ? " time" : " times");
}

std::string StackText(const TextStyle& style, const Group& group) {
  std::string line = "     ";
  const size_t shown = std::min(group.frames.size() - 1, kMostFrames);
  for (size_t i = 0; i < shown; ++i) {
    const NamedFrame& frame = group.frames[group.frames.size() - 1 - i];
    absl::StrAppend(&line, i == 0 ? " " : " <- ", Printable(frame.name));
  }
  const size_t folded = group.folded + group.frames.size() - 1 - shown;
  if (folded > 0)
    absl::StrAppend(&line, "  [", folded, folded == 1 ? " frame" : " frames", " folded]");
  return Wrapped(style, line, 6);
}

std::string GroupText(const TextStyle& style, const Group& group, uint64_t total_ns) {
  std::string line =
      absl::StrFormat("%8s %7s  ", DurationText(group.ns), PercentText(group.ns, total_ns));
  line += Paint(style, HueOfClass(group.wait_class), Truncated(group.what, style.width - 20));
  const std::string longest =
      group.longest_ns == 0 ? "" : ", longest " + DurationText(group.longest_ns);
  return absl::StrCat(
      line, "\n", StackText(style, group), "\n",
      Paint(style, Hue::kDim,
            absl::StrFormat("      %s, %d thread%s, %s%s\n", Printable(group.frames.front().name),
                            group.threads.size(), group.threads.size() == 1 ? "" : "s",
                            TimesText(group.count), longest)));
}

std::string Title(const TextStyle& style, const v1::ProfileResponse& profile) {
  std::string title =
      Paint(style, Hue::kBold, absl::StrCat(profile.kind(), " ", DurationText(profile.total_ns())));
  if (profile.exact_total_ns() > 0) {
    absl::StrAppend(&title, " in stacks, of ", DurationText(profile.exact_total_ns()),
                    " measured exactly");
  }
  return title + "\n\n";
}

std::string IdleLine(const TextStyle& style, uint64_t idle_ns, uint64_t total_ns) {
  if (idle_ns == 0) return "";
  return Paint(style, Hue::kDim,
               absl::StrFormat("%8s %7s  idle: poll, sleep, waiting for children (--all lists)\n",
                               DurationText(idle_ns), PercentText(idle_ns, total_ns)));
}

std::string GroupsText(const TextStyle& style, const std::vector<Group>& groups, bool all,
                       uint64_t total_ns) {
  std::string text;
  size_t shown = 0;
  uint64_t idle_ns = 0;
  uint64_t rest_ns = 0;
  for (const Group& group : groups) {
    if (!all && IsIdle(group)) {
      idle_ns += group.ns;
    } else if (shown < kMostStacks) {
      text += GroupText(style, group, total_ns);
      ++shown;
    } else {
      rest_ns += group.ns;
    }
  }
  if (rest_ns > 0) {
    absl::StrAppendFormat(&text, "%8s %7s  in other stacks\n", DurationText(rest_ns),
                          PercentText(rest_ns, total_ns));
  }
  return text + IdleLine(style, idle_ns, total_ns);
}

}  // namespace

std::string RenderProfileText(const v1::ProfileResponse& profile, const ProfileTextView& view,
                              const TextStyle& style) {
  const FrameChoice choice = view.all_frames ? FrameChoice::kAll : FrameChoice::kTelling;
  const std::vector<Group> groups = HeaviestFirst(profile, choice);
  uint64_t total_ns = 0;
  for (const Group& group : groups) total_ns += group.ns;
  std::string text = PlaceAndTime(profile.header()) + "\n" + Title(style, profile);
  text += groups.empty() ? absl::StrCat("no ", profile.kind(), " time seen\n")
                         : GroupsText(style, groups, view.all, total_ns);
  return absl::StrCat(text, "\n",
                      Closing(style, profile.header(),
                              absl::StrCat("waitscope flame", view.target_flags, " --kind ",
                                           profile.kind(), " -o ", profile.kind(), ".svg")));
}

}  // namespace waitscope::cli
