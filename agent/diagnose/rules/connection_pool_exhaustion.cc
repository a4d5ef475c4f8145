// Do threads queue for connections that other threads of theirs are using?
//
// Signature: threads of one pool each spend time on one backend and wait, woken by each other, for
// something in between; about a whole number P of them is on the backend at any time (the
// pool's size), and at least one more waits. Thresholds: waits of 20 ms or longer, one thread's
// worth of them, 95 % ended by threads that use the backend. False positives: idle workers (woken
// by who hands out work, which does not use the backend), one lock around a connection (a mutex:
// lock-contention).
#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "agent/diagnose/draft.h"
#include "agent/diagnose/executors.h"
#include "agent/diagnose/lines.h"
#include "agent/diagnose/pools.h"
#include "agent/diagnose/rules.h"
#include "agent/diagnose/text.h"

namespace waitscope {
namespace {

constexpr double kShortestWaitNs = 20e6;
constexpr double kWaitersWorth = 1.0;
constexpr double kWokenByUsers = 0.95;
constexpr double kWholeNumber = 0.25;
constexpr double kFewestWaits = 4;
constexpr double kFewestHolders = 1.5;
constexpr double kHeldForBackend = 0.7;

bool IsLongPark(const WaitSite& site) {
  return site.nature == Nature::kPark && site.MeanNs() >= kShortestWaitNs && site.count > 0;
}

struct Borrowing {
  double queue_ns = 0;
  double queue_waits = 0;
  double backend_ns = 0;
  std::map<std::string, double> peers;
  std::set<uint32_t> users;
  const WaitSite* queue_site = nullptr;
  const WaitSite* backend_site = nullptr;
};

void CountBackends(const Pool& pool, Borrowing& borrowing) {
  for (const ThreadView* thread : pool.members) {
    for (const WaitSite& site : thread->sites) {
      if (site.nature != Nature::kBackend) continue;
      borrowing.backend_ns += site.ns;
      borrowing.peers[PeerText(*site.object)] += site.ns;
      borrowing.users.insert(thread->key().tid);
      if (borrowing.backend_site == nullptr || site.ns > borrowing.backend_site->ns) {
        borrowing.backend_site = &site;
      }
    }
  }
}

// Waits of a pool's threads at one place of its code.
struct Queue {
  double ns = 0;
  double waits = 0;
  double woken = 0;
  double woken_by_users = 0;
  const WaitSite* longest = nullptr;
};

void Count(const WaitSite& site, const std::set<uint32_t>& users, Queue& queue) {
  queue.ns += site.ns;
  queue.waits += site.count;
  for (const auto& [waker, count] : site.wakers) {
    queue.woken += count;
    queue.woken_by_users += users.contains(waker.tid) ? count : 0;
  }
  if (queue.longest == nullptr || site.ns > queue.longest->ns) queue.longest = &site;
}

std::map<StackId, Queue> QueuesOf(const MachineView& machine, const Pool& pool,
                                  const std::set<uint32_t>& users) {
  std::map<StackId, Queue> queues;
  for (const ThreadView* thread : pool.members) {
    for (const WaitSite& site : thread->sites) {
      const bool queued = IsLongPark(site) && !WaitsForTasks(machine, site.user_stack);
      if (queued) Count(site, users, queues[site.user_stack]);
    }
  }
  return queues;
}

// Where others than the users end waits, too, threads wait for work.
void CountQueues(const MachineView& machine, const Pool& pool, Borrowing& borrowing) {
  for (const auto& [place, queue] : QueuesOf(machine, pool, borrowing.users)) {
    if (queue.woken == 0 || queue.woken_by_users < kWokenByUsers * queue.woken) continue;
    borrowing.queue_ns += queue.ns;
    borrowing.queue_waits += queue.waits;
    const WaitSite*& longest = borrowing.queue_site;
    if (longest == nullptr || queue.longest->ns > longest->ns) longest = queue.longest;
  }
}

bool IsExhausted(const MachineView& machine, const Pool& pool, const Borrowing& borrowing) {
  const double connections = borrowing.backend_ns / machine.WindowNs();
  const double whole = std::max(1.0, std::round(connections));
  return borrowing.queue_ns >= kWaitersWorth * machine.WindowNs() &&
         borrowing.queue_waits >= kFewestWaits && borrowing.users.size() >= 2 &&
         std::abs(connections - whole) <= kWholeNumber * whole &&
         whole < static_cast<double>(pool.members.size());
}

// Beside a pool that idles now and then, only who lets whom in tells the two waits apart.
Borrowing BorrowingOf(const Line& line, const Pool& pool) {
  Borrowing borrowing{.queue_ns = line.WaitNs(),
                      .queue_waits = static_cast<double>(line.handovers.size()),
                      .queue_site = line.Site()};
  CountBackends(pool, borrowing);
  return borrowing;
}

// Several at a time, and what they do with it is to wait for the backend.
bool IsForConnections(const Line& line, const Borrowing& borrowing) {
  return line.Holders() >= kFewestHolders && line.MeanWaitNs() >= kShortestWaitNs &&
         borrowing.users.size() >= 2 && borrowing.queue_site != nullptr &&
         borrowing.backend_ns >= kHeldForBackend * line.HeldNs();
}

Finding Tell(const MachineView& machine, const ProcessView& process, const Pool& pool,
             const Borrowing& borrowing) {
  const auto peer =
      std::ranges::max_element(borrowing.peers, {}, [](const auto& row) { return row.second; });
  const double connections = std::max(1.0, std::round(borrowing.backend_ns / machine.WindowNs()));
  Finding finding = Draft(machine, process, "connection-pool-exhaustion", peer->first);
  finding.severity = Severity::kCritical;
  finding.confidence = 0.85;
  NameThreads(finding, pool.members);
  const double wall_ns = machine.WindowNs() * static_cast<double>(pool.members.size());
  finding.impact = {static_cast<uint64_t>(borrowing.queue_ns),
                    std::min(1.0, borrowing.queue_ns / wall_ns)};
  finding.summary =
      absl::StrCat("threads of ", NameOf(process), " waited ",
                   TimeText(borrowing.queue_ns / borrowing.queue_waits), " for one of about ",
                   static_cast<uint64_t>(connections), " connections to ", peer->first, ", ",
                   static_cast<uint64_t>(borrowing.queue_waits), " times: all were in use by ",
                   Plural(pool.members.size(), "thread"));
  finding.advice = absl::StrCat("make what is done with a connection to ", peer->first,
                                " shorter, look for connections that are not given back; then size "
                                "the pool to what the backend can take");
  finding.evidence.push_back(ObjectEvidence("peer", peer->first));
  finding.evidence.push_back(StackEvidence(machine, *borrowing.queue_site));
  finding.evidence.push_back(StackEvidence(machine, *borrowing.backend_site));
  finding.evidence.push_back(
      Metric("connections_in_use", borrowing.backend_ns / machine.WindowNs(), "connections", 0));
  finding.evidence.push_back(Metric("connection_wait_mean_ns",
                                    borrowing.queue_ns / borrowing.queue_waits, "ns",
                                    kShortestWaitNs));
  finding.evidence.push_back(Check(absl::StrCat("ss -tnp dst ", peer->first)));
  return finding;
}

Findings TellPools(const MachineView& machine, const ProcessView& process) {
  Findings findings;
  for (const Pool& pool : PoolsOf(machine, process)) {
    Borrowing borrowing;
    CountBackends(pool, borrowing);
    CountQueues(machine, pool, borrowing);
    if (IsExhausted(machine, pool, borrowing)) {
      findings.push_back(Tell(machine, process, pool, borrowing));
    }
  }
  return findings;
}

Findings TellLines(const MachineView& machine, const ProcessView& process) {
  Findings findings;
  for (const Line& line : LinesIn(machine, process)) {
    const Pool pool{.members = line.threads};
    const Borrowing borrowing = BorrowingOf(line, pool);
    if (IsForConnections(line, borrowing)) {
      findings.push_back(Tell(machine, process, pool, borrowing));
    }
  }
  return findings;
}

}  // namespace

Findings ConnectionPoolExhaustion(const MachineView& machine) {
  Findings findings;
  for (const auto& [pid, process] : machine.processes()) {
    Findings told = TellPools(machine, process);
    if (told.empty()) told = TellLines(machine, process);
    std::ranges::move(told, std::back_inserter(findings));
  }
  return findings;
}

}  // namespace waitscope
