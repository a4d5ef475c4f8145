#include "cli/render/threads.h"

#include <algorithm>
#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/render/number.h"
#include "cli/render/report.h"
#include "cli/render/table.h"
#include "cli/render/wait_text.h"
#include "cli/render/waits.h"

namespace waitscope::cli {
namespace {

constexpr size_t kMostOpenWaits = 5;

struct Section {
  const v1::Process* process = nullptr;
  std::vector<const v1::Thread*> shown;
  std::map<absl::string_view, int> folded;
  uint64_t busy_ns = 0;
};

uint64_t NotIdleNs(const v1::Thread& thread) {
  WaitSums sums = SumWaits(thread.waits());
  const uint64_t idle_ns = sums.poll_ns + sums.sleep_ns;
  return thread.wall_ns() > idle_ns ? thread.wall_ns() - idle_ns : 0;
}

void Place(const v1::Thread& thread, bool all, Section* section) {
  const absl::string_view reason = all ? absl::string_view() : IdleReason(thread);
  if (!reason.empty()) {
    ++section->folded[reason];
    return;
  }
  section->shown.push_back(&thread);
  section->busy_ns += NotIdleNs(thread);
}

std::vector<Section> Sections(const v1::ThreadsResponse& response, bool all) {
  std::map<uint32_t, Section> by_pid;
  for (const v1::Process& process : response.processes()) by_pid[process.pid()].process = &process;
  for (const v1::Thread& thread : response.threads()) Place(thread, all, &by_pid[thread.pid()]);
  std::vector<Section> sections;
  for (auto& [pid, section] : by_pid) {
    std::stable_sort(
        section.shown.begin(), section.shown.end(),
        [](const auto* left, const auto* right) { return NotIdleNs(*left) > NotIdleNs(*right); });
    sections.push_back(std::move(section));
  }
  std::stable_sort(sections.begin(), sections.end(), [](const Section& left, const Section& right) {
    return left.busy_ns > right.busy_ns;
  });
  return sections;
}

Cell Share(uint64_t ns, uint64_t wall_ns, Hue hue) { return {PercentText(ns, wall_ns), hue}; }

std::vector<Cell> Row(const v1::Thread& thread) {
  const WaitSums sums = SumWaits(thread.waits());
  const uint64_t wall_ns = thread.wall_ns();
  const std::string name = absl::StrCat(thread.comm(), thread.exited() ? " (exited)" : "");
  return {{absl::StrCat(thread.tid())},
          {name},
          Share(thread.running_ns(), wall_ns, Hue::kRunning),
          Share(thread.runnable_ns(), wall_ns, Hue::kRunnable),
          Share(sums.disk_ns, wall_ns, Hue::kDisk),
          Share(sums.network_ns, wall_ns, Hue::kNetwork),
          Share(sums.lock_ns, wall_ns, Hue::kLock),
          Share(sums.sleep_ns, wall_ns, Hue::kSleep),
          Share(sums.poll_ns, wall_ns, Hue::kPoll),
          Share(sums.other_ns, wall_ns, Hue::kOther),
          {DurationText(thread.run_queue().p99_ns())}};
}

Table ThreadTable() {
  return Table({{"TID"},
                {"NAME", Align::kLeft, true},
                {"RUN"},
                {"RUNNABLE"},
                {"DISK"},
                {"NET"},
                {"LOCK"},
                {"SLEEP"},
                {"POLL"},
                {"OTHER"},
                {"RUNQ p99"}});
}

std::string Title(const TextStyle& style, const Section& section) {
  const v1::Process& process = *section.process;
  std::string title = absl::StrFormat("%s  pid %d  %d thread%s", Printable(process.comm()),
                                      process.pid(), process.threads(),
                                      process.threads() == 1 ? "" : "s");
  if (process.threads_exited() > 0) {
    absl::StrAppend(&title, " (", process.threads_exited(), " exited)");
  }
  const v1::Totals& totals = process.totals();
  const double residual =
      totals.wall_ns() == 0 ? 0.0 : 100.0 * std::abs(static_cast<double>(totals.residual_ns())) /
                                        static_cast<double>(totals.wall_ns());
  return Paint(style, Hue::kBold, title) + absl::StrFormat("  residual %.2f %%", residual);
}

std::string FoldedLine(const TextStyle& style, const std::map<absl::string_view, int>& folded) {
  int count = 0;
  std::vector<std::string> parts;
  for (const auto& [reason, threads] : folded) {
    count += threads;
    parts.push_back(absl::StrCat(threads, " ", reason));
  }
  if (count == 0) return "";
  const std::string line = absl::StrFormat(" idle: %d thread%s: %s (--all lists them)", count,
                                           count == 1 ? "" : "s", absl::StrJoin(parts, ", "));
  return Paint(style, Hue::kDim, Wrapped(style, line, 7)) + "\n";
}

std::string SectionText(const TextStyle& style, const Section& section) {
  std::string text;
  if (section.process != nullptr) text = Title(style, section) + "\n";
  if (!section.shown.empty()) {
    Table table = ThreadTable();
    for (const v1::Thread* thread : section.shown) table.Add(Row(*thread));
    text += table.Render(style);
  }
  return text + FoldedLine(style, section.folded);
}

// Of the machine's processes, those with nothing but idle threads are one line together.
std::string SectionsText(const TextStyle& style, const std::vector<Section>& sections) {
  std::string text;
  std::map<absl::string_view, int> folded;
  const bool only_one = sections.size() == 1;
  for (const Section& section : sections) {
    if (only_one || !section.shown.empty()) {
      text += SectionText(style, section) + "\n";
      continue;
    }
    for (const auto& [reason, threads] : section.folded) folded[reason] += threads;
  }
  const std::string rest = FoldedLine(style, folded);
  return rest.empty() ? text : absl::StrCat(text, "other processes\n", rest, "\n");
}

std::string OpenWaits(const TextStyle& style, const v1::ThreadsResponse& response, bool all) {
  std::vector<const v1::Thread*> waiting;
  for (const v1::Thread& thread : response.threads()) {
    if (thread.has_open_wait() && (all || IdleReason(thread).empty())) waiting.push_back(&thread);
  }
  std::stable_sort(waiting.begin(), waiting.end(), [](const auto* left, const auto* right) {
    return left->open_wait().ns() > right->open_wait().ns();
  });
  if (waiting.empty() || waiting.front()->open_wait().ns() < DurationNs(response.header()) / 2) {
    return "";
  }
  std::string text = "still waiting at the end, longest first\n";
  for (size_t i = 0; i < std::min(waiting.size(), kMostOpenWaits); ++i) {
    text += OpenWaitLine(style, *waiting[i]) + "\n";
  }
  return text + "\n";
}

}  // namespace

absl::string_view IdleReason(const v1::Thread& thread) {
  const uint64_t nearly_all_ns = thread.wall_ns() / 100 * 99;
  WaitSums sums = SumWaits(thread.waits());
  if (sums.poll_ns + sums.sleep_ns >= nearly_all_ns && thread.wall_ns() > 0) {
    return "in poll or sleep";
  }
  if (thread.kernel_thread() && thread.running_ns() == 0) return "of the kernel";
  if (!thread.has_open_wait() || thread.open_wait().ns() < thread.wall_ns()) return "";
  if (thread.open_wait().class_() == "lock") return "parked on a futex";
  if (thread.open_wait().class_() == "child") return "waiting for a child";
  return "";
}

std::string RenderThreads(const v1::ThreadsResponse& response, const ThreadsView& view,
                          const TextStyle& style) {
  const std::vector<Section> sections = Sections(response, view.all);
  std::string text = absl::StrCat(PlaceAndTime(response.header()), "\n\n");
  text += SectionsText(style, sections);
  text += OpenWaits(style, response, view.all);
  return text + Closing(style, response.header(),
                        absl::StrCat("waitscope flame", view.target_flag, " --kind off-cpu"));
}

}  // namespace waitscope::cli
