#include "agent/diagnose/nature.h"

#include <array>

#include "bpf/wait_class.h"

namespace waitscope {
namespace {

// In the order of the enumeration.
constexpr std::array<std::string_view, 16> kWords{
    "poll", "client", "backend",    "socket",  "sleep", "mutex", "park",  "file-lock",
    "disk", "commit", "page-fault", "reclaim", "dirty", "pipe",  "child", "other"};

constexpr uint32_t kFutexCommandMask = 0x7f;  // without FUTEX_PRIVATE_FLAG and FUTEX_CLOCK_REALTIME
constexpr uint32_t kFutexWait = 0;
constexpr uint32_t kFutexLockPi = 6;
constexpr uint32_t kFutexLockPi2 = 13;

Nature OfSocket(const SocketSides& sides, const wait_object& object) {
  switch (sides.Of(object)) {
    case SocketSide::kAsks:
      return Nature::kBackend;
    case SocketSide::kAsked:
      return Nature::kClient;
    case SocketSide::kListens:
      return Nature::kPoll;
    case SocketSide::kUnknown:
      break;
  }
  return Nature::kSocket;
}

// FUTEX_WAIT is what glibc's mutexes use, and what nothing but mutexes and barriers uses there;
// its condition variables and semaphores use FUTEX_WAIT_BITSET. Go uses it for all it parks.
Nature OfFutex(const MachineView& machine, const WaitSite& site) {
  const uint32_t command = site.object->futex_op & kFutexCommandMask;
  if (command == kFutexLockPi || command == kFutexLockPi2) return Nature::kMutex;
  if (command != kFutexWait) return Nature::kPark;
  const bool go = machine.HasFrame(site.user_stack, "runtime.");
  return go ? Nature::kPark : Nature::kMutex;
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

std::string_view NatureWord(Nature nature) { return kWords.at(static_cast<size_t>(nature)); }

Nature NatureOf(const MachineView& machine, const SocketSides& sides, const WaitSite& site) {
  const bool socket = site.object != nullptr && site.object->kind == OBJECT_socket;
  switch (site.cls) {
    case WAIT_poll:
      return socket ? OfSocket(sides, *site.object) : Nature::kPoll;
    case WAIT_network:
      return socket ? OfSocket(sides, *site.object) : Nature::kSocket;
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
