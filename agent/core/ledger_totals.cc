#include "agent/core/ledger_totals.h"

#include <algorithm>
#include <numeric>

#include "agent/core/monotone.h"
#include "bpf/ledger.h"

namespace waitscope {
namespace {

using Times = std::array<int64_t, std::tuple_size_v<ToldTooMuch>>;

void AddOpenBlocked(const ledger_event& record, StateTotals& totals) {
  const ledger& ledger = record.totals;
  const uint64_t until_ns = BlockedUntilNs(record);
  totals.waits[ledger.wait_class].ns += SinceOrZero(ledger.since_ns, until_ns);
  totals.woken_ns += SinceOrZero(until_ns, record.at_ns);
}

void AddOpenState(const ledger_event& record, StateTotals& totals) {
  const uint64_t open_ns = SinceOrZero(record.totals.since_ns, record.at_ns);
  switch (record.totals.state) {
    case THREAD_running:
      totals.running_ns += open_ns;
      return;
    case THREAD_woken:
      totals.woken_ns += open_ns;
      return;
    case THREAD_preempted:
      totals.preempted_ns += open_ns;
      return;
    case THREAD_blocked:
      AddOpenBlocked(record, totals);
      return;
    default:
      return;
  }
}

Times TimesOf(const StateTotals& totals) {
  Times times{static_cast<int64_t>(totals.running_ns), static_cast<int64_t>(totals.woken_ns),
              static_cast<int64_t>(totals.preempted_ns)};
  for (size_t cls = 0; cls < WAIT_CLASS_COUNT; ++cls) {
    times[3 + cls] = static_cast<int64_t>(totals.waits[cls].ns);
  }
  return times;
}

void SetTimes(const Times& times, StateTotals& totals) {
  totals.running_ns = static_cast<uint64_t>(times[0]);
  totals.woken_ns = static_cast<uint64_t>(times[1]);
  totals.preempted_ns = static_cast<uint64_t>(times[2]);
  for (size_t cls = 0; cls < WAIT_CLASS_COUNT; ++cls) {
    totals.waits[cls].ns = static_cast<uint64_t>(times[3 + cls]);
  }
}

// No state below zero: the missing time is taken from the states that have most.
Times WithoutDebts(Times times) {
  int64_t debt = 0;
  for (int64_t& time : times) {
    debt += std::max<int64_t>(0, -time);
    time = std::max<int64_t>(0, time);
  }
  while (debt > 0) {
    int64_t& most = *std::ranges::max_element(times);
    const int64_t paid = std::min(debt, most);
    if (paid == 0) break;
    most -= paid;
    debt -= paid;
  }
  return times;
}

}  // namespace

uint64_t BlockedUntilNs(const ledger_event& record) {
  const uint64_t woken_ns = ledger_wake_time(&record.totals);
  if (woken_ns == 0) return record.at_ns;
  return std::min<uint64_t>(woken_ns, std::max<uint64_t>(record.totals.since_ns, record.at_ns));
}

StateTotals CountUpTo(const ledger_event& record) {
  const ledger& ledger = record.totals;
  StateTotals totals;
  totals.wall_ns = SinceOrZero(ledger.born_ns, record.at_ns);
  totals.running_ns = ledger.running_ns;
  totals.woken_ns = ledger.woken_ns;
  totals.preempted_ns = ledger.preempted_ns;
  totals.unsplit_ns = ledger.unsplit_ns;
  totals.switches_involuntary = ledger.preempted_count;
  for (size_t cls = 0; cls < WAIT_CLASS_COUNT; ++cls) {
    totals.waits[cls] = {ledger.blocked_ns[cls], ledger.blocked_count[cls]};
    totals.switches_voluntary += ledger.blocked_count[cls];
  }
  AddOpenState(record, totals);
  return totals;
}

StateTotals Difference(const StateTotals& earlier, const StateTotals& later, ToldTooMuch& told) {
  StateTotals window;
  window.wall_ns = SinceOrZero(earlier.wall_ns, later.wall_ns);
  window.unsplit_ns = SinceOrZero(earlier.unsplit_ns, later.unsplit_ns);
  window.switches_voluntary = SinceOrZero(earlier.switches_voluntary, later.switches_voluntary);
  window.switches_involuntary =
      SinceOrZero(earlier.switches_involuntary, later.switches_involuntary);
  for (size_t cls = 0; cls < WAIT_CLASS_COUNT; ++cls) {
    window.waits[cls].count = SinceOrZero(earlier.waits[cls].count, later.waits[cls].count);
  }

  const Times before = TimesOf(earlier);
  const Times after = TimesOf(later);
  Times due{};
  for (size_t state = 0; state < due.size(); ++state) {
    due[state] = after[state] - before[state] - told[state];
  }
  const Times shown = WithoutDebts(due);
  for (size_t state = 0; state < due.size(); ++state) told[state] = shown[state] - due[state];
  SetTimes(shown, window);
  return window;
}

}  // namespace waitscope
