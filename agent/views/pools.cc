#include "agent/views/pools.h"

#include <algorithm>

#include "agent/diagnose/locks.h"
#include "agent/diagnose/pools.h"

namespace waitscope {
namespace {

constexpr size_t kMostSites = 5;
constexpr size_t kFewestThreads = 2;

bool IsDigit(char letter) { return letter >= '0' && letter <= '9'; }

// "pool-1-thread-12" is "pool-*-thread-*".
std::string PatternOf(const std::string& name) {
  std::string pattern;
  for (const char letter : name) {
    const bool again = IsDigit(letter) && !pattern.empty() && pattern.back() == '*';
    if (!again) pattern.push_back(IsDigit(letter) ? '*' : letter);
  }
  return pattern;
}

// One name is told as it is, several by what they share.
std::string NameOf(const Pool& pool) {
  const std::string& first = pool.members.front()->window->comm;
  const bool same = std::ranges::all_of(
      pool.members, [&](const ThreadView* member) { return member->window->comm == first; });
  return same ? first : PatternOf(first);
}

// Futex waits that look like idling, and are not: the interpreter's lock, and locks of other makes.
class HiddenLocks {
 public:
  HiddenLocks(const MachineView& machine, const ProcessView& process)
      : machine_(machine), locks_(WaitedForIn(machine, process)) {
    std::erase_if(locks_, [](const Lock& lock) { return !lock.interpreter && !IsHandedOn(lock); });
  }

  Nature NatureAt(const WaitSite& site) const {
    const bool hidden =
        site.nature == Nature::kPark &&
        std::ranges::any_of(locks_, [&](const Lock& lock) { return IsFor(machine_, lock, site); });
    return hidden ? Nature::kMutex : site.nature;
  }

 private:
  const MachineView& machine_;
  std::vector<Lock> locks_;
};

void CountThread(const ThreadWindow& thread, PoolRow& row) {
  row.threads += thread.exited ? 0 : 1;
  row.threads_begin += thread.born ? 0 : 1;
  row.created += thread.born ? 1 : 0;
  row.exited += thread.exited ? 1 : 0;
  row.wall_ns += static_cast<double>(thread.totals.wall_ns);
  row.running_ns += static_cast<double>(thread.totals.running_ns);
  row.runnable_ns += static_cast<double>(thread.totals.RunnableNs());
}

class Tally {
 public:
  Tally(const HiddenLocks& hidden, PoolRow& row) : hidden_(hidden), row_(row) {}

  void Add(const ThreadView& member) {
    double home_ns = 0;
    for (const WaitSite& site : member.sites) home_ns += Add(member, site);
    row_.home_ns += home_ns;
    longest_home_ns_ = std::max(longest_home_ns_, home_ns);
  }

  void Finish(double window_ns) {
    row_.nobody_home_min_ns = std::max(0.0, window_ns - row_.home_ns);
    row_.nobody_home_max_ns = std::max(0.0, window_ns - longest_home_ns_);
    const std::vector<SiteSum> homes = homes_.Sorted();
    if (!homes.empty()) row_.home = homes.front();
    row_.worst = worst_.Sorted();
    if (row_.worst.size() > kMostSites) row_.worst.resize(kMostSites);
  }

 private:
  // Returns its time at home.
  double Add(const ThreadView& member, const WaitSite& site) {
    const Nature nature = hidden_.NatureAt(site);
    const Place place = PlaceOf(nature);
    if (place == Place::kHome) {
      homes_.Add(member, site, nature);
      row_.open_home += site.open ? 1 : 0;
      return site.ns;
    }
    (place == Place::kTask ? row_.task_ns : row_.unclear_ns) += site.ns;
    row_.open_task += place == Place::kTask && site.open ? 1 : 0;
    row_.away[nature] += site.ns;
    worst_.Add(member, site, nature);
    return 0;
  }

  const HiddenLocks& hidden_;
  PoolRow& row_;
  double longest_home_ns_ = 0;
  SiteSums homes_{SiteSums::By::kCall};
  SiteSums worst_{SiteSums::By::kThing};
};

void FindCreator(const MachineView& machine, const Pool& pool, PoolRow& row) {
  std::map<ThreadKey, uint32_t> made;
  for (const ThreadView* member : pool.members) {
    const ThreadKey& creator = member->window->creator;
    if (creator.tid == 0 || ++made[creator] <= row.made_by_creator) continue;
    row.creator = creator;
    row.made_by_creator = made[creator];
  }
  if (row.made_by_creator == 0 || row.created == 0) return;
  const auto& creations = machine.snapshot().creations;
  uint64_t most = 0;
  for (auto at = creations.lower_bound({row.creator, 0, 0});
       at != creations.end() && at->first.creator == row.creator; ++at) {
    if (at->second <= most) continue;
    most = at->second;
    row.creator_kernel_stack = at->first.kernel_stack;
    row.creator_user_stack = at->first.user_stack;
  }
}

// A timetable is no trouble: sleeps count where somebody waits for an answer.
double TroubleOf(const PoolRow& row, double window_ns) {
  double harm_ns = row.task_ns;
  const auto sleep = row.away.find(Nature::kSleep);
  if (!row.serves_requests && sleep != row.away.end()) harm_ns -= sleep->second;
  return window_ns > 0 ? std::max(0.0, harm_ns) * row.nobody_home_min_ns / window_ns : 0;
}

PoolRow RowOf(const MachineView& machine, const ProcessView& process, const Pool& pool,
              const HiddenLocks& hidden) {
  PoolRow row;
  row.process = &process;
  row.name = NameOf(pool);
  row.serves_requests = ServesRequests(process);
  Tally tally(hidden, row);
  for (const ThreadView* member : pool.members) {
    CountThread(*member->window, row);
    tally.Add(*member);
  }
  tally.Finish(machine.WindowNs());
  FindCreator(machine, pool, row);
  row.trouble_ns = TroubleOf(row, machine.WindowNs());
  return row;
}

bool IsMoreTroubled(const PoolRow& a, const PoolRow& b) {
  if (a.trouble_ns != b.trouble_ns) return a.trouble_ns > b.trouble_ns;
  return a.task_ns + a.running_ns > b.task_ns + b.running_ns;
}

}  // namespace

std::vector<PoolRow> PoolRows(const MachineView& machine, const IsAskedFor& is_asked_for) {
  std::vector<PoolRow> rows;
  for (const auto& [pid, process] : machine.processes()) {
    if (!is_asked_for(process)) continue;
    const HiddenLocks hidden(machine, process);
    for (const Pool& pool : NamedAlikeIn(process)) {
      if (pool.members.size() < kFewestThreads) continue;
      rows.push_back(RowOf(machine, process, pool, hidden));
    }
  }
  std::ranges::stable_sort(rows, IsMoreTroubled);
  return rows;
}

}  // namespace waitscope
