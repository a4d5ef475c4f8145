#include "cli/render/pools.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/render/frames.h"
#include "cli/render/number.h"
#include "cli/render/report.h"
#include "cli/render/site_text.h"
#include "cli/render/table.h"
#include "cli/render/unread.h"

namespace waitscope::cli {
namespace {

constexpr size_t kMostRows = 20;
constexpr int kMostDetailed = 3;
constexpr int kMostSites = 2;
constexpr size_t kMostFrames = 4;

// Nothing to tell: its members were at home nearly all the time.
bool IsIdle(const v1::Pool& pool) {
  const bool still = pool.created() == 0 && pool.exited() == 0;
  return still && pool.home_ns() >= pool.wall_ns() / 100 * 95;
}

std::string Bounds(uint64_t least_ns, uint64_t most_ns, uint64_t whole_ns) {
  const std::string least = PercentText(least_ns, whole_ns);
  const std::string most = PercentText(most_ns, whole_ns);
  return least == most ? least : absl::StrCat(least_ns == 0 ? "0 %" : least, " - ", most);
}

Table PoolTable() {
  return Table({{"PID"},
                {"PROCESS", Align::kLeft, true},
                {"POOL", Align::kLeft, true},
                {"THR"},
                {"NEW"},
                {"HOME"},
                {"TASK"},
                {"OTHER"},
                {"RUN"},
                {"NOBODY HOME"}});
}

void AddRow(const v1::Pool& pool, uint64_t duration_ns, Table* table) {
  const auto share = [&pool](uint64_t ns) { return PercentText(ns, pool.wall_ns()); };
  table->Add({{absl::StrCat(pool.pid())},
              {pool.comm()},
              {pool.name()},
              {CountText(pool.threads())},
              {pool.created() == 0 ? "-" : CountText(pool.created())},
              {share(pool.home_ns()), Hue::kPoll},
              {share(pool.task_ns()), pool.trouble_ns() > 0 ? Hue::kWarning : Hue::kPlain},
              {share(pool.unclear_ns()), Hue::kOther},
              {share(pool.running_ns() + pool.runnable_ns()), Hue::kRunning},
              {Bounds(pool.nobody_home_min_ns(), pool.nobody_home_max_ns(), duration_ns)}});
}

std::string AwayText(const v1::Pool& pool) {
  std::vector<std::string> parts;
  for (const v1::NatureTime& time : pool.away()) {
    parts.push_back(absl::StrCat(PercentText(time.ns(), pool.wall_ns()), " ", time.nature()));
  }
  const auto add = [&](uint64_t ns, absl::string_view what) {
    if (ns > 0) parts.push_back(absl::StrCat(PercentText(ns, pool.wall_ns()), " ", what));
  };
  add(pool.running_ns(), "running");
  add(pool.runnable_ns(), "runnable");
  return absl::StrJoin(parts, ", ");
}

std::string ThreadsText(const v1::Pool& pool) {
  return absl::StrCat(pool.threads(), " now, ", pool.threads_begin(), " at the begin, ",
                      pool.created(), " created, ", pool.exited(), " exited; at the end ",
                      pool.open_home(), " wait at home, ", pool.open_task(), " in tasks");
}

std::string CreatorText(const v1::Pool& pool) {
  if (!pool.has_creator()) return "unknown: its threads are older than the agent";
  const v1::PoolCreator& creator = pool.creator();
  const std::string where = creator.frames().empty()
                                ? ""
                                : absl::StrCat(", at ", FramesText(creator.frames(), kMostFrames));
  return absl::StrCat(creator.thread().comm(), " ", creator.thread().tid(), " made ",
                      creator.threads(), where);
}

std::string HomeText(const v1::Pool& pool) {
  return pool.has_home() ? SiteText(pool.home()) : "nobody was idle, so it is not known";
}

std::string Detail(const v1::Pool& pool, const TextStyle& style) {
  std::string text = Paint(style, Hue::kBold,
                           absl::StrCat(Printable(pool.comm()), " pid ", pool.pid(), "  ",
                                        Printable(pool.name()))) +
                     (pool.serves_requests() ? "  serves requests\n" : "\n");
  text += LabeledLine(style, "threads", ThreadsText(pool));
  text += LabeledLine(style, "made by", CreatorText(pool));
  text += LabeledLine(style, "home", HomeText(pool));
  text += LabeledLine(style, "away", AwayText(pool));
  for (int i = 0; i < pool.worst_size() && i < kMostSites; ++i) {
    text += LabeledLine(style, i == 0 ? "worst" : "", SiteText(pool.worst(i)));
  }
  text += UnreadLines(pool.unread(), style);
  return text + "\n";
}

std::string Next(const v1::PoolsResponse& response, const PoolsView& view) {
  const bool trouble = !response.pools().empty() && response.pools(0).trouble_ns() > 0;
  if (trouble) return absl::StrCat("waitscope diagnose --pid ", response.pools(0).pid());
  return absl::StrCat("waitscope threads", view.target_flags);
}

}  // namespace

std::string RenderPools(const v1::PoolsResponse& response, const PoolsView& view,
                        const TextStyle& style) {
  const uint64_t duration_ns = DurationNs(response.header());
  Table table = PoolTable();
  std::string details;
  int detailed = 0;
  for (const v1::Pool& pool : response.pools()) {
    if ((!view.all && IsIdle(pool)) || (!view.all && table.size() == kMostRows)) continue;
    AddRow(pool, duration_ns, &table);
    if (detailed++ < kMostDetailed) details += Detail(pool, style);
  }
  std::string text = PlaceAndTime(response.header()) + "\n\n";
  text += table.empty() ? "" : table.Render(style) + "\n" + details;
  const size_t folded = static_cast<size_t>(response.pools_size()) - table.size();
  if (response.pools().empty()) text += "no process has two threads of one name\n\n";
  if (folded > 0) {
    text += absl::StrCat(folded, folded == 1 ? " pool" : " pools", " at home or of less trouble",
                         " (--all lists them)\n\n");
  }
  return text + Closing(style, response.header(), Next(response, view));
}

}  // namespace waitscope::cli
