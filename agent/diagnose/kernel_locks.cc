#include "agent/diagnose/kernel_locks.h"

#include <algorithm>
#include <array>
#include <span>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/core/wire_text.h"

namespace waitscope {
namespace {

constexpr double kWorthKnowing = 0.1;  // of the window, of one thread

constexpr std::array<std::string_view, 2> kSleepFrames{"__schedule", "schedule"};

struct LockCode {
  std::string_view prefix;
  kernel_lock_kind kind;
};

// The kernel's own names for taking a lock, 5.10 to 7.3. Stacks of sleeping threads leave them out
// (they stand in .sched.text, which stack_trace_save_tsk skips), those of running ones do not.
constexpr std::array kLockCode{
    LockCode{"rwsem_", KERNEL_LOCK_rwsem},
    LockCode{"down_read", KERNEL_LOCK_rwsem},
    LockCode{"down_write", KERNEL_LOCK_rwsem},
    LockCode{"__down_read", KERNEL_LOCK_rwsem},
    LockCode{"__down_write", KERNEL_LOCK_rwsem},
    LockCode{"mutex_lock", KERNEL_LOCK_mutex},
    LockCode{"__mutex_lock", KERNEL_LOCK_mutex},
    LockCode{"ww_mutex_lock", KERNEL_LOCK_mutex},
    LockCode{"__ww_mutex_lock", KERNEL_LOCK_mutex},
    LockCode{"percpu_rwsem_wait", KERNEL_LOCK_percpu_rwsem},
    LockCode{"percpu_down_", KERNEL_LOCK_percpu_rwsem},
    LockCode{"__percpu_down_", KERNEL_LOCK_percpu_rwsem},
    LockCode{"rt_mutex_", KERNEL_LOCK_rt_mutex},
    LockCode{"__rt_mutex_", KERNEL_LOCK_rt_mutex},
    LockCode{"rwbase_", KERNEL_LOCK_rt_mutex},
    LockCode{"__rwbase_", KERNEL_LOCK_rt_mutex},
};

// They take one lock of a kind for everybody, and tell what it guards.
struct Wrapper {
  std::string_view prefix;
  kernel_lock_role role;
};
constexpr std::array kWrappers{
    Wrapper{"lock_mm_and_find_vma", KERNEL_LOCK_ROLE_mmap},
    Wrapper{"mmap_read_lock", KERNEL_LOCK_ROLE_mmap},
    Wrapper{"mmap_write_lock", KERNEL_LOCK_ROLE_mmap},
    Wrapper{"inode_lock", KERNEL_LOCK_ROLE_inode},
    Wrapper{"lock_two_nondirectories", KERNEL_LOCK_ROLE_inode},
    Wrapper{"lock_rename", KERNEL_LOCK_ROLE_inode},
    Wrapper{"btrfs_inode_lock", KERNEL_LOCK_ROLE_inode},
    Wrapper{"xfs_ilock", KERNEL_LOCK_ROLE_inode},
    Wrapper{"netfs_start_io_", KERNEL_LOCK_ROLE_inode},
    Wrapper{"nfs_start_io_", KERNEL_LOCK_ROLE_inode},
};

// Where these sleep themselves, they do it for the lock of the address space.
constexpr std::array<std::string_view, 20> kMmapTakers{
    "do_user_addr_fault", "exc_page_fault",   "vm_mmap_pgoff",    "__vm_munmap",
    "do_mprotect_pkey",   "__do_sys_brk",     "__x64_sys_brk",    "do_madvise",
    "madvise_lock",       "dup_mmap",         "dup_mm",           "do_mlock",
    "__do_sys_mlockall",  "__x64_sys_mlock",  "__mm_populate",    "__do_sys_mremap",
    "__x64_sys_mremap",   "__do_sys_mincore", "__get_user_pages", "gup_fast_fallback"};

// The same of a file's or a directory's own lock.
constexpr std::array<std::string_view, 22> kInodeTakers{"generic_file_write_iter",
                                                        "ext4_buffered_write_iter",
                                                        "ext4_dio_write_iter",
                                                        "ext4_file_write_iter",
                                                        "ext4_file_read_iter",
                                                        "ext4_dio_read_iter",
                                                        "ext4_fallocate",
                                                        "shmem_fallocate",
                                                        "shmem_file_write_iter",
                                                        "xfs_file_",
                                                        "btrfs_buffered_write",
                                                        "btrfs_direct_write",
                                                        "f2fs_file_write_iter",
                                                        "do_truncate",
                                                        "vfs_utimes",
                                                        "path_openat",
                                                        "open_last_lookups",
                                                        "do_unlinkat",
                                                        "do_rmdir",
                                                        "filename_create",
                                                        "iterate_dir",
                                                        "fuse_file_write_iter"};

bool BeginsWithAny(std::string_view symbol, std::span<const std::string_view> prefixes) {
  return std::ranges::any_of(prefixes,
                             [&](std::string_view prefix) { return symbol.starts_with(prefix); });
}

const LockCode* LockCodeOf(std::string_view symbol) {
  const auto* found = std::ranges::find_if(
      kLockCode, [&](const LockCode& code) { return symbol.starts_with(code.prefix); });
  return found != kLockCode.end() ? found : nullptr;
}

const Wrapper* WrapperOf(std::string_view symbol) {
  const auto* found = std::ranges::find_if(
      kWrappers, [&](const Wrapper& wrapper) { return symbol.starts_with(wrapper.prefix); });
  return found != kWrappers.end() ? found : nullptr;
}

// "function.isra.0" is what a compiler made of it.
std::string_view PlainName(std::string_view symbol) { return symbol.substr(0, symbol.find('.')); }

void Guess(KernelLock& lock) {
  if (lock.kind != KERNEL_LOCK_rwsem || lock.role != KERNEL_LOCK_ROLE_unknown) return;
  if (BeginsWithAny(lock.taker, kMmapTakers)) lock.role = KERNEL_LOCK_ROLE_mmap;
  if (BeginsWithAny(lock.taker, kInodeTakers)) lock.role = KERNEL_LOCK_ROLE_inode;
}

// What a stack says, if the wait is for a lock at all.
struct Reading {
  bool in_lock_code = false;
  KernelLock lock{.kind = KERNEL_LOCK_rwsem};
};

Reading Read(const Stack& kernel_stack) {
  Reading reading;
  KernelLock& lock = reading.lock;
  auto frame = std::ranges::find_if_not(
      kernel_stack.frames, [](const Frame& f) { return BeginsWithAny(f.symbol, kSleepFrames); });
  const auto end = kernel_stack.frames.end();
  for (; frame != end; ++frame) {
    const LockCode* code = LockCodeOf(frame->symbol);
    if (code == nullptr) break;
    if (!std::exchange(reading.in_lock_code, true)) lock.kind = code->kind;
  }
  for (; frame != end; ++frame) {
    const Wrapper* wrapper = WrapperOf(frame->symbol);
    if (wrapper == nullptr) break;
    if (lock.kind == KERNEL_LOCK_rwsem) lock.role = wrapper->role;
  }
  if (frame != end) lock.taker = PlainName(frame->symbol);
  Guess(lock);
  return reading;
}

bool MayMeetLocks(wait_class cls) {
  return cls == WAIT_other || cls == WAIT_lock || cls == WAIT_fault || cls == WAIT_child;
}

const Stack* StackOf(const Snapshot& snapshot, StackId id) {
  const auto at = snapshot.stacks.find(id);
  return id != 0 && at != snapshot.stacks.end() ? &at->second : nullptr;
}

bool IsNoted(const wait_object* object) {
  return object != nullptr && object->kind == OBJECT_kernel_lock;
}

}  // namespace

std::optional<KernelLock> KernelLockIn(const Stack& kernel_stack) {
  const Reading reading = Read(kernel_stack);
  const bool is_lock = reading.in_lock_code || reading.lock.role != KERNEL_LOCK_ROLE_unknown;
  return is_lock ? std::optional(reading.lock) : std::nullopt;
}

std::set<StackId> KernelLockStacks(const Snapshot& snapshot) {
  std::set<StackId> ids;
  for (const auto& [id, stack] : snapshot.stacks) {
    if (KernelLockIn(stack)) ids.insert(id);
  }
  return ids;
}

bool IsForKernelLock(const WaitSite& site) {
  const bool futex = site.object != nullptr && site.object->kind == OBJECT_futex;
  if (!MayMeetLocks(site.cls) || futex || site.syscall == __NR_futex) return false;
  return site.at_kernel_lock || IsNoted(site.object);
}

KernelLock KernelLockAt(const MachineView& machine, const WaitSite& site) {
  KernelLock lock;
  const Stack* stack = StackOf(machine.snapshot(), site.kernel_stack);
  if (stack != nullptr) lock = Read(*stack).lock;
  if (site.object != nullptr) {
    lock.file = PrintableText(site.object->name);
    lock.dev = site.object->dev;
  }
  if (!IsNoted(site.object)) return lock;
  if (site.object->protocol < KERNEL_LOCK_KIND_COUNT) {
    lock.kind = static_cast<kernel_lock_kind>(site.object->protocol);
  }
  // The address tells for certain, where it tells at all.
  if (site.object->family != KERNEL_LOCK_ROLE_unknown &&
      site.object->family < KERNEL_LOCK_ROLE_COUNT) {
    lock.role = static_cast<kernel_lock_role>(site.object->family);
  }
  lock.address = site.object->id;
  return lock;
}

std::optional<KernelLock> KernelLockAt(const MachineView& machine, const OpenWait& wait) {
  WaitSite site{.cls = wait.cls,
                .syscall = wait.syscall,
                .object = &wait.object,
                .kernel_stack = wait.kernel_stack};
  const Stack* stack = StackOf(machine.snapshot(), wait.kernel_stack);
  site.at_kernel_lock = stack != nullptr && KernelLockIn(*stack).has_value();
  return IsForKernelLock(site) ? std::optional(KernelLockAt(machine, site)) : std::nullopt;
}

std::string_view KindWord(kernel_lock_kind kind) {
  constexpr std::array<std::string_view, KERNEL_LOCK_KIND_COUNT> kWords{
      "semaphore", "mutex", "rwsem", "percpu-rwsem", "rt-mutex"};
  return kWords.at(kind);
}

std::string NameOf(const KernelLock& lock) {
  if (lock.role == KERNEL_LOCK_ROLE_mmap) return "mmap_lock";
  if (lock.role == KERNEL_LOCK_ROLE_inode) {
    return lock.file.empty() ? "inode lock" : absl::StrCat("inode lock of ", lock.file);
  }
  const std::string_view kind = KindWord(lock.kind);
  const absl::string_view word(kind.data(), kind.size());
  if (lock.taker.empty()) return std::string(kind);
  return absl::StrCat(word, " in ", absl::string_view(lock.taker.data(), lock.taker.size()));
}

bool WaitsForKernelLocks(const Snapshot& snapshot) {
  const std::set<StackId> locks = KernelLockStacks(snapshot);
  if (locks.empty()) return false;
  std::unordered_map<uint32_t, double> waited_ns;
  const auto window_ns = static_cast<double>(snapshot.end_ns - snapshot.begin_ns);
  return std::ranges::any_of(snapshot.samples, [&](const auto& row) {
    const bool waits = row.first.state == SampleState::kBlocked && MayMeetLocks(row.first.cls) &&
                       locks.contains(row.first.kernel_stack);
    if (!waits) return false;
    return (waited_ns[row.first.thread.pid] += row.second.ns) >= kWorthKnowing * window_ns;
  });
}

}  // namespace waitscope
