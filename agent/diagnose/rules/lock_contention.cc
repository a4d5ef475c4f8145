// Do threads stand in line for a lock, and who keeps it?
//
// Thresholds: half a thread's time or more spent waiting for one lock. A futex wait is no proof: it
// counts when the operation is a mutex's and somebody in the process ends it, or when the waiters
// wake each other in turn, or when it is Python's interpreter lock. The waker is whoever held it
// last; the culprit is whoever was seen to own it most often, or else did most work beside it.
// False positives: condition variables and queues (woken by others than their waiters), Go (parks
// everything the same way), barriers of balanced work (little waiting), processes that take turns
// at accepting (who holds that lock is idle).
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "agent/diagnose/draft.h"
#include "agent/diagnose/locks.h"
#include "agent/diagnose/rules.h"
#include "agent/diagnose/text.h"
#include "bpf/wait_class.h"

namespace waitscope {
namespace {

constexpr double kFewestThreadsWorth = 0.5;
constexpr double kInterpreterWorth = 0.7;
constexpr double kParkWorth = 1.0;
constexpr double kCriticalThreadsWorth = 2;
constexpr double kShortestParkNs = 1e6;
constexpr double kFewestWaits = 3;
constexpr double kIdleShare = 0.5;
constexpr double kSeveralHolders = 1.5;

// Processes that accept in turns queue for a lock whose holder idles; a semaphore may be a queue.
bool IsKeptByWorkers(const MachineView& machine, const Lock& lock) {
  const WaitSite& site = *lock.longest_site;
  if (site.syscall != __NR_flock && site.syscall != __NR_fcntl) return false;
  return std::ranges::any_of(site.wakers, [&](const auto& row) {
    const ThreadView* holder = machine.Find(row.first);
    if (holder == nullptr) return false;
    const double idle_ns = holder->NsOf(Nature::kPoll) + holder->NsOf(Nature::kClient);
    return idle_ns < kIdleShare * (holder->WallNs() - holder->NsOf(Nature::kFileLock));
  });
}

// A lock has one holder at a time: where more use a backend at once, it guards a pool of
// connections.
bool HasSeveralHolders(const MachineView& machine, const Lock& lock) {
  double backend_ns = 0;
  for (const auto& [waiter, ns] : lock.waiters) backend_ns += waiter->NsOf(Nature::kBackend);
  return backend_ns >= kSeveralHolders * machine.WindowNs();
}

bool IsContended(const MachineView& machine, const Lock& lock) {
  const double worth = lock.wait_ns / machine.WindowNs();
  if (lock.waits < kFewestWaits) return false;
  if (lock.interpreter) return worth >= kInterpreterWorth;
  if (lock.mutex || lock.monitor || !lock.file.empty()) {
    const bool released = !lock.wakers.empty() || IsKeptByWorkers(machine, lock);
    return worth >= kFewestThreadsWorth && (released || !lock.owners.empty());
  }
  return worth >= kParkWorth && lock.wait_ns >= kShortestParkNs * lock.waits && IsHandedOn(lock) &&
         !HasSeveralHolders(machine, lock);
}

// Other processes may stand in the same line.
std::string CauseOf(const Lock& lock) {
  const wait_object* object = lock.longest_site->object;
  if (lock.file.empty() || object == nullptr) return "";
  return absl::StrCat("lock of inode ", object->dev, ":", object->id);
}

const char* AdviceFor(const Lock& lock) {
  if (lock.interpreter) {
    return "only one thread runs Python at a time: move CPU-bound work to processes "
           "(ProcessPoolExecutor, multiprocessing) or to native code that releases the GIL";
  }
  return "hold the lock for less: no sleeping, I/O or long computation under it; split it up or "
         "use one per shard";
}

void AddHolder(const MachineView& machine, const ProcessView& process, const Lock& lock,
               Finding& finding) {
  const ThreadView* holder = HolderOf(process, lock).thread;
  if (holder == nullptr || lock.interpreter) return;
  finding.evidence.push_back(ThreadEvidence(holder->key(), holder->window->comm, "lock holder"));
  for (const WaitSite& site : holder->sites) {
    const bool idle = site.nature == Nature::kPark || site.nature == Nature::kPoll;
    if (idle || IsFor(lock, site)) continue;
    finding.evidence.push_back(StackEvidence(machine, site));
    return;
  }
  if (!holder->runs.empty()) {
    finding.evidence.push_back(StackEvidence(machine, holder->runs.front()));
  }
}

std::vector<const ThreadView*> WaitersByTime(const Lock& lock) {
  std::vector<std::pair<double, const ThreadView*>> order;
  order.reserve(lock.waiters.size());
  for (const auto& [thread, ns] : lock.waiters) order.emplace_back(ns, thread);
  std::ranges::sort(order, [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second->key() < b.second->key();
  });
  std::vector<const ThreadView*> threads;
  threads.reserve(order.size());
  for (const auto& [ns, thread] : order) threads.push_back(thread);
  return threads;
}

Finding Tell(const MachineView& machine, const ProcessView& process, const Lock& lock) {
  Finding finding = Draft(machine, process, "lock-contention", NameOfLock(lock));
  const double worth = lock.wait_ns / machine.WindowNs();
  const std::vector<const ThreadView*> waiters = WaitersByTime(lock);
  const double share = std::min(1.0, worth / static_cast<double>(waiters.size()));
  finding.severity = worth >= kCriticalThreadsWorth ? Severity::kCritical : Severity::kWarning;
  finding.confidence = lock.interpreter || !lock.owners.empty() ? 0.95 : 0.85;
  finding.impact = {static_cast<uint64_t>(lock.wait_ns), share};
  finding.cause = CauseOf(lock);
  NameThreads(finding, waiters);
  finding.summary =
      absl::StrCat(Plural(waiters.size(), "thread"), " of ", NameOf(process), " spent ",
                   ShareText(share), " of their time waiting for ", NameOfLock(lock), ": ",
                   TimeText(lock.wait_ns), " in ", TimeText(machine.WindowNs()), ", ",
                   TimeText(lock.wait_ns / std::max(lock.waits, 1.0)), " each time");
  finding.advice = AdviceFor(lock);
  finding.evidence.push_back(StackEvidence(machine, *lock.longest_site, lock.wait_ns, lock.waits));
  finding.evidence.push_back(ObjectEvidence("wait_object", NameOfLock(lock)));
  AddHolder(machine, process, lock, finding);
  finding.evidence.push_back(Metric("lock_wait_threads_worth", worth, "threads",
                                    lock.interpreter ? kInterpreterWorth : kFewestThreadsWorth));
  finding.evidence.push_back(
      Metric("lock_wait_max_ns", static_cast<double>(lock.longest_ns), "ns", 0));
  finding.evidence.push_back(LookAt(waiters.front()->key()));
  return finding;
}

}  // namespace

Findings LockContention(const MachineView& machine) {
  Findings findings;
  for (const auto& [pid, process] : machine.processes()) {
    for (const Lock& lock : LocksOf(machine, process)) {
      if (!IsContended(machine, lock)) continue;
      findings.push_back(Tell(machine, process, lock));
      break;  // the worst one; the others move when it is gone
    }
  }
  return findings;
}

}  // namespace waitscope
