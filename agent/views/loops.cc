#include "agent/views/loops.h"

#include <algorithm>
#include <utility>

namespace waitscope {
namespace {

constexpr size_t kMostSites = 3;

// Exact but for polls, of which only samples tell the own one from others.
void SplitBlocked(LoopRow& row) {
  const StateTotals& totals = row.loop.thread->totals();
  for (size_t cls = 0; cls < WAIT_CLASS_COUNT; ++cls) {
    row.blocked_ns[cls] = static_cast<double>(totals.waits[cls].ns);
  }
  row.blocked_ns[WAIT_poll] = row.loop.nested_poll_ns;
}

void CountPolls(LoopRow& row) {
  const LoopWindow* counted = row.loop.thread->loop;
  row.counted = counted != nullptr;
  if (counted != nullptr) {
    row.polls = static_cast<double>(counted->polls);
    row.ready = static_cast<double>(counted->ready);
    row.poll_ns = static_cast<double>(counted->poll_ns);
    return;
  }
  for (const WaitSite& site : row.loop.thread->sites) {
    if (site.cls != WAIT_poll) continue;
    row.polls += site.count;
    row.poll_ns += site.ns;
  }
  row.poll_ns -= row.loop.nested_poll_ns;
}

void FindTurnInProgress(LoopRow& row) {
  const std::optional<OpenWait>& open = row.loop.thread->window->open_wait;
  if (row.loop.in_progress != nullptr && open) row.in_progress_ns = open->ns;
}

LoopRow RowOf(const ProcessView& process, Loop loop, bool serves_sockets) {
  LoopRow row{.process = &process, .loop = std::move(loop), .serves_sockets = serves_sockets};
  CountPolls(row);
  SplitBlocked(row);
  FindTurnInProgress(row);
  for (const WaitSite* site : row.loop.inside) {
    if (row.worst.size() < kMostSites) row.worst.push_back(AsSum(*site));
  }
  return row;
}

bool IsMoreStalled(const LoopRow& a, const LoopRow& b) {
  if (a.loop.stalled_ns != b.loop.stalled_ns) return a.loop.stalled_ns > b.loop.stalled_ns;
  if (a.serves_sockets != b.serves_sockets) return a.serves_sockets;
  return a.loop.running_ns + a.loop.blocked_ns > b.loop.running_ns + b.loop.blocked_ns;
}

}  // namespace

std::vector<LoopRow> LoopRows(const MachineView& machine, const IsAskedFor& is_asked_for) {
  std::vector<LoopRow> rows;
  for (const auto& [pid, process] : machine.processes()) {
    if (!is_asked_for(process)) continue;
    std::vector<Loop> loops = LoopsOf(machine, process);
    for (Loop& other : OtherPollersOf(machine, process, loops)) {
      rows.push_back(RowOf(process, std::move(other), false));
    }
    for (Loop& loop : loops) rows.push_back(RowOf(process, std::move(loop), true));
  }
  std::ranges::stable_sort(rows, IsMoreStalled);
  return rows;
}

}  // namespace waitscope
