#include "cli/render/loops.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/render/number.h"
#include "cli/render/report.h"
#include "cli/render/site_text.h"
#include "cli/render/table.h"
#include "cli/render/unread.h"

namespace waitscope::cli {
namespace {

constexpr size_t kMostRows = 25;
constexpr int kMostDetailed = 3;

Table LoopTable() {
  return Table({{"TID"},
                {"LOOP", Align::kLeft, true},
                {"POLLS/s"},
                {"READY"},
                {"TURN p50"},
                {"p99"},
                {"MAX"},
                {"RUN"},
                {"RUNQ"},
                {"BLOCK"}});
}

Cell Turn(const v1::LoopTurns& loop, uint64_t ns) {
  return {loop.counted() ? DurationText(ns) : "?", loop.counted() ? Hue::kPlain : Hue::kDim};
}

void AddRow(const v1::LoopTurns& loop, uint64_t duration_ns, Table* table) {
  const std::string name = loop.thread().comm() == loop.process()
                               ? loop.process()
                               : absl::StrCat(loop.process(), "/", loop.thread().comm());
  table->Add({{absl::StrCat(loop.thread().tid())},
              {absl::StrCat(name, loop.serves_sockets() ? "" : " (polls)")},
              {absl::StrFormat("%.1f", loop.polls_per_s())},
              {loop.counted() ? absl::StrFormat("%.0f %%", 100 * loop.ready_share()) : "?"},
              Turn(loop, loop.turn().p50_ns()),
              Turn(loop, loop.turn().p99_ns()),
              Turn(loop, loop.turn().max_ns()),
              {PercentText(loop.running_ns(), duration_ns), Hue::kRunning},
              {PercentText(loop.runnable_ns(), duration_ns), Hue::kRunnable},
              {PercentText(loop.blocked_ns(), duration_ns), Hue::kOther}});
}

std::string StalledText(const v1::LoopTurns& loop, uint64_t duration_ns) {
  if (loop.long_turns() == 0) return "no turn of 100 ms or longer";
  return absl::StrCat(CountText(loop.long_turns()), loop.long_turns() == 1 ? " turn" : " turns",
                      " of 100 ms and longer, ", DurationText(loop.stalled_ns()), " of ",
                      DurationText(duration_ns),
                      loop.counted() ? "" : ", as far as sampled waits tell");
}

std::string OutsideText(const v1::LoopTurns& loop) {
  std::vector<std::string> parts = {absl::StrCat("running ", DurationText(loop.running_ns())),
                                    absl::StrCat("runnable ", DurationText(loop.runnable_ns()))};
  for (const v1::ClassTime& time : loop.blocked()) {
    parts.push_back(absl::StrCat(time.class_(), " ", DurationText(time.ns())));
  }
  return absl::StrJoin(parts, ", ");
}

bool IsTelling(const v1::LoopTurns& loop) {
  return loop.long_turns() > 0 || loop.in_progress_ns() > 0 || !loop.worst().empty() ||
         !loop.unread().empty();
}

std::string Detail(const v1::LoopTurns& loop, uint64_t duration_ns, const TextStyle& style) {
  std::string text = Paint(style, Hue::kBold,
                           absl::StrCat(Printable(loop.process()), " pid ", loop.thread().pid(),
                                        "  tid ", loop.thread().tid())) +
                     "\n";
  text += LabeledLine(style, "turns", StalledText(loop, duration_ns));
  text += LabeledLine(style, "outside", OutsideText(loop));
  for (int i = 0; i < loop.worst_size(); ++i) {
    text += LabeledLine(style, i == 0 ? "waits" : "", SiteText(loop.worst(i)));
  }
  text += UnreadLines(loop.unread(), style);
  if (loop.in_progress_ns() > 0) {
    text += LabeledLine(style, "now",
                        absl::StrCat("in a turn for at least ", DurationText(loop.in_progress_ns()),
                                     ": ", PlaceText(loop.in_progress())));
  }
  return text + "\n";
}

std::string Next(const v1::LoopsResponse& response, const LoopsView& view) {
  const bool stalled = !response.loops().empty() && response.loops(0).long_turns() > 0;
  if (stalled) return absl::StrCat("waitscope diagnose --pid ", response.loops(0).thread().pid());
  return absl::StrCat("waitscope syscalls", view.target_flags);
}

}  // namespace

std::string RenderLoops(const v1::LoopsResponse& response, const LoopsView& view,
                        const TextStyle& style) {
  const uint64_t duration_ns = DurationNs(response.header());
  Table table = LoopTable();
  std::string details;
  int detailed = 0;
  for (const v1::LoopTurns& loop : response.loops()) {
    const bool shown = loop.serves_sockets() || loop.long_turns() > 0 || view.all;
    if (!shown || (!view.all && table.size() == kMostRows)) continue;
    AddRow(loop, duration_ns, &table);
    if (IsTelling(loop) && detailed++ < kMostDetailed) details += Detail(loop, duration_ns, style);
  }
  std::string text = PlaceAndTime(response.header()) + "\n\n";
  text += table.empty() ? "no event loop seen\n\n" : table.Render(style) + "\n" + details;
  const size_t folded = static_cast<size_t>(response.loops_size()) - table.size();
  if (folded > 0) {
    text +=
        absl::StrCat(folded, folded == 1 ? " more thread that polls" : " more threads that poll",
                     " (--all lists them)\n\n");
  }
  return text + Closing(style, response.header(), Next(response, view));
}

}  // namespace waitscope::cli
