#include "cli/render/locks.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/render/frames.h"
#include "cli/render/number.h"
#include "cli/render/report.h"
#include "cli/render/site_text.h"
#include "cli/render/table.h"

namespace waitscope::cli {
namespace {

constexpr size_t kMostRows = 25;
constexpr int kMostDetailed = 3;
constexpr int kMostSites = 2;
constexpr size_t kMostFrames = 4;

std::string KindText(const v1::Lock& lock) {
  return lock.kind() == "interpreter" ? "GIL" : lock.kind();
}

Table LockTable() {
  return Table({{"PID"},
                {"PROCESS", Align::kLeft, true},
                {"LOCK", Align::kLeft, true},
                {"KIND", Align::kLeft},
                {"THR"},
                {"WAITS"},
                {"TOTAL"},
                {"p99"},
                {"MAX"}});
}

void AddRow(const v1::Lock& lock, Table* table) {
  const Hue hue = lock.kind() == "park" ? Hue::kPoll : Hue::kLock;
  table->Add({{absl::StrCat(lock.pid())},
              {lock.comm()},
              {lock.name()},
              {KindText(lock), hue},
              {CountText(lock.waiters())},
              {CountText(lock.waits())},
              {DurationText(lock.wait_ns()), hue},
              {lock.p99_ns() == 0 ? "?" : DurationText(lock.p99_ns())},
              {DurationText(lock.max_ns())}});
}

// Of a lock of the kernel.
std::string KernelHolderText(const v1::LockHolder& holder) {
  return absl::StrCat(holder.thread().comm(), " ", holder.thread().tid(), " (owned it when ",
                      CountText(holder.seen()), " of ", CountText(holder.looks()),
                      " waits began); others waited behind it for ",
                      DurationText(holder.waited_behind_ns()));
}

std::string HolderText(const v1::Lock& lock, uint64_t duration_ns) {
  const v1::LockHolder& holder = lock.holder();
  if (holder.known_by().empty() && lock.has_kernel()) {
    return "unknown: readers, or nobody watched";
  }
  if (holder.known_by().empty()) {
    return "unknown: no owner stands in its word, and no waking of a waiter was seen";
  }
  if (holder.waited_behind_ns() > 0) return KernelHolderText(holder);
  const std::string how =
      holder.known_by() == "owner word"
          ? absl::StrCat("owner in ", holder.seen(), " of ", holder.looks(), " looks at its word")
          : absl::StrCat("busiest of its wakers, ended ", CountText(holder.seen()), " of ",
                         CountText(holder.looks()), " waits");
  return absl::StrCat(holder.thread().comm(), " ", holder.thread().tid(), " (", how,
                      "); held it for at most ", DurationText(holder.held_at_most_ns()), " of ",
                      DurationText(duration_ns));
}

std::string KernelLockText(const v1::KernelLock& lock) {
  std::string text = lock.kind();
  if (lock.address() != 0) absl::StrAppend(&text, absl::StrFormat(" at 0x%x", lock.address()));
  if (!lock.taken_in().empty()) absl::StrAppend(&text, ", taken in ", lock.taken_in());
  return text;
}

std::string Detail(const v1::Lock& lock, uint64_t duration_ns, const TextStyle& style) {
  std::string text = Paint(style, Hue::kBold,
                           absl::StrCat(Printable(lock.comm()), " pid ", lock.pid(), "  ",
                                        KindText(lock), " ", Printable(lock.name()))) +
                     "\n";
  text +=
      LabeledLine(style, "waiters",
                  absl::StrCat("most time at ", FramesText(lock.where().frames(), kMostFrames)));
  if (lock.has_kernel()) text += LabeledLine(style, "lock", KernelLockText(lock.kernel()));
  text += LabeledLine(style, "holder", HolderText(lock, duration_ns));
  const v1::LockHolder& holder = lock.holder();
  for (int i = 0; i < holder.waits_size() && i < kMostSites; ++i) {
    text += LabeledLine(style, i == 0 ? "meanwhile" : "", SiteText(holder.waits(i)));
  }
  if (holder.running_ns() > 0 && !holder.run_frames().empty()) {
    text += LabeledLine(style, holder.waits().empty() ? "meanwhile" : "",
                        absl::StrCat("ran for ", DurationText(holder.running_ns()), ", at ",
                                     FramesText(holder.run_frames(), kMostFrames)));
  }
  return text + "\n";
}

std::string Next(const v1::LocksResponse& response, const LocksView& view) {
  const bool some = !response.locks().empty() && response.locks(0).kind() != "park";
  if (!some) return absl::StrCat("waitscope threads", view.target_flags);
  return absl::StrCat("waitscope flame --pid ", response.locks(0).pid(), " --kind lock");
}

}  // namespace

std::string RenderLocks(const v1::LocksResponse& response, const LocksView& view,
                        const TextStyle& style) {
  const uint64_t duration_ns = DurationNs(response.header());
  Table table = LockTable();
  std::string details;
  int detailed = 0;
  for (const v1::Lock& lock : response.locks()) {
    const bool shown = view.all || (lock.kind() != "park" && table.size() < kMostRows);
    if (!shown) continue;
    AddRow(lock, &table);
    const bool telling = lock.kind() != "park";
    if (telling && detailed++ < kMostDetailed) details += Detail(lock, duration_ns, style);
  }
  std::string text = PlaceAndTime(response.header()) + "\n\n";
  text += table.empty() ? "no lock was waited for\n\n" : table.Render(style) + "\n" + details;
  const size_t folded = static_cast<size_t>(response.locks_size()) - table.size();
  if (folded > 0) {
    text += absl::StrCat(folded,
                         folded == 1 ? " word that threads park at" : " words that threads park at",
                         ", or less waited for (--all lists them)\n\n");
  }
  return text + Closing(style, response.header(), Next(response, view));
}

}  // namespace waitscope::cli
