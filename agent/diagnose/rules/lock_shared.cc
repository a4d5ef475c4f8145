// Do processes stand in line for a lock that they share?
//
// A semaphore between processes (multiprocessing.Lock, sem_open, System V's) names no owner, and
// each process sees one thread wait. Signature: waits at one word that is not private to a process,
// or in semop among threads that end each other's, are ended, nine of ten, by threads of other
// processes that wait there themselves, and whoever does not wait does not idle either. Thresholds:
// one thread's worth of such waits of 1 ms or longer, six of them. False positives: workers that
// take turns at a queue or at accepting (who holds that lock idles in a pipe or a poll), semaphores
// that count something (who posts does not wait there), joins (ended by whoever exits, of the same
// process). Not seen: processes that mapped the word at different addresses; only those that were
// forked from one have it at the same.
#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/diagnose/draft.h"
#include "agent/diagnose/locks.h"
#include "agent/diagnose/pools.h"
#include "agent/diagnose/rules.h"
#include "agent/diagnose/text.h"
#include "bpf/wait_class.h"

namespace waitscope {
namespace {

constexpr uint32_t kPrivate = 128;
constexpr double kFewestWaits = 6;
constexpr double kShortestWaitNs = 1e6;
constexpr double kFewestThreadsWorth = 1;
constexpr double kCriticalThreadsWorth = 2;
constexpr double kHandedOn = 0.9;
constexpr double kMostIdle = 0.25;  // of the window, of all waiters together
constexpr double kMostElsewhere = 1.7;

struct SharedWaits {
  double ns = 0;
  double count = 0;
  uint64_t longest_ns = 0;
  const WaitSite* site = nullptr;  // the longest
};

struct SharedLock {
  uint64_t word = 0;  // 0: a semaphore of System V; which of them, only who waits there tells
  std::map<const ThreadView*, SharedWaits> waiters;
  std::set<uint32_t> pids;
  double ns = 0;
  double count = 0;
  uint64_t longest_ns = 0;
};

bool IsSystemV(const WaitSite& site) {
  return site.cls == WAIT_lock && (site.syscall == __NR_semop || site.syscall == __NR_semtimedop);
}

bool IsAt(const WaitSite& site, uint64_t word) {
  if (word == 0) return IsSystemV(site);
  return site.object != nullptr && site.object->kind == OBJECT_futex &&
         (site.object->futex_op & kPrivate) == 0 && (site.object->id & kPairMask) == word;
}

void Count(const ThreadView& thread, const WaitSite& site, SharedLock& lock) {
  SharedWaits& waits = lock.waiters[&thread];
  waits.ns += site.ns;
  waits.count += site.count;
  waits.longest_ns = std::max(waits.longest_ns, site.longest_ns);
  if (waits.site == nullptr || site.ns > waits.site->ns) waits.site = &site;
  lock.pids.insert(thread.key().pid);
  lock.ns += site.ns;
  lock.count += site.count;
  lock.longest_ns = std::max(lock.longest_ns, site.longest_ns);
}

void CountAll(const ThreadView& thread, SharedLock& lock) {
  for (const WaitSite& site : thread.sites) {
    if (IsAt(site, lock.word)) Count(thread, site, lock);
  }
}

void CountWords(const ThreadView& thread, std::map<uint64_t, SharedLock>& locks) {
  for (const WaitSite& site : thread.sites) {
    const uint64_t word = site.object != nullptr ? site.object->id & kPairMask : 0;
    if (word == 0 || !IsAt(site, word)) continue;
    SharedLock& lock = locks[word];
    lock.word = word;
    Count(thread, site, lock);
  }
}

std::vector<SharedLock> WordsOf(const MachineView& machine) {
  std::map<uint64_t, SharedLock> locks;
  for (const auto& [pid, process] : machine.processes()) {
    for (const ThreadView& thread : process.threads) CountWords(thread, locks);
  }
  std::vector<SharedLock> all;
  all.reserve(locks.size());
  for (auto& [word, lock] : locks) all.push_back(std::move(lock));
  return all;
}

// Who ends whose waits in semop: those that are linked wait for each other.
using Links = std::map<const ThreadView*, std::set<const ThreadView*>>;

void LinkSystemV(const MachineView& machine, const ThreadView& thread, Links& links) {
  for (const WaitSite& site : thread.sites) {
    if (!IsSystemV(site)) continue;
    links[&thread];
    for (const auto& [waker, count] : site.wakers) {
      const ThreadView* other = machine.Find(waker);
      if (other == nullptr) continue;
      links[&thread].insert(other);
      links[other].insert(&thread);
    }
  }
}

SharedLock TakeLinkedWith(const ThreadView* first, Links& links) {
  SharedLock lock;
  std::vector<const ThreadView*> reached{first};
  while (!reached.empty()) {
    const auto at = links.find(reached.back());
    reached.pop_back();
    if (at == links.end()) continue;
    reached.insert(reached.end(), at->second.begin(), at->second.end());
    CountAll(*at->first, lock);
    links.erase(at);
  }
  return lock;
}

std::vector<SharedLock> SystemVOf(const MachineView& machine) {
  Links links;
  for (const auto& [pid, process] : machine.processes()) {
    for (const ThreadView& thread : process.threads) LinkSystemV(machine, thread, links);
  }
  std::vector<SharedLock> all;
  while (!links.empty()) all.push_back(TakeLinkedWith(links.begin()->first, links));
  return all;
}

// Of the waits that ended, how many another process ended whose thread waits there, too.
double ShareHandedOn(const MachineView& machine, const SharedLock& lock) {
  double handed_on = 0;
  for (const auto& [waiter, waits] : lock.waiters) {
    for (const WaitSite& site : waiter->sites) {
      if (!IsAt(site, lock.word)) continue;
      for (const auto& [waker, count] : site.wakers) {
        const bool member = lock.waiters.contains(machine.Find(waker));
        handed_on += member && waker.pid != waiter->key().pid ? count : 0;
      }
    }
  }
  return handed_on / std::max(lock.count, 1.0);
}

double NsElsewhere(const ThreadView& waiter, const SharedLock& lock, bool idle) {
  double ns = idle ? 0 : static_cast<double>(waiter.totals().running_ns);
  for (const WaitSite& site : waiter.sites) {
    const bool task = PlaceOf(site.nature) == Place::kTask;
    if (!IsAt(site, lock.word) && task != idle) ns += site.ns;
  }
  return ns;
}

double IdleNs(const SharedLock& lock) {
  double ns = 0;
  for (const auto& [waiter, waits] : lock.waiters) ns += NsElsewhere(*waiter, lock, true);
  return ns;
}

double ElsewhereNs(const SharedLock& lock) {
  double ns = -lock.ns;
  for (const auto& [waiter, waits] : lock.waiters) ns += waiter->WallNs();
  return ns;
}

bool IsContended(const MachineView& machine, const SharedLock& lock) {
  return lock.pids.size() > 1 && lock.count >= kFewestWaits &&
         lock.ns >= kShortestWaitNs * lock.count &&
         lock.ns >= kFewestThreadsWorth * machine.WindowNs() &&
         IdleNs(lock) <= kMostIdle * machine.WindowNs() &&
         ElsewhereNs(lock) <= kMostElsewhere * machine.WindowNs() &&
         ShareHandedOn(machine, lock) >= kHandedOn;
}

// Who did most beside waiting for it.
const ThreadView& BusiestOf(const SharedLock& lock) {
  return *std::ranges::max_element(lock.waiters, {}, [&](const auto& row) {
            return NsElsewhere(*row.first, lock, false);
          })->first;
}

std::string NameOf(const SharedLock& lock) {
  return lock.word != 0 ? absl::StrFormat("lock 0x%x", lock.word) : "a System V semaphore";
}

void AddProof(const MachineView& machine, const SharedLock& lock, const SharedWaits& waits,
              Finding& finding) {
  finding.evidence.push_back(StackEvidence(machine, *waits.site, waits.ns, waits.count));
  finding.evidence.push_back(ObjectEvidence("wait_object", NameOf(lock)));
  AddLockHolder(
      machine, BusiestOf(lock), [&](const WaitSite& site) { return IsAt(site, lock.word); },
      finding);
  finding.evidence.push_back(Metric("lock_wait_threads_worth", lock.ns / machine.WindowNs(),
                                    "threads", kFewestThreadsWorth));
  finding.evidence.push_back(
      Metric("lock_wait_max_ns", static_cast<double>(lock.longest_ns), "ns", 0));
}

Finding Tell(const MachineView& machine, const ProcessView& process, const ThreadView& waiter,
             const SharedLock& lock) {
  const std::string name = NameOf(lock);
  const SharedWaits& waits = lock.waiters.at(&waiter);
  Finding finding = Draft(machine, process, "lock-contention", name);
  const double worth = lock.ns / machine.WindowNs();
  finding.severity = worth >= kCriticalThreadsWorth ? Severity::kCritical : Severity::kWarning;
  finding.confidence = 0.85;
  finding.impact = {static_cast<uint64_t>(waits.ns), std::min(1.0, waits.ns / waiter.WallNs())};
  finding.cause = absl::StrCat("shared ", name, " ", *lock.pids.begin());
  const ThreadView* const named = &waiter;
  NameThreads(finding, {&named, 1});
  finding.summary = absl::StrCat(NameOf(process), " spent ", ShareText(finding.impact.share),
                                 " of a thread's time waiting for ", name, ", which ",
                                 lock.pids.size(), " processes share: all of them ",
                                 TimeText(lock.ns), " in ", TimeText(machine.WindowNs()), ", ",
                                 TimeText(lock.ns / lock.count), " each time");
  finding.advice =
      "hold the lock for less: no sleeping, I/O or long computation under it; split "
      "it up, or give each process its own part and merge the results";
  AddProof(machine, lock, waits, finding);
  finding.evidence.push_back(LookAt(waiter.key()));
  return finding;
}

// The one that waited most.
const ThreadView* WaiterOf(const ProcessView& process, const SharedLock& lock) {
  const ThreadView* most = nullptr;
  for (const auto& [waiter, waits] : lock.waiters) {
    if (waiter->key().pid != process.pid) continue;
    if (most == nullptr || waits.ns > lock.waiters.at(most).ns) most = waiter;
  }
  return most;
}

}  // namespace

Findings LockShared(const MachineView& machine) {
  Findings findings;
  std::vector<SharedLock> locks = WordsOf(machine);
  std::ranges::move(SystemVOf(machine), std::back_inserter(locks));
  for (const SharedLock& lock : locks) {
    if (!IsContended(machine, lock)) continue;
    for (const uint32_t pid : lock.pids) {
      const ProcessView& process = *machine.Find(pid);
      findings.push_back(Tell(machine, process, *WaiterOf(process, lock), lock));
    }
  }
  return findings;
}

}  // namespace waitscope
