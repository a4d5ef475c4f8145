#include "cli/render/top.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "cli/render/findings.h"
#include "cli/render/number.h"
#include "cli/render/report.h"
#include "cli/render/waits.h"

namespace waitscope::cli {
namespace {

constexpr uint32_t kKthreadd = 2;
constexpr absl::string_view kTitles[] = {"PID", "PROCESS", "THR",  "RUN",   "RUNQ", "DISK",
                                         "NET", "LOCK",    "POLL", "SLEEP", "OTHER"};

TopRow ToRow(const v1::Process& process) {
  const WaitSums sums = SumWaits(process.totals().waits());
  return {.pid = process.pid(),
          .name = process.comm(),
          .threads = process.threads(),
          .running_ns = process.totals().running_ns(),
          .runnable_ns = process.totals().runnable_ns(),
          .disk_ns = sums.disk_ns,
          .network_ns = sums.network_ns,
          .lock_ns = sums.lock_ns,
          .poll_ns = sums.poll_ns,
          .sleep_ns = sums.sleep_ns,
          .other_ns = sums.other_ns,
          .telling_ns = process.totals().running_ns() + process.totals().runnable_ns() +
                        TellingWaitNs(process.totals().waits())};
}

void Add(const TopRow& row, TopRow* sum) {
  sum->threads += row.threads;
  sum->running_ns += row.running_ns;
  sum->runnable_ns += row.runnable_ns;
  sum->disk_ns += row.disk_ns;
  sum->network_ns += row.network_ns;
  sum->lock_ns += row.lock_ns;
  sum->poll_ns += row.poll_ns;
  sum->sleep_ns += row.sleep_ns;
  sum->other_ns += row.other_ns;
  sum->telling_ns += row.telling_ns;
}

void AddFinding(const v1::ProcessesResponse& response, TopRow* row) {
  const v1::Finding* finding = WorstOf(response.findings(), row->pid);
  if (finding == nullptr) return;
  row->finding = {FindingText(*finding, response.header()), HueOfFinding(*finding)};
}

bool Contains(const std::string& text, const std::string& part) {
  return absl::StrContains(absl::AsciiStrToLower(text), absl::AsciiStrToLower(part));
}

bool Matches(const v1::Process& process, const std::string& filter) {
  return filter.empty() || Contains(process.comm(), filter) ||
         Contains(process.command(), filter) || absl::StrContains(process.container(), filter) ||
         absl::StrCat(process.pid()) == filter;
}

uint64_t SortKey(const TopRow& row, TopColumn column) {
  switch (column) {
    case TopColumn::kPid:
    case TopColumn::kName:
      return 0;
    case TopColumn::kThreads:
      return row.threads;
    case TopColumn::kRunning:
      return row.running_ns;
    case TopColumn::kRunnable:
      return row.runnable_ns;
    case TopColumn::kDisk:
      return row.disk_ns;
    case TopColumn::kNetwork:
      return row.network_ns;
    case TopColumn::kLock:
      return row.lock_ns;
    case TopColumn::kPoll:
      return row.poll_ns;
    case TopColumn::kSleep:
      return row.sleep_ns;
    case TopColumn::kOther:
      break;
  }
  return row.other_ns;
}

void Sort(const TopView& view, std::vector<TopRow>* rows) {
  const auto key = [&view](const TopRow& row) {
    return view.by_not_idle ? row.telling_ns : SortKey(row, view.sort);
  };
  std::stable_sort(rows->begin(), rows->end(), [&](const TopRow& left, const TopRow& right) {
    if (!view.by_not_idle && view.sort == TopColumn::kName && left.name != right.name) {
      return left.name < right.name;
    }
    if (key(left) != key(right)) return key(left) > key(right);
    return left.pid < right.pid;
  });
}

size_t CountTelling(const std::vector<TopRow>& rows) {
  const auto idle = std::find_if(rows.begin(), rows.end(), [](const TopRow& row) {
    return row.telling_ns == 0 && row.finding.text.empty();
  });
  return static_cast<size_t>(idle - rows.begin());
}

Table TopTable(const std::vector<TopRow>& rows, uint64_t duration_ns) {
  std::vector<Column> columns;
  for (const absl::string_view title : kTitles) columns.push_back({std::string(title)});
  columns[1].align = Align::kLeft;
  columns[1].gives_way = true;
  Table table(std::move(columns));
  const auto worth = [duration_ns](uint64_t ns, Hue hue) {
    return Cell{ThreadsWorthText(ns, duration_ns), hue};
  };
  for (const TopRow& row : rows) {
    table.Add({{absl::StrCat(row.pid)},
               {row.name},
               {absl::StrCat(row.threads)},
               worth(row.running_ns, Hue::kRunning),
               worth(row.runnable_ns, Hue::kRunnable),
               worth(row.disk_ns, Hue::kDisk),
               worth(row.network_ns, Hue::kNetwork),
               worth(row.lock_ns, Hue::kLock),
               worth(row.poll_ns, Hue::kPoll),
               worth(row.sleep_ns, Hue::kPoll),
               worth(row.other_ns, Hue::kPoll)});
  }
  return table;
}

std::string TableText(const std::vector<TopRow>& rows, uint64_t duration_ns,
                      const TextStyle& style) {
  std::string text;
  for (const TopLine& line : TopLines(rows, duration_ns, style.width)) {
    for (const Cell& piece : line.line) text += Paint(style, piece.hue, piece.text);
    text += "\n";
  }
  return text;
}

}  // namespace

absl::string_view TopColumnTitle(TopColumn column) { return kTitles[static_cast<size_t>(column)]; }

std::vector<TopRow> TopRows(const v1::ProcessesResponse& response, const TopView& view) {
  std::vector<TopRow> rows;
  TopRow kernel{.pid = kKthreadd, .name = "[kernel threads]"};
  for (const v1::Process& process : response.processes()) {
    if (!Matches(process, view.filter)) continue;
    if (process.kernel_thread() && !view.kernel_threads) {
      Add(ToRow(process), &kernel);
    } else {
      rows.push_back(ToRow(process));
      AddFinding(response, &rows.back());
    }
  }
  if (kernel.threads > 0) rows.push_back(std::move(kernel));
  Sort(view, &rows);
  return rows;
}

std::vector<TopLine> TopLines(const std::vector<TopRow>& rows, uint64_t duration_ns, int width) {
  const std::vector<Line> table = TopTable(rows, duration_ns).Lines(width);
  std::vector<TopLine> lines = {{table[0], 0, true}};
  for (size_t row = 0; row < rows.size(); ++row) {
    lines.push_back({table[row + 1], row});
    const Cell& finding = rows[row].finding;
    if (finding.text.empty()) continue;
    const std::string text = Truncated(absl::StrCat("      ", finding.text), width);
    lines.push_back({{{text, finding.hue}}, row});
  }
  return lines;
}

std::string TopHeadline(const v1::ProcessesResponse& response, const TextStyle& style) {
  const v1::Header& header = response.header();
  uint64_t running_ns = 0;
  uint64_t runnable_ns = 0;
  for (const v1::Process& process : response.processes()) {
    running_ns += process.totals().running_ns();
    runnable_ns += process.totals().runnable_ns();
  }
  const uint64_t cores_ns = DurationNs(header) * header.cpus();
  const std::string busy = PercentText(running_ns, cores_ns);
  return absl::StrFormat(
      "%s\n%d cpus %s busy  %s runnable  %s  %s\n",
      Truncated(absl::StrFormat("waitscope %s  %s  %s  over %s", Printable(header.agent_version()),
                                Printable(header.host()), Printable(header.kernel()),
                                StretchText(DurationNs(header))),
                style.width),
      header.cpus(), busy == "-" ? "0 %" : busy, ThreadsWorthText(runnable_ns, DurationNs(header)),
      LossSummary(style, header), CostSummary(header));
}

std::string RenderTop(const v1::ProcessesResponse& response, const TopView& view,
                      const TextStyle& style, size_t most_rows) {
  std::vector<TopRow> rows = TopRows(response, view);
  const size_t all = rows.size();
  rows.resize(std::min(most_rows, CountTelling(rows)));
  std::string text;
  for (const absl::string_view line : absl::StrSplit(TopHeadline(response, style), '\n')) {
    text += Wrapped(style, line, 2) + "\n";
  }
  text += TableText(rows, DurationNs(response.header()), style);
  if (all > rows.size()) {
    text +=
        Paint(style, Hue::kDim,
              absl::StrCat(" and ", all - rows.size(), " processes that did less or nothing\n"));
  }
  text += Paint(style, Hue::kDim, " (threads' worth of time: 2.0 is two threads all the time)\n");
  const std::string pid = rows.empty() ? "PID" : absl::StrCat(rows.front().pid);
  return absl::StrCat(text, "\n",
                      Closing(style, response.header(),
                              NextCommand(response.findings(), "waitscope threads --pid " + pid)));
}

}  // namespace waitscope::cli
