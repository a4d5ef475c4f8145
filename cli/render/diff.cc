#include "cli/render/diff.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "cli/render/number.h"
#include "cli/render/report.h"
#include "cli/render/table.h"

namespace waitscope::cli {
namespace {

constexpr size_t kMostStacks = 15;
constexpr size_t kMostFrames = 7;

struct Change {
  std::string path;
  uint64_t before_ns = 0;
  uint64_t after_ns = 0;

  uint64_t size() const {
    return after_ns > before_ns ? after_ns - before_ns : before_ns - after_ns;
  }
};

std::vector<Change> Changes(const std::map<std::string, uint64_t>& before,
                            const std::map<std::string, uint64_t>& after) {
  std::map<std::string, Change> by_path;
  for (const auto& [path, ns] : before) by_path[path].before_ns = ns;
  for (const auto& [path, ns] : after) by_path[path].after_ns = ns;
  std::vector<Change> changes;
  for (auto& [path, change] : by_path) {
    change.path = path;
    changes.push_back(std::move(change));
  }
  return changes;
}

std::vector<Change> LargestFirst(std::vector<Change> changes) {
  std::stable_sort(changes.begin(), changes.end(), [](const Change& left, const Change& right) {
    return left.size() > right.size();
  });
  return changes;
}

Cell ChangeCell(const Change& change) {
  if (change.size() == 0) return {"same", Hue::kDim};
  const bool more = change.after_ns > change.before_ns;
  return {absl::StrCat(more ? "+" : "-", DurationText(change.size())),
          more ? Hue::kCritical : Hue::kDisk};
}

std::string RatioText(const Change& change) {
  if (change.before_ns == 0) return "new";
  if (change.after_ns == 0) return "gone";
  const double ratio = static_cast<double>(change.after_ns) / static_cast<double>(change.before_ns);
  return absl::StrFormat("%+.0f %%", 100 * (ratio - 1));
}

uint64_t Sum(const std::map<std::string, uint64_t>& weights) {
  uint64_t sum = 0;
  for (const auto& [name, ns] : weights) sum += ns;
  return sum;
}

std::string ClassTable(const DiffSide& before, const DiffSide& after, const TextStyle& style) {
  if (before.ns_by_class.empty() || after.ns_by_class.empty()) return "";
  Table table({{"CLASS", Align::kLeft}, {"BEFORE"}, {"AFTER"}, {"CHANGE"}, {""}});
  for (const Change& change : LargestFirst(Changes(before.ns_by_class, after.ns_by_class))) {
    table.Add({{change.path, HueOfClass(change.path)},
               {DurationText(change.before_ns)},
               {DurationText(change.after_ns)},
               ChangeCell(change),
               {RatioText(change)}});
  }
  return table.empty() ? "" : table.Render(style) + "\n";
}

// Leaf first, since that is where the time was spent.
std::string StackText(absl::string_view path) {
  const std::vector<std::string> frames = absl::StrSplit(path, ';');
  std::string text;
  const size_t shown = std::min(frames.size(), kMostFrames);
  for (size_t i = 0; i < shown; ++i) {
    absl::StrAppend(&text, i == 0 ? "" : " <- ", frames[frames.size() - 1 - i]);
  }
  if (frames.size() > shown) absl::StrAppend(&text, " <- .. <- ", frames.front());
  return text;
}

std::string StackTable(const DiffSide& before, const DiffSide& after, const TextStyle& style) {
  Table table({{"BEFORE"}, {"AFTER"}, {"CHANGE"}, {""}, {"STACK", Align::kLeft, true}});
  size_t unchanged = 0;
  size_t more = 0;
  for (const Change& change : LargestFirst(Changes(before.stacks, after.stacks))) {
    if (change.size() == 0) {
      ++unchanged;
    } else if (table.size() == kMostStacks) {
      ++more;
    } else {
      table.Add({{DurationText(change.before_ns)},
                 {DurationText(change.after_ns)},
                 ChangeCell(change),
                 {RatioText(change)},
                 {StackText(change.path)}});
    }
  }
  std::string text = table.empty() ? "no stack changed\n" : table.Render(style);
  if (more > 0) absl::StrAppend(&text, " and ", more, " stacks that changed less\n");
  if (unchanged > 0) absl::StrAppend(&text, " and ", unchanged, " unchanged\n");
  return text;
}

std::string ScaleText(const DiffSide& before, const DiffSide& after) {
  if (before.duration_ns == after.duration_ns) return "";
  if (before.duration_ns == 0 || after.duration_ns == 0) {
    return "how long one of them took is not known: times are compared as they are\n";
  }
  return absl::StrCat("took ", StretchText(before.duration_ns), " and ",
                      StretchText(after.duration_ns), "; times after are scaled to ",
                      StretchText(before.duration_ns), "\n");
}

// What makes the two hard to compare.
std::string Caveats(const DiffSide& before, const DiffSide& after, const TextStyle& style) {
  std::string text = ScaleText(before, after);
  if (!before.host.empty() && !after.host.empty() && before.host != after.host) {
    absl::StrAppend(&text, "of two machines: ", Printable(before.host), " and ",
                    Printable(after.host), "\n");
  }
  for (const DiffSide* side : {&before, &after}) {
    if (side->lost.empty()) continue;
    const std::string line = absl::StrCat(Printable(side->name), ": ", side->lost);
    text += Paint(style, Hue::kWarning, Wrapped(style, line, 2)) + "\n";
  }
  return text;
}

}  // namespace

void ScaleToFirst(const DiffSide& first, DiffSide* second) {
  if (first.duration_ns == 0 || second->duration_ns == 0) return;
  const double factor =
      static_cast<double>(first.duration_ns) / static_cast<double>(second->duration_ns);
  const auto scale = [factor](std::map<std::string, uint64_t>* weights) {
    for (auto& [name, ns] : *weights) {
      ns = static_cast<uint64_t>(std::llround(static_cast<double>(ns) * factor));
    }
  };
  scale(&second->stacks);
  scale(&second->ns_by_class);
}

std::string RenderDiffText(const DiffSide& before, const DiffSide& after, const TextStyle& style) {
  const Change total{"", Sum(before.stacks), Sum(after.stacks)};
  const std::string text = absl::StrCat(
      Printable(before.name), " -> ", Printable(after.name), ": ", DurationText(total.before_ns),
      " -> ", DurationText(total.after_ns), " (", RatioText(total), ")\n");
  return absl::StrCat(text, Caveats(before, after, style), "\n", ClassTable(before, after, style),
                      StackTable(before, after, style));
}

std::string RenderDiffFolded(const DiffSide& before, const DiffSide& after) {
  std::string text;
  for (const Change& change : Changes(before.stacks, after.stacks)) {
    absl::StrAppend(&text, change.path, " ", change.before_ns, " ", change.after_ns, "\n");
  }
  return text;
}

}  // namespace waitscope::cli
