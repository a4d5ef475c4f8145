// Will some threads never go on?
//
// A cycle of mutexes: each thread has waited for at least 2 s for a lock whose word names the
// next one as its owner. Or threads that have waited through a window of at least 5 s for a lock of
// Java, of readers and writers, or for a mutex whose owner is known, that nobody let go of; only
// worth knowing (info) when the main thread keeps it and they have done nothing yet but wait, as at
// a gate. Locks of Rust are known by the functions that wait; so are those of Python, of which it
// takes two that nobody lets go of (a warning: one may be a gate, and code may use them to signal).
// Which of Java's locks it is, only its callers tell: nobody may have been let in where they take
// it, nor wait for long elsewhere (a warning, unless it is so in two places). Or a thread that has
// been stuck in the kernel for 30 s (a quarter of the kernel's own hung_task_timeout_secs), for a
// disk or one of the kernel's own locks. False positives: none known for cycles; a holder that
// takes this long and then lets go; a suspended or failed device or file system is what the last
// says.
#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/diagnose/draft.h"
#include "agent/diagnose/idle_holders.h"
#include "agent/diagnose/locks.h"
#include "agent/diagnose/rules.h"
#include "agent/diagnose/text.h"

namespace waitscope {
namespace {

constexpr uint64_t kPatienceNs = 2'000'000'000;
constexpr double kSilenceNs = 5e9;
constexpr double kWholeWindow = 0.95;
constexpr double kLongLine = 0.25;  // of the window
constexpr size_t kMostStacks = 4;
constexpr uint64_t kStuckNs = 30'000'000'000;

// Whose the word was all the time. Of several owners all but the last have let go of it, and who
// waits for it now may be one of them.
std::optional<uint32_t> OnlyOwnerOf(const MachineView& machine, uint32_t pid, uint64_t word) {
  std::optional<uint32_t> owner;
  const auto& rows = machine.snapshot().lock_owners;
  for (auto row = rows.lower_bound({pid, word, 0}); row != rows.end(); ++row) {
    if (row->first.pid != pid || row->first.word != word) break;
    if (owner) return std::nullopt;
    owner = row->first.owner_tid;
  }
  return owner;
}

// Waiter to owner, of waits that last.
std::map<uint32_t, uint32_t> Owners(const MachineView& machine, const ProcessView& process) {
  std::map<uint32_t, uint32_t> owners;
  for (const ThreadView& thread : process.threads) {
    const auto& wait = thread.window->open_wait;
    if (!wait || wait->cls != WAIT_lock || wait->ns < kPatienceNs) continue;
    const std::optional<uint32_t> owner = OnlyOwnerOf(machine, process.pid, wait->object.id);
    if (owner && process.Find(*owner) != nullptr) owners[thread.key().tid] = *owner;
  }
  return owners;
}

std::vector<const ThreadView*> Cycle(const ProcessView& process,
                                     const std::map<uint32_t, uint32_t>& owners, uint32_t start) {
  std::vector<const ThreadView*> path;
  std::set<uint32_t> seen;
  uint32_t at = start;
  while (owners.contains(at) && seen.insert(at).second) {
    path.push_back(process.Find(at));
    at = owners.at(at);
  }
  return at == start ? path : std::vector<const ThreadView*>();
}

Finding TellCycle(const MachineView& machine, const ProcessView& process,
                  const std::vector<const ThreadView*>& cycle) {
  Finding finding = Draft(machine, process, "hung-threads", "cycle");
  finding.severity = Severity::kCritical;
  finding.confidence = 0.99;
  NameThreads(finding, cycle);
  uint64_t shortest_ns = UINT64_MAX;
  for (const ThreadView* thread : cycle) {
    const OpenWait& wait = *thread->window->open_wait;
    shortest_ns = std::min(shortest_ns, wait.ns);
    finding.impact.stalled_ns +=
        static_cast<uint64_t>(std::min(static_cast<double>(wait.ns), machine.WindowNs()));
    finding.evidence.push_back(
        ThreadEvidence(thread->key(), thread->window->comm,
                       absl::StrFormat("waits for lock 0x%x", wait.object.id)));
    finding.evidence.push_back(StackEvidence(machine, wait));
  }
  finding.impact.share = 1;
  finding.summary =
      absl::StrCat("deadlock: ", Plural(cycle.size(), "thread"), " of ", NameOf(process),
                   " each hold a lock the next one waits for, for at least ",
                   TimeText(static_cast<double>(shortest_ns)), "; they will never go on");
  finding.advice = "take the locks in one order everywhere; stop-gap: restart the process";
  for (const ThreadView* thread : cycle) finding.evidence.push_back(LookAt(thread->key()));
  return finding;
}

// A stack that was lost makes it no other wait: HotSpot's are as many as the window has seconds.
bool WaitsThrough(const MachineView& machine, const ThreadView& waiter, double at_lock_ns) {
  double unknown_ns = 0;
  for (const WaitSite& site : waiter.sites) {
    const bool known = site.cls != WAIT_lock || machine.LeafOf(site.user_stack) != nullptr;
    if (!known) unknown_ns += site.ns;
  }
  return at_lock_ns >= unknown_ns && at_lock_ns + unknown_ns >= kWholeWindow * machine.WindowNs();
}

// What may look like a wait for a mutex and is none has no owner. HotSpot looks at a monitor again
// every second (to JDK 21), so a wait there ends without anybody's doing.
bool IsNeverReleased(const MachineView& machine, const Lock& lock) {
  const bool certain = !lock.owners.empty() || lock.shared || lock.of_rust;
  const bool known = ((lock.mutex && certain) || lock.of_python) && lock.waits < 1;
  const bool java = lock.monitor || lock.concurrent;
  if ((!known && !java) || lock.woken || machine.WindowNs() < kSilenceNs) return false;
  return std::ranges::all_of(
      lock.waiters, [&](const auto& row) { return WaitsThrough(machine, *row.first, row.second); });
}

std::vector<const ThreadView*> WaitersByTid(const Lock& lock) {
  std::vector<const ThreadView*> threads;
  for (const auto& [thread, ns] : lock.waiters) threads.push_back(thread);
  std::ranges::sort(threads, {}, [](const ThreadView* thread) { return thread->key().tid; });
  return threads;
}

bool IsOfJava(const Lock& lock) { return lock.monitor || lock.concurrent; }

bool AreOfOneKind(const Lock& a, const Lock& b) {
  return a.monitor == b.monitor && a.concurrent == b.concurrent && a.of_rust == b.of_rust &&
         a.of_python == b.of_python;
}

// In a deadlock there are several locks, and most of them do not tell who has them.
struct Hung {
  Lock lock;  // with the waiters of all
  size_t locks = 1;
};

Hung Join(const std::vector<Lock>& locks) {
  Hung hung{.lock = locks.front()};
  const Lock first = hung.lock;
  if (!IsOfJava(first) && !first.of_rust && !first.of_python) return hung;
  for (size_t at = 1; at < locks.size(); ++at) {
    if (!AreOfOneKind(first, locks[at])) continue;
    hung.lock.waiters.insert(locks[at].waiters.begin(), locks[at].waiters.end());
    hung.lock.wait_ns += locks[at].wait_ns;
    ++hung.locks;
  }
  return hung;
}

std::string NameOf(const Hung& hung) {
  if (hung.locks == 1 || IsOfJava(hung.lock)) return NameOfLock(hung.lock);
  return absl::StrCat(hung.locks, " locks of ", hung.lock.of_rust ? "Rust" : "Python");
}

// Who waits for a lock of Java's in a long line waits as long as all the others in it, wherever
// they take it.
bool OthersStandInLongLines(const MachineView& machine, const Lock& lock,
                            const std::vector<Lock>& locks) {
  if (!IsOfJava(lock)) return false;
  return std::ranges::any_of(locks, [&](const Lock& other) {
    return other.woken && other.monitor == lock.monitor && other.concurrent == lock.concurrent &&
           static_cast<double>(other.longest_ns) > kLongLine * machine.WindowNs();
  });
}

// One lock of Python's that nobody lets go of may be its way to say when to go on.
bool MayBeGate(const Lock& lock, const std::vector<Lock>& hung) {
  return lock.of_python && std::ranges::count_if(hung, &Lock::of_python) < 2;
}

std::optional<Hung> NeverReleased(const MachineView& machine, const ProcessView& process) {
  const std::vector<Lock> locks = WaitedForIn(machine, process, JavaLocks::kByCaller);
  std::vector<Lock> hung;
  std::ranges::copy_if(locks, std::back_inserter(hung), [&](const Lock& lock) {
    const bool ownerless = lock.of_rust || lock.of_python;
    const bool may_idle = ownerless && MayBeKeptIdle(machine, process, lock);
    return IsNeverReleased(machine, lock) && !IsKeptIdle(machine, process, lock) && !may_idle &&
           !OthersStandInLongLines(machine, lock, locks);
  });
  std::erase_if(hung, [&, all = hung](const Lock& lock) { return MayBeGate(lock, all); });
  return hung.empty() ? std::nullopt : std::optional(Join(hung));
}

// Code of Python's may use its locks for other things than keeping others out, and of Java's it is
// known only that nobody was let in where they take it: two such places prove more than one.
Severity SeverityOf(const Hung& hung, bool gate) {
  if (gate) return Severity::kInfo;
  const bool uncertain = hung.lock.of_python || (IsOfJava(hung.lock) && hung.locks < 2);
  return uncertain ? Severity::kWarning : Severity::kCritical;
}

Finding TellSilence(const MachineView& machine, const ProcessView& process, const Hung& hung) {
  const Lock& lock = hung.lock;
  Finding finding = Draft(machine, process, "hung-threads", "lock");
  const std::vector<const ThreadView*> waiters = WaitersByTid(lock);
  const bool gate = IsGate(machine, process, lock);
  finding.severity = SeverityOf(hung, gate);
  finding.confidence = 0.85;
  NameThreads(finding, waiters);
  finding.impact = {static_cast<uint64_t>(lock.wait_ns), 1};
  finding.summary =
      absl::StrCat(Plural(waiters.size(), "thread"), " of ", NameOf(process), " waited for ",
                   NameOf(hung), " all the ", TimeText(machine.WindowNs()),
                   gate ? ", which the main thread has kept since before they began: a gate, or "
                          "forgotten"
                        : absl::StrCat(", and nobody let go of ", hung.locks > 1 ? "any" : "it",
                                       ": a deadlock, or whoever holds it is stuck"));
  finding.advice =
      "see who holds it (jstack -l, gdb -p, py-spy dump): take locks in one order everywhere, and "
      "wait for "
      "nothing without a time limit while holding one; stop-gap: restart the process";
  const ThreadView* holder = HolderOf(process, lock).thread;
  if (holder != nullptr) {
    finding.evidence.push_back(ThreadEvidence(holder->key(), holder->window->comm, "lock holder"));
    const auto& wait = holder->window->open_wait;
    if (wait) finding.evidence.push_back(StackEvidence(machine, *wait));
  }
  for (size_t at = 0; at < std::min(waiters.size(), kMostStacks); ++at) {
    finding.evidence.push_back(StackEvidence(machine, waiters[at]->sites.front()));
  }
  finding.evidence.push_back(LookAt(waiters.front()->key()));
  return finding;
}

// Threads that the kernel has kept for long, for one reason.
struct Stuck {
  std::string culprit;
  std::string reason;
  const char* advice = "";
  std::vector<const ThreadView*> threads;
};

Finding TellStuck(const MachineView& machine, const ProcessView& process, const Stuck& stuck) {
  Finding finding = Draft(machine, process, "hung-threads", stuck.culprit);
  finding.severity = Severity::kCritical;
  finding.confidence = 0.9;
  NameThreads(finding, stuck.threads);
  const auto count = static_cast<double>(stuck.threads.size());
  finding.impact = {static_cast<uint64_t>(machine.WindowNs() * count), 1};
  const ThreadView& first = *stuck.threads.front();
  const OpenWait& wait = *first.window->open_wait;
  finding.summary = absl::StrCat(Plural(stuck.threads.size(), "thread"), " of ", NameOf(process),
                                 " stuck in the kernel, waiting for ", stuck.reason, " for ",
                                 TimeText(static_cast<double>(wait.ns)));
  finding.advice = stuck.advice;
  finding.evidence.push_back(StackEvidence(machine, wait));
  finding.evidence.push_back(
      Check(absl::StrCat("cat /proc/", first.key().pid, "/task/", first.key().tid, "/stack")));
  return finding;
}

bool IsStuck(const ThreadView& thread) {
  const auto& wait = thread.window->open_wait;
  return wait && wait->ns >= kStuckNs;
}

Stuck StuckForDisk(const ProcessView& process) {
  Stuck stuck{.culprit = "disk",
              .reason = "a disk",
              .advice =
                  "look at the device and its driver: dmesg, multipath, the volume's own "
                  "health"};
  for (const ThreadView& thread : process.threads) {
    const auto& wait = thread.window->open_wait;
    const bool disk = wait && (wait->cls == WAIT_disk || wait->cls == WAIT_commit);
    if (disk && IsStuck(thread)) stuck.threads.push_back(&thread);
  }
  return stuck;
}

// Not for its semaphores: drivers use them for events, which may take any time to come.
Stuck StuckForKernelLock(const MachineView& machine, const ProcessView& process) {
  Stuck stuck{.culprit = "kernel",
              .advice =
                  "find who keeps it: threads in state D (ps -eLo pid,tid,stat,wchan:32,comm) "
                  "and what they wait for in turn: a frozen or dead file system "
                  "(fsfreeze, NFS, FUSE), a failed device, a page nobody delivers"};
  for (const ThreadView& thread : process.threads) {
    if (!IsStuck(thread)) continue;
    const std::optional<KernelLock> lock = KernelLockAt(machine, *thread.window->open_wait);
    if (!lock || lock->kind == KERNEL_LOCK_semaphore) continue;
    if (stuck.threads.empty()) stuck.reason = absl::StrCat("the kernel's ", NameOf(*lock));
    stuck.threads.push_back(&thread);
  }
  return stuck;
}

std::optional<Finding> HungAtLocks(const MachineView& machine, const ProcessView& process) {
  const std::map<uint32_t, uint32_t> owners = Owners(machine, process);
  for (const auto& [waiter, owner] : owners) {
    const std::vector<const ThreadView*> cycle = Cycle(process, owners, waiter);
    if (!cycle.empty()) return TellCycle(machine, process, cycle);
  }
  const std::optional<Hung> hung = NeverReleased(machine, process);
  return hung ? std::optional(TellSilence(machine, process, *hung)) : std::nullopt;
}

}  // namespace

Findings HungThreads(const MachineView& machine) {
  Findings findings;
  for (const auto& [pid, process] : machine.processes()) {
    if (std::optional<Finding> hung = HungAtLocks(machine, process)) {
      findings.push_back(*std::move(hung));
    }
    for (const Stuck& stuck : {StuckForDisk(process), StuckForKernelLock(machine, process)}) {
      if (!stuck.threads.empty()) findings.push_back(TellStuck(machine, process, stuck));
    }
  }
  return findings;
}

}  // namespace waitscope
