#include "cli/render/run.h"

#include <algorithm>
#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/render/number.h"
#include "cli/render/report.h"
#include "cli/render/wait_text.h"

namespace waitscope::cli {
namespace {

struct Share {
  std::string name;
  uint64_t ns = 0;
  Hue hue = Hue::kPlain;
};

struct Sums {
  uint64_t wall_ns = 0;
  uint64_t running_ns = 0;
  uint64_t runnable_ns = 0;
  std::map<std::string, uint64_t> waits;
};

Sums SumThreads(const v1::ThreadsResponse& response) {
  Sums sums;
  for (const v1::Thread& thread : response.threads()) {
    sums.wall_ns += thread.wall_ns();
    sums.running_ns += thread.running_ns();
    sums.runnable_ns += thread.runnable_ns();
    for (const v1::Wait& wait : thread.waits()) sums.waits[wait.class_()] += wait.ns();
  }
  return sums;
}

std::vector<Share> Shares(const Sums& sums) {
  std::vector<Share> waits;
  for (const auto& [name, ns] : sums.waits) {
    if (ns > 0) waits.push_back({name, ns, HueOfClass(name)});
  }
  std::stable_sort(waits.begin(), waits.end(),
                   [](const Share& left, const Share& right) { return left.ns > right.ns; });
  std::vector<Share> shares = {{"running", sums.running_ns, Hue::kRunning},
                               {"runnable", sums.runnable_ns, Hue::kRunnable}};
  shares.insert(shares.end(), waits.begin(), waits.end());
  return shares;
}

std::string SharesText(const Sums& sums, const TextStyle& style) {
  std::string text = " ";
  int column = 1;
  for (const Share& share : Shares(sums)) {
    const std::string words = absl::StrFormat(" %s %s (%s)", share.name, DurationText(share.ns),
                                              PercentText(share.ns, sums.wall_ns));
    const int width = DisplayWidth(words) + 2;
    if (column > 1 && column + width > style.width) {
      text += "\n ";
      column = 1;
    }
    if (column > 1) text += "  ";
    text += Paint(style, share.hue, words);
    column += width;
  }
  return text + "\n";
}

// A parent that waits for its children waits for what they wait for: never the answer itself.
bool IsTelling(const v1::Sample& sample) {
  return sample.class_() != "child" && sample.class_() != "poll" && sample.longest_ns() > 0;
}

std::string LongestWait(const v1::ProfileResponse& profile, const TextStyle& style) {
  const v1::Sample* longest = nullptr;
  for (const v1::Sample& sample : profile.samples()) {
    if (!IsTelling(sample)) continue;
    if (longest == nullptr || sample.longest_ns() > longest->longest_ns()) longest = &sample;
  }
  if (longest == nullptr) return "";
  const bool known = longest->thread() < static_cast<uint32_t>(profile.threads_size());
  const std::string who =
      known ? Printable(profile.threads(static_cast<int>(longest->thread())).comm()) : "a thread";
  std::string text =
      absl::StrCat("  longest wait: ", who, ", ", DurationText(longest->longest_ns()), " ",
                   WaitText(longest->class_(), longest->object(), longest->syscall()));
  if (!longest->device().empty()) absl::StrAppend(&text, " on ", longest->device());
  return Wrapped(style, text, 4) + "\n";
}

}  // namespace

std::string RenderRun(const RunReport& report, const TextStyle& style) {
  const Sums sums = SumThreads(report.threads);
  const double at_once =
      report.wall_ns == 0 ? 0.0
                          : static_cast<double>(sums.wall_ns) / static_cast<double>(report.wall_ns);
  std::string text = Paint(style, Hue::kBold,
                           Truncated(Printable(report.command), std::max(10, style.width - 48)));
  absl::StrAppendFormat(&text, ": %s wall, %.1f threads at once on average\n",
                        StretchText(report.wall_ns), at_once);
  text += SharesText(sums, style) + LongestWait(report.profile, style);
  return text + "  " +
         Closing(style, report.threads.header(),
                 "waitscope run --kind off-cpu -o waits.svg -- " + Printable(report.command));
}

}  // namespace waitscope::cli
