// Locks that threads of a process queue for, told from queues they idle at.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/diagnose/kernel_locks.h"
#include "agent/diagnose/machine.h"

namespace waitscope {

// A condition variable's waiters alternate between two words of four bytes (glibc 2.25 to 2.41):
// they are known by the first.
inline constexpr uint64_t kPairMask = ~UINT64_C(7);

struct Lock {
  uint64_t word = 0;         // lowest address seen; 0: a file lock, the kernel's or one of Java's
  std::string file;          // of a file lock
  bool monitor = false;      // Java's: which of them is not known
  bool concurrent = false;   // of java.util.concurrent: likewise
  std::string caller;        // of one of Java's: who takes it, where they are told apart by that
  bool shared = false;       // of readers and writers, by its waiters' stacks
  bool interpreter = false;  // Python's global interpreter lock
  bool mutex = false;        // by its futex operation, or the function that waits
  bool of_rust = false;      // then its word names no owner
  bool of_python = false;    // a threading.Lock or RLock, likewise
  bool condition = false;    // a condition variable's words, or a wait for one
  bool woken = false;        // a thread, of whatever process, was seen to end a wait
  double wait_ns = 0;
  double waits = 0;
  uint64_t longest_ns = 0;
  std::map<const ThreadView*, double> waiters;  // with the time each waited
  std::map<uint32_t, double> wakers;            // threads of the process, by tid
  std::map<uint32_t, uint64_t> owners;          // by tid, as often as seen at a window's close
  std::optional<KernelLock> kernel;             // one of the kernel's own
  bool by_name = false;  // an inode's: waits without an address, at a file of its name, are for it
  // Of the kernel's: the waits that began while this thread, of whatever process, owned it.
  std::map<const ThreadView*, KernelLockWindow> kernel_owners;
  uint64_t kernel_waits = 0;               // of whatever owner; 0: nobody watched
  const WaitSite* longest_site = nullptr;  // where most time was spent waiting
};

// Which lock of Java's a thread waits for is not known. One lock may be taken by several functions,
// and one function may take several locks, but who takes it where somebody is let in is not proven
// to be stuck.
enum class JavaLocks : uint8_t { kTogether, kByCaller };

// Everything waited for like a lock, the longest waited for first.
std::vector<Lock> WaitedForIn(const MachineView& machine, const ProcessView& process,
                              JavaLocks java = JavaLocks::kTogether);
// Those with at least two waiters, or with one that another thread is known to keep waiting.
std::vector<Lock> LocksOf(const MachineView& machine, const ProcessView& process);

// Other processes may stand in the same line.
bool IsOfInode(const Lock& lock);

// The lowest word of Python's global interpreter lock, where several threads wait for it; else 0.
uint64_t InterpreterLock(const MachineView& machine, const ProcessView& process);
bool IsForInterpreter(const WaitSite& site, uint64_t interpreter);

// Whether a site is a wait for this lock.
bool IsFor(const MachineView& machine, const Lock& lock, const WaitSite& site);

// Threads that wait for this lock in turn, each woken by the one before: not consumers woken by a
// producer. The share of waits that another waiter ended.
double ShareWokenByWaiters(const Lock& lock);
// Whatever the futex operation says, it works as a lock. Threads that take turns by a condition
// variable wake each other just so, but each of them is waited for on purpose.
bool IsHandedOn(const Lock& lock);

// As a sentence calls it.
std::string NameOfLock(const Lock& lock);

// Who kept it longest, as far as the facts tell.
struct Holder {
  const ThreadView* thread = nullptr;  // null: unknown
  bool by_owner_word = false;          // else the busiest of those who ended waits
  uint64_t behind_ns = 0;              // of the kernel's locks: how long others waited behind it
  uint64_t seen = 0;                   // as owner in so many of `looks`; or waits it ended of them
  uint64_t looks = 0;
};
Holder HolderOf(const ProcessView& process, const Lock& lock);

// Whether the main thread keeps it, and goes on or idles, while the others have done nothing yet
// but wait for it: a lock that says when to start or to stop.
bool IsGate(const MachineView& machine, const ProcessView& process, const Lock& lock);

}  // namespace waitscope
