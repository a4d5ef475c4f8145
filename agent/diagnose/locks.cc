#include "agent/diagnose/locks.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/diagnose/lock_frames.h"
#include "agent/diagnose/text.h"

namespace waitscope {
namespace {

// The interpreter's lock has its condition variables and mutexes within this many bytes.
constexpr uint64_t kInterpreterSpan = 512;
// sys.setswitchinterval is 5 ms unless a program changes it; a waiter asks again after it.
constexpr double kSwitchIntervalNs = 5e6;
constexpr double kFewestSwitchesPerSecond = 10;
constexpr size_t kFewestInTurn = 3;
constexpr double kHandedOnByWaiters = 0.95;
constexpr uint64_t kBirthNs = 100'000'000;  // from a thread's start to its first wait
constexpr double kFewestMoves = 3;
constexpr uint32_t kWaitBitset = 9;
constexpr uint32_t kRealtime = 256;
constexpr std::string_view kJavaModule = "[jit]";
constexpr std::array<std::string_view, 4> kJavaPlumbing{
    "java.util.concurrent.locks.", "jdk.internal.", "sun.misc.Unsafe", "StubRoutines"};

bool IsFutex(const WaitSite& site) {
  return site.object != nullptr && site.object->kind == OBJECT_futex;
}

// Monotonic clock and a bit set: pthread_cond_timedwait as the interpreter uses it, over and over
// for at most one interval each.
bool LooksLikeInterpreterWait(const MachineView& machine, const WaitSite& site) {
  if (!IsFutex(site)) return false;
  const uint32_t op = site.object->futex_op & ~128U;
  const bool timed = (op & ~kRealtime) == kWaitBitset && (op & kRealtime) == 0;
  return timed && site.count >= kFewestSwitchesPerSecond * machine.Seconds() &&
         site.MeanNs() <= 1.6 * kSwitchIntervalNs;
}

bool IsNear(uint64_t word, uint64_t center) {
  return center != 0 && word + kInterpreterSpan >= center && word <= center + kInterpreterSpan;
}

// Its waiters are at two words in turn.
void LearnWord(const MachineView& machine, const WaitSite& site, Lock& lock) {
  if (!IsFutex(site)) return;
  const uint64_t other = lock.longest_site != nullptr ? lock.longest_site->object->id : 0;
  const bool word = !lock.interpreter && !lock.monitor && !lock.concurrent;
  const bool pair = word && other != 0 && site.object->id != other;
  lock.shared |= machine.HasFrame(site.user_stack, "pthread_rwlock_");
  lock.of_rust |= TakesLockOfRust(machine, site.user_stack);
  lock.of_python |= !lock.interpreter && TakesLockOfPython(machine, site);
  lock.condition |= pair || machine.HasFrame(site.user_stack, "pthread_cond_") ||
                    machine.HasFrame(site.user_stack, "__pthread_cond_") ||
                    machine.HasFrame(site.user_stack, "___pthread_cond_");
}

void Count(Lock& lock, const ThreadView& thread, const WaitSite& site) {
  lock.wait_ns += site.ns;
  lock.waits += site.count;
  lock.longest_ns = std::max(lock.longest_ns, site.longest_ns);
  lock.waiters[&thread] += site.ns;
  lock.woken |= !site.wakers.empty();
  for (const auto& [waker, count] : site.wakers) {
    if (waker.pid == thread.key().pid) lock.wakers[waker.tid] += count;
  }
  if (lock.longest_site == nullptr || site.ns > lock.longest_site->ns) lock.longest_site = &site;
}

// A process has one address space, and an inode one lock, however it is known.
std::string KeyOf(const KernelLock& lock) {
  if (lock.role == KERNEL_LOCK_ROLE_mmap) return "kernel mmap";
  if (lock.address != 0) return absl::StrCat("kernel ", lock.address);
  return absl::StrCat("kernel ", NameOf(lock));
}

// Whether what a stack alone tells may be the lock of which the address is known.
bool MayBe(const KernelLock& by_stack, const KernelLock& known) {
  return by_stack.address == 0 && known.address != 0 && !known.file.empty() &&
         by_stack.role == KERNEL_LOCK_ROLE_inode && known.role == KERNEL_LOCK_ROLE_inode &&
         by_stack.file == known.file && by_stack.dev == known.dev;
}

void Join(Lock& into, const Lock& other) {
  into.wait_ns += other.wait_ns;
  into.waits += other.waits;
  into.longest_ns = std::max(into.longest_ns, other.longest_ns);
  into.woken |= other.woken;
  for (const auto& [thread, ns] : other.waiters) into.waiters[thread] += ns;
  for (const auto& [tid, count] : other.wakers) into.wakers[tid] += count;
  if (other.longest_site->ns > into.longest_site->ns) into.longest_site = other.longest_site;
  into.by_name = true;
}

// Addresses may be told only from some time on: until then the waits were for the same file's lock,
// unless another file of that name is waited for, too.
void JoinByName(std::map<std::string, Lock>& locks) {
  std::erase_if(locks, [&](const auto& row) {
    const Lock& by_stack = row.second;
    if (!by_stack.kernel || by_stack.kernel->address != 0) return false;
    Lock* known = nullptr;
    size_t files = 0;
    for (auto& [key, lock] : locks) {
      if (!lock.kernel || !MayBe(*by_stack.kernel, *lock.kernel)) continue;
      known = &lock;
      ++files;
    }
    if (files == 1) Join(*known, by_stack);
    return files == 1;
  });
}

// The innermost function of Java that is not a part of locking; empty: none is known.
std::string CallerOf(const MachineView& machine, const WaitSite& site) {
  const auto stack = machine.snapshot().stacks.find(site.user_stack);
  if (site.user_stack == 0 || stack == machine.snapshot().stacks.end()) return "";
  const auto takes = [](const Frame& frame) {
    return frame.module == kJavaModule && !frame.symbol.empty() &&
           std::ranges::none_of(kJavaPlumbing, [&](std::string_view prefix) {
             return frame.symbol.starts_with(prefix);
           });
  };
  const auto caller = std::ranges::find_if(stack->second.frames, takes);
  return caller != stack->second.frames.end() ? caller->symbol : "";
}

bool IsOfJava(const WaitSite& site) {
  return site.nature == Nature::kMonitor || site.nature == Nature::kLock;
}

// What a site waits for is told apart by this text; `fresh` learns what it is.
std::string KeyOf(const MachineView& machine, const WaitSite& site, uint64_t interpreter,
                  JavaLocks java, Lock& fresh) {
  if (site.nature == Nature::kKernelLock) {
    fresh.kernel = KernelLockAt(machine, site);
    return KeyOf(*fresh.kernel);
  }
  if (site.nature == Nature::kFileLock) {
    const bool known = site.object != nullptr;
    fresh.file = known ? ObjectText(*site.object) : "a file";
    return fresh.file + std::to_string(known ? site.object->id : site.syscall);
  }
  if (!IsFutex(site)) return "";
  if (IsOfJava(site)) {
    fresh.monitor = site.nature == Nature::kMonitor;
    fresh.concurrent = !fresh.monitor;
    if (java == JavaLocks::kByCaller) fresh.caller = CallerOf(machine, site);
    return absl::StrCat(fresh.monitor ? "monitor " : "concurrent ", fresh.caller);
  }
  fresh.interpreter = IsNear(site.object->id, interpreter);
  fresh.word = fresh.interpreter ? interpreter : site.object->id & kPairMask;
  fresh.mutex = site.nature == Nature::kMutex && !fresh.interpreter;
  return std::to_string(fresh.word) + (fresh.mutex ? "m" : "p");
}

void CountOwners(const Snapshot& snapshot, const ProcessView& process, Lock& lock) {
  const LockOwnerKey first{process.pid, lock.word, 0};
  for (auto row = snapshot.lock_owners.lower_bound(first);
       row != snapshot.lock_owners.end() && row->first.pid == process.pid &&
       (row->first.word & kPairMask) == lock.word;
       ++row) {
    lock.owners[row->first.owner_tid] += row->second;
  }
}

bool IsSame(const KernelLock& lock, const KernelLockKey& key) {
  return lock.role == KERNEL_LOCK_ROLE_mmap ? key.role == lock.role : key.lock == lock.address;
}

void CountKernelOwners(const MachineView& machine, const ProcessView& process, Lock& lock) {
  const auto& rows = machine.snapshot().kernel_locks;
  for (auto row = rows.lower_bound({.pid = process.pid});
       row != rows.end() && row->first.pid == process.pid; ++row) {
    if (!IsSame(*lock.kernel, row->first)) continue;
    lock.kernel_waits += row->second.waits;
    const ThreadView* owner = machine.Find(row->first.owner);
    if (owner == nullptr) continue;
    KernelLockWindow& window = lock.kernel_owners[owner];
    window.waits += row->second.waits;
    window.wait_ns += row->second.wait_ns;
    window.wait_max_ns = std::max(window.wait_max_ns, row->second.wait_max_ns);
  }
}

// Whom others waited behind for the longest.
Holder KernelHolderOf(const Lock& lock) {
  Holder holder{.by_owner_word = true, .looks = lock.kernel_waits};
  for (const auto& [thread, window] : lock.kernel_owners) {
    const bool worse = holder.thread == nullptr || window.wait_ns > holder.behind_ns ||
                       (window.wait_ns == holder.behind_ns && thread->key() < holder.thread->key());
    if (!worse) continue;
    holder.thread = thread;
    holder.seen = window.waits;
    holder.behind_ns = window.wait_ns;
  }
  return holder;
}

bool WaitsFor(const Lock& lock, uint32_t tid) {
  return std::ranges::any_of(lock.waiters,
                             [&](const auto& row) { return row.first->key().tid == tid; });
}

bool IsFor(const Lock& lock, const KernelLock& waited_for) {
  return KeyOf(waited_for) == KeyOf(*lock.kernel) ||
         (lock.by_name && MayBe(waited_for, *lock.kernel));
}

// What a thread spends outside this lock and outside idleness.
double BusyNs(const ThreadView& thread, const Lock& lock) {
  double idle_ns = lock.waiters.contains(&thread) ? lock.waiters.at(&thread) : 0;
  for (const Nature nature : {Nature::kPoll, Nature::kClient, Nature::kNews, Nature::kPark}) {
    idle_ns += thread.NsOf(nature);
  }
  return std::max(0.0, thread.WallNs() - idle_ns);
}

// It has been in this wait since it began to live, as far as anybody has seen.
bool HasOnlyWaited(const MachineView& machine, const ThreadView& thread) {
  const auto& wait = thread.window->open_wait;
  if (!wait) return false;
  const uint64_t life_ns = machine.snapshot().end_ns - thread.key().start_ns;
  return wait->since_before_agent || wait->ns + kBirthNs >= life_ns;
}

bool GoesOnOrIdles(const ThreadView& thread) {
  if (thread.sites.empty()) return true;
  const WaitSite& most = thread.sites.front();
  const bool idle = most.nature == Nature::kPoll || most.nature == Nature::kClient ||
                    most.nature == Nature::kNews || most.nature == Nature::kSleep;
  return idle || most.count >= kFewestMoves;
}

// A mutex that two threads pass to and fro to take turns names its own waiter.
bool IsKeptByAnother(const Lock& lock) {
  if (lock.kernel && std::ranges::any_of(lock.kernel_owners, [&](const auto& row) {
        return !lock.waiters.contains(row.first);
      })) {
    return true;
  }
  if (!lock.woken) return false;
  if (!lock.file.empty() || IsOfInode(lock)) return true;
  if (lock.monitor || lock.concurrent || lock.shared || lock.of_rust) return true;
  return lock.mutex && std::ranges::any_of(lock.owners, [&](const auto& row) {
           return !WaitsFor(lock, row.first);
         });
}

}  // namespace

// Words that several threads wait for in its way.
uint64_t InterpreterLock(const MachineView& machine, const ProcessView& process) {
  if (!process.IsNamedLike("python")) return 0;
  std::map<uint64_t, int> threads;
  for (const ThreadView& thread : process.threads) {
    for (const WaitSite& site : thread.sites) {
      if (LooksLikeInterpreterWait(machine, site)) ++threads[site.object->id & kPairMask];
    }
  }
  const auto shared =
      std::ranges::find_if(threads, [](const auto& row) { return row.second >= 2; });
  return shared != threads.end() ? shared->first : 0;
}

bool IsForInterpreter(const WaitSite& site, uint64_t interpreter) {
  return IsFutex(site) && IsNear(site.object->id, interpreter);
}

std::vector<Lock> WaitedForIn(const MachineView& machine, const ProcessView& process,
                              JavaLocks java) {
  const uint64_t interpreter = InterpreterLock(machine, process);
  std::map<std::string, Lock> locks;
  for (const ThreadView& thread : process.threads) {
    for (const WaitSite& site : thread.sites) {
      const bool of_kernel = site.nature == Nature::kKernelLock;
      if ((site.cls != WAIT_lock && !of_kernel) || site.nature == Nature::kSleep) continue;
      Lock fresh;
      const std::string key = KeyOf(machine, site, interpreter, java, fresh);
      if (key.empty()) continue;
      Lock& lock = locks.try_emplace(key, fresh).first->second;
      LearnWord(machine, site, lock);
      Count(lock, thread, site);
    }
  }
  JoinByName(locks);
  std::vector<Lock> all;
  for (auto& [key, lock] : locks) {
    if (lock.kernel) {
      CountKernelOwners(machine, process, lock);
    } else {
      CountOwners(machine.snapshot(), process, lock);
    }
    all.push_back(std::move(lock));
  }
  std::ranges::stable_sort(all, [](const Lock& a, const Lock& b) { return a.wait_ns > b.wait_ns; });
  return all;
}

bool IsOfInode(const Lock& lock) {
  return lock.kernel && lock.kernel->role == KERNEL_LOCK_ROLE_inode;
}

std::vector<Lock> LocksOf(const MachineView& machine, const ProcessView& process) {
  std::vector<Lock> locks = WaitedForIn(machine, process);
  // The others that want a file may be processes of their own.
  std::erase_if(locks,
                [](const Lock& lock) { return lock.waiters.size() < 2 && !IsKeptByAnother(lock); });
  return locks;
}

bool IsFor(const MachineView& machine, const Lock& lock, const WaitSite& site) {
  const bool of_kernel = site.nature == Nature::kKernelLock;
  if (lock.kernel || of_kernel) {
    return lock.kernel && of_kernel && IsFor(lock, KernelLockAt(machine, site));
  }
  if (site.cls != WAIT_lock) return false;
  if (lock.monitor || lock.concurrent) {
    const Nature nature = lock.monitor ? Nature::kMonitor : Nature::kLock;
    return site.nature == nature && (lock.caller.empty() || lock.caller == CallerOf(machine, site));
  }
  if (lock.word == 0) {
    return site.nature == Nature::kFileLock && site.object == lock.longest_site->object;
  }
  if (!IsFutex(site)) return false;
  return lock.interpreter ? IsNear(site.object->id, lock.word)
                          : (site.object->id & kPairMask) == lock.word;
}

double ShareWokenByWaiters(const Lock& lock) {
  double all = 0;
  double by_waiters = 0;
  for (const auto& [tid, count] : lock.wakers) {
    all += count;
    by_waiters += WaitsFor(lock, tid) ? count : 0;
  }
  return all > 0 ? by_waiters / all : 0;
}

bool IsHandedOn(const Lock& lock) {
  return !lock.condition && lock.waiters.size() >= kFewestInTurn &&
         ShareWokenByWaiters(lock) >= kHandedOnByWaiters;
}

std::string NameOfLock(const Lock& lock) {
  if (lock.kernel) return absl::StrCat("the kernel's ", NameOf(*lock.kernel));
  if (lock.interpreter) return "Python's global interpreter lock (GIL)";
  if (lock.monitor) return "a Java monitor (synchronized)";
  if (lock.concurrent) return "a lock of java.util.concurrent";
  if (!lock.file.empty()) return absl::StrCat("the lock of ", lock.file);
  return absl::StrFormat("lock 0x%x", lock.word);
}

Holder HolderOf(const ProcessView& process, const Lock& lock) {
  if (!lock.kernel_owners.empty()) return KernelHolderOf(lock);
  Holder owner{.by_owner_word = true};
  for (const auto& [tid, seen] : lock.owners) {
    owner.looks += seen;
    if (seen <= owner.seen) continue;
    owner.seen = seen;
    owner.thread = process.Find(tid);
  }
  if (owner.thread != nullptr) return owner;
  Holder busiest;
  double ended = 0;
  for (const auto& [tid, count] : lock.wakers) {
    ended += count;
    const ThreadView* thread = process.Find(tid);
    if (thread == nullptr) continue;
    if (busiest.thread != nullptr && BusyNs(*thread, lock) <= BusyNs(*busiest.thread, lock)) {
      continue;
    }
    busiest.thread = thread;
    busiest.seen = static_cast<uint64_t>(count);
  }
  busiest.looks = static_cast<uint64_t>(ended);
  return busiest;
}

bool IsGate(const MachineView& machine, const ProcessView& process, const Lock& lock) {
  const ThreadView* holder = HolderOf(process, lock).thread;
  const bool by_main = holder != nullptr && holder->key().tid == process.pid;
  return by_main && GoesOnOrIdles(*holder) &&
         std::ranges::all_of(lock.waiters,
                             [&](const auto& row) { return HasOnlyWaited(machine, *row.first); });
}

}  // namespace waitscope
