// Locks of the kernel that threads of user programs wait for: which one a stack or an object tells.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "agent/diagnose/machine.h"

namespace waitscope {

// What is known of one. docs/definitions.md, "Kernel locks".
struct KernelLock {
  kernel_lock_kind kind = KERNEL_LOCK_semaphore;
  kernel_lock_role role = KERNEL_LOCK_ROLE_unknown;
  uint64_t address = 0;    // 0: known by the stack alone
  std::string file;        // a name of the inode; empty: not known
  uint32_t dev = 0;        // of its file system
  std::string_view taker;  // the function of the kernel that takes it; empty: not known

  friend bool operator==(const KernelLock&, const KernelLock&) = default;
};

// As a kernel stack shows it: it sleeps in the code of a lock, or in a function that is known to
// sleep for one alone.
std::optional<KernelLock> KernelLockIn(const Stack& kernel_stack);
// Those stacks that do.
std::set<StackId> KernelLockStacks(const Snapshot& snapshot);

// Whether a wait is for a lock of the kernel. A commit, a pipe or a poll stays what it is: whatever
// holds them up inside the kernel is its own business.
bool IsForKernelLock(const WaitSite& site);
// Of such a wait.
KernelLock KernelLockAt(const MachineView& machine, const WaitSite& site);
// Of one that lasts, if it is such a wait.
std::optional<KernelLock> KernelLockAt(const MachineView& machine, const OpenWait& wait);

// "mmap_lock", "inode lock of app.log", "mutex".
std::string NameOf(const KernelLock& lock);
// "rwsem", "mutex".
std::string_view KindWord(kernel_lock_kind kind);

// Whether a process spends so much in such waits that their owners are worth knowing.
bool WaitsForKernelLocks(const Snapshot& snapshot);

}  // namespace waitscope
