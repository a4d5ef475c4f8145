// Do threads stand in line for a lock, and who keeps it?
//
// Thresholds: half a thread's time or more spent waiting for one lock. A futex wait is no proof: it
// counts when the operation is a mutex's and somebody in the process ends it, or when the waiters
// wake each other in turn, or when it is Python's interpreter lock. The waker is whoever held it
// last; the culprit is whoever was seen to own it most often, or else did most work beside it.
// A lock of the kernel (its mmap_lock, an inode's) is always one: half a thread's time counts. Its
// semaphores do not, which drivers use for events.
// False positives: condition variables and queues (woken by others than their waiters), Go (parks
// everything the same way), barriers of balanced work (little waiting), threads and processes that
// take turns at accepting or reading (who holds that lock is idle).
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "agent/diagnose/draft.h"
#include "agent/diagnose/idle_holders.h"
#include "agent/diagnose/lines.h"
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

bool IsContended(const MachineView& machine, const ProcessView& process, const Lock& lock) {
  const double worth = lock.wait_ns / machine.WindowNs();
  if (lock.waits < kFewestWaits) return false;
  if (lock.kernel) {
    return worth >= kFewestThreadsWorth && lock.kernel->kind != KERNEL_LOCK_semaphore;
  }
  if (lock.interpreter) return worth >= kInterpreterWorth;
  if (lock.mutex || lock.monitor || lock.concurrent || !lock.file.empty()) {
    const bool released = !lock.wakers.empty() || IsKeptByWorkers(machine, lock);
    return worth >= kFewestThreadsWorth && (released || !lock.owners.empty()) &&
           (!lock.file.empty() || !IsKeptIdle(machine, process, lock));
  }
  return worth >= kParkWorth && lock.wait_ns >= kShortestParkNs * lock.waits && IsHandedOn(lock) &&
         !HasSeveralHolders(machine, lock) && !IsKeptIdle(machine, process, lock);
}

// Other processes may stand in the same line.
std::string CauseOf(const Lock& lock) {
  const wait_object* object = lock.longest_site->object;
  if (IsOfInode(lock) && lock.kernel->address != 0) {
    return absl::StrCat("inode lock ", lock.kernel->address);
  }
  if (lock.file.empty() || object == nullptr) return "";
  return absl::StrCat("lock of inode ", object->dev, ":", object->id);
}

const char* AdviceFor(const KernelLock& lock) {
  switch (lock.role) {
    case KERNEL_LOCK_ROLE_mmap:
      return "change the address space less, and not under load: fewer and larger mmap, munmap and "
             "mprotect calls, memory and thread stacks kept for reuse (malloc's M_MMAP_THRESHOLD "
             "and M_TRIM_THRESHOLD, M_ARENA_MAX, another allocator), madvise instead of munmap, "
             "MAP_POPULATE before the work begins; children by posix_spawn";
    case KERNEL_LOCK_ROLE_inode:
      return "let one thread write the file for all, or give each writer a file of its own; large "
             "writes in pieces; no fallocate, truncate or directory-wide work beside them. "
             "O_DIRECT within the file's size lets ext4 and XFS write in parallel";
    default:
      return "see in the holder's stack what it does in the kernel meanwhile: make fewer of these "
             "calls, smaller ones, or from fewer threads at once";
  }
}

const char* AdviceFor(const Lock& lock) {
  if (lock.kernel) return AdviceFor(*lock.kernel);
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
  AddLockHolder(
      machine, *holder, [&](const WaitSite& site) { return IsFor(machine, lock, site); }, finding);
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

// "rwsem, taken in vm_mmap_pgoff".
std::string HowTaken(const KernelLock& lock) {
  const std::string_view kind = KindWord(lock.kind);
  const absl::string_view word(kind.data(), kind.size());
  if (lock.taker.empty()) return std::string(kind);
  return absl::StrCat(word, ", taken in ", absl::string_view(lock.taker.data(), lock.taker.size()));
}

// What a sentence says of it, and what proves it.
void DescribeKernelLock(const ProcessView& process, const Lock& lock, Finding& finding) {
  Evidence evidence = ObjectEvidence("wait_object", NameOf(*lock.kernel));
  evidence.role = "kernel lock";
  evidence.name = HowTaken(*lock.kernel);
  finding.evidence.push_back(std::move(evidence));
  const Holder holder = HolderOf(process, lock);
  if (holder.behind_ns == 0) return;
  absl::StrAppend(&finding.summary, "; ", holder.thread->window->comm, " (tid ",
                  holder.thread->key().tid, ") owned it when ", holder.seen, " of ", holder.looks,
                  " waits began, which took ", TimeText(static_cast<double>(holder.behind_ns)));
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
  if (lock.kernel) {
    DescribeKernelLock(process, lock, finding);
  } else {
    finding.evidence.push_back(ObjectEvidence("wait_object", NameOfLock(lock)));
  }
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
      if (!IsContended(machine, process, lock)) continue;
      if (lock.concurrent && !LinesIn(machine, process).empty()) continue;  // known better
      findings.push_back(Tell(machine, process, lock));
      break;  // the worst one; the others move when it is gone
    }
  }
  return findings;
}

}  // namespace waitscope
