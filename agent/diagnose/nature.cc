#include "agent/diagnose/nature.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>

#include "agent/diagnose/kernel_locks.h"
#include "agent/diagnose/lock_frames.h"
#include "bpf/wait_class.h"

namespace waitscope {
namespace {

// In the order of the enumeration.
constexpr std::array<std::string_view, 21> kWords{
    "poll",    "client", "backend", "news",      "socket", "sleep",       "mutex",
    "monitor", "lock",   "park",    "file-lock", "disk",   "commit",      "page-fault",
    "reclaim", "dirty",  "pipe",    "child",     "other",  "kernel-lock", "reader"};

constexpr uint32_t kFutexCommandMask = 0x7f;  // without FUTEX_PRIVATE_FLAG and FUTEX_CLOCK_REALTIME
constexpr uint32_t kFutexWait = 0;
constexpr uint32_t kFutexLockPi = 6;
constexpr uint32_t kFutexLockPi2 = 13;

Nature OfSocket(const SocketSides& sides, const WaitSite& site) {
  const wait_object& object = *site.object;
  switch (sides.Of(object)) {
    case SocketSide::kAsks:
      // While it sends nothing is owed to it, yet the other end keeps it waiting.
      return object.turn == TURN_own && !IsSend(site.syscall) ? Nature::kNews : Nature::kBackend;
    case SocketSide::kAsked:
      return IsSend(site.syscall) ? Nature::kReader : Nature::kClient;
    case SocketSide::kListens:
      return Nature::kPoll;
    case SocketSide::kUnknown:
      break;
  }
  return Nature::kSocket;
}

// Run times let time pass in a timed wait at a futex: HotSpot, Mono, CoreCLR.
constexpr std::array<std::string_view, 5> kSleepFrames{
    "JVM_Sleep", "JavaThread::sleep", "ves_icall_System_Threading_Thread_Sleep",
    "mono_thread_info_sleep", "ThreadNative::Sleep"};

// Only the methods that take one of these locks wait below themselves: conditions have classes of
// their own.
constexpr std::array<std::string_view, 2> kLockFrames{"java.util.concurrent.locks.Reentrant",
                                                      "java.util.concurrent.locks.StampedLock."};

// Who accepts at one socket takes turns at a lock, and the one whose turn it is waits for clients.
constexpr std::array<std::string_view, 3> kAcceptFrames{"sun.nio.ch.ServerSocketChannelImpl.accept",
                                                        "sun.nio.ch.NioSocketImpl.accept",
                                                        "java.net.ServerSocket.implAccept"};

bool HasAnyOf(const MachineView& machine, StackId stack, std::span<const std::string_view> names) {
  return std::ranges::any_of(names,
                             [&](std::string_view name) { return machine.HasFrame(stack, name); });
}

bool IsLibc(const std::string& module) {
  return module.starts_with("libc.so") || module.starts_with("libc-") ||
         module.starts_with("libpthread") || module.starts_with("ld-musl");
}

// libgomp, C++'s semaphores and atomics, and Go make the call by themselves, for all they park.
bool CallsFutexItself(const MachineView& machine, StackId stack) {
  const Frame* leaf = machine.LeafOf(stack);
  if (leaf == nullptr) return false;
  const bool foreign = !leaf->module.empty() && !IsLibc(leaf->module) &&
                       leaf->symbol.find("mutex") == std::string::npos &&
                       leaf->symbol.find("lll_lock") == std::string::npos;
  return foreign || leaf->symbol == "syscall" || machine.HasFrame(stack, "runtime.");
}

// Its functions were to tell a mutex from what parks, and nobody was seen to own it.
bool IsUnknown(const MachineView& machine, const WaitSite& site) {
  const Snapshot& snapshot = machine.snapshot();
  const bool lost = site.user_stack != 0 && !snapshot.stacks.contains(site.user_stack);
  return lost && std::ranges::none_of(snapshot.lock_owners, [&](const auto& row) {
           return row.first.word == site.object->id;
         });
}

// FUTEX_WAIT is what glibc's mutexes use, and of the rest of it only its barriers; its condition
// variables and semaphores use FUTEX_WAIT_BITSET.
Nature OfFutex(const MachineView& machine, const WaitSite& site) {
  const uint32_t command = site.object->futex_op & kFutexCommandMask;
  if (command == kFutexLockPi || command == kFutexLockPi2) return Nature::kMutex;
  if (HasAnyOf(machine, site.user_stack, kSleepFrames)) return Nature::kSleep;
  if (HasAnyOf(machine, site.user_stack, kAcceptFrames)) return Nature::kPoll;
  if (machine.HasFrame(site.user_stack, "ObjectMonitor::enter")) return Nature::kMonitor;
  if (HasAnyOf(machine, site.user_stack, kLockFrames)) return Nature::kLock;
  if (machine.HasFrame(site.user_stack, "pthread_rwlock_")) return Nature::kMutex;
  if (TakesLockOfRust(machine, site.user_stack)) return Nature::kMutex;
  if (command != kFutexWait || IsUnknown(machine, site)) return Nature::kPark;
  const bool parks = CallsFutexItself(machine, site.user_stack) ||
                     machine.HasFrame(site.user_stack, "pthread_barrier_wait") ||
                     machine.HasFrame(site.user_stack, "__pthread_barrier_wait");
  return parks ? Nature::kPark : Nature::kMutex;
}

Nature OfLock(const MachineView& machine, const WaitSite& site) {
  if (site.object != nullptr && site.object->kind == OBJECT_futex) return OfFutex(machine, site);
  return site.syscall == __NR_futex ? Nature::kPark : Nature::kFileLock;
}

Nature OfDisk(const MachineView& machine, const WaitSite& site) {
  return machine.HasFrame(site.kernel_stack, "balance_dirty_pages") ? Nature::kDirty
                                                                    : Nature::kDisk;
}

}  // namespace

bool IsSend(int32_t syscall) {
  constexpr std::array<int32_t, 6> kSends{__NR_sendto, __NR_sendmsg, __NR_sendmmsg,
                                          __NR_write,  __NR_writev,  __NR_sendfile};
  return std::ranges::find(kSends, syscall) != kSends.end();
}

std::string_view NatureWord(Nature nature) { return kWords.at(static_cast<size_t>(nature)); }

Nature NatureOf(const MachineView& machine, const SocketSides& sides, const WaitSite& site) {
  const bool socket = site.object != nullptr && site.object->kind == OBJECT_socket;
  if (IsForKernelLock(site)) return Nature::kKernelLock;
  switch (site.cls) {
    case WAIT_poll:
      if (site.syscall == __NR_accept || site.syscall == __NR_accept4) return Nature::kPoll;
      return socket ? OfSocket(sides, site) : Nature::kPoll;
    case WAIT_network:
      return socket ? OfSocket(sides, site) : Nature::kSocket;
    case WAIT_sleep:
      return Nature::kSleep;
    case WAIT_lock:
      return OfLock(machine, site);
    case WAIT_disk:
      return OfDisk(machine, site);
    case WAIT_commit:
      return Nature::kCommit;
    case WAIT_fault:
      return Nature::kFault;
    case WAIT_reclaim:
      return Nature::kReclaim;
    case WAIT_pipe:
      return Nature::kPipe;
    case WAIT_child:
      return Nature::kChild;
    default:
      return Nature::kOther;
  }
}

}  // namespace waitscope
