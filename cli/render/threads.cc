#include "cli/render/threads.h"

#include <algorithm>
#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/render/findings.h"
#include "cli/render/number.h"
#include "cli/render/report.h"
#include "cli/render/table.h"
#include "cli/render/wait_text.h"
#include "cli/render/waits.h"

namespace waitscope::cli {
namespace {

constexpr size_t kMostOpenWaits = 5;
constexpr size_t kMostThreads = 30;
constexpr int kFewProcesses = 3;  // more than these share one table

struct Section {
  const v1::Process* process = nullptr;
  std::vector<const v1::Thread*> shown;
  std::map<absl::string_view, int> folded;
};

uint64_t TellingNs(const v1::Thread& thread) {
  return thread.running_ns() + thread.runnable_ns() + TellingWaitNs(thread.waits());
}

void SortMostTellingFirst(std::vector<const v1::Thread*>* threads) {
  std::stable_sort(threads->begin(), threads->end(), [](const auto* left, const auto* right) {
    return TellingNs(*left) > TellingNs(*right);
  });
}

void Place(const v1::Thread& thread, absl::string_view idle, Section* section) {
  if (idle.empty()) {
    section->shown.push_back(&thread);
  } else {
    ++section->folded[idle];
  }
}

Cell Share(uint64_t ns, uint64_t wall_ns, Hue hue) { return {PercentText(ns, wall_ns), hue}; }

std::vector<Cell> Row(const v1::Thread& thread, const std::string& name) {
  const WaitSums sums = SumWaits(thread.waits());
  const uint64_t wall_ns = thread.wall_ns();
  return {{absl::StrCat(thread.tid())},
          {absl::StrCat(name, thread.exited() ? " (exited)" : "")},
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
  std::string title =
      absl::StrFormat("%s  pid %d  %d thread%s", Printable(process.comm()), process.pid(),
                      process.threads(), process.threads() == 1 ? "" : "s");
  if (process.threads_exited() > 0) {
    absl::StrAppend(&title, " (", process.threads_exited(), " exited)");
  }
  const v1::Totals& totals = process.totals();
  const double residual = totals.wall_ns() == 0
                              ? 0.0
                              : 100.0 * std::abs(static_cast<double>(totals.residual_ns())) /
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

std::string ProcessText(const TextStyle& style, const Section& section) {
  std::string text;
  if (section.process != nullptr) text = Title(style, section) + "\n";
  if (!section.shown.empty()) {
    Table table = ThreadTable();
    for (const v1::Thread* thread : section.shown) table.Add(Row(*thread, thread->comm()));
    text += table.Render(style);
  }
  return text + FoldedLine(style, section.folded) + "\n";
}

std::string FewProcessesText(const v1::ThreadsResponse& response, bool all,
                             const TextStyle& style) {
  std::map<uint32_t, Section> by_pid;
  for (const v1::Process& process : response.processes()) by_pid[process.pid()].process = &process;
  for (const v1::Thread& thread : response.threads()) {
    Place(thread, all ? absl::string_view() : IdleReason(thread), &by_pid[thread.pid()]);
  }
  std::string text;
  for (auto& [pid, section] : by_pid) {
    SortMostTellingFirst(&section.shown);
    text += ProcessText(style, section);
  }
  return text;
}

// Among a whole machine's threads also those that did nothing telling are folded.
absl::string_view IdleReasonAmongMany(const v1::Thread& thread) {
  const absl::string_view reason = IdleReason(thread);
  if (!reason.empty()) return reason;
  if (thread.kernel_thread() && TellingNs(thread) < thread.wall_ns() / 100) return "of the kernel";
  return TellingNs(thread) == 0 ? "blocked without telling why" : "";
}

std::string NameAmongMany(const std::map<uint32_t, std::string>& processes,
                          const v1::Thread& thread) {
  const auto process = processes.find(thread.pid());
  if (process == processes.end() || process->second == thread.comm()) return thread.comm();
  return absl::StrCat(process->second, "/", thread.comm());
}

std::string ManyProcessesText(const v1::ThreadsResponse& response, bool all,
                              const TextStyle& style) {
  std::map<uint32_t, std::string> processes;
  for (const v1::Process& process : response.processes()) processes[process.pid()] = process.comm();
  Section section;
  for (const v1::Thread& thread : response.threads()) {
    Place(thread, all ? absl::string_view() : IdleReasonAmongMany(thread), &section);
  }
  SortMostTellingFirst(&section.shown);
  const size_t shown = all ? section.shown.size() : std::min(section.shown.size(), kMostThreads);
  Table table = ThreadTable();
  for (size_t i = 0; i < shown; ++i) {
    table.Add(Row(*section.shown[i], NameAmongMany(processes, *section.shown[i])));
  }
  std::string text = table.Render(style);
  if (section.shown.size() > shown) {
    text += Paint(style, Hue::kDim,
                  absl::StrCat(" and ", section.shown.size() - shown,
                               " threads that did less (--all lists them)\n"));
  }
  return text + FoldedLine(style, section.folded) + "\n";
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
  const bool reading = thread.open_wait().syscall() == "read";
  return thread.open_wait().class_() == "pipe" && reading ? "waiting for input" : "";
}

std::string RenderThreads(const v1::ThreadsResponse& response, const ThreadsView& view,
                          const TextStyle& style) {
  const bool many = response.processes_size() > kFewProcesses;
  std::string text = absl::StrCat(PlaceAndTime(response.header()), "\n\n");
  text += many ? ManyProcessesText(response, view.all, style)
               : FewProcessesText(response, view.all, style);
  text += OpenWaits(style, response, view.all);
  text += LastingFindings(response.findings(), response.header(), style);
  const std::string flame = absl::StrCat("waitscope flame", view.target_flag, " --kind off-cpu");
  return text + Closing(style, response.header(), NextCommand(response.findings(), flame));
}

}  // namespace waitscope::cli
