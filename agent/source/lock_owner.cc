// The owner a lock's word names: read from the waiting process itself.
#include <unistd.h>

#include <array>
#include <span>

#include "absl/strings/str_cat.h"
#include "agent/os/process_memory.h"
#include "agent/source/surroundings.h"

namespace waitscope {
namespace {

constexpr uint32_t kFutexCommandMask = 0x7f;
constexpr uint32_t kFutexWait = 0;
constexpr uint32_t kTidMask = 0x3fffffff;  // FUTEX_TID_MASK

// glibc's pthread_mutex_t, the same since 2.4: lock word, count, owner, users.
using MutexWords = std::array<uint32_t, 4>;

bool ReadWords(uint32_t pid, uint64_t address, MutexWords& words) {
  const std::span<uint8_t> bytes(reinterpret_cast<uint8_t*>(words.data()), sizeof(words));
  return ReadMemoryOf(static_cast<pid_t>(pid), address, bytes) == sizeof(words);
}

bool IsThreadOf(uint32_t pid, uint32_t tid) {
  return tid != 0 && access(absl::StrCat("/proc/", pid, "/task/", tid).c_str(), F_OK) == 0;
}

// glibc keeps the owner beside the word; musl and priority-inheriting locks keep it inside.
uint32_t OwnerIn(uint32_t pid, const MutexWords& words) {
  const bool locked = words[0] == 1 || words[0] == 2;
  if (locked && IsThreadOf(pid, words[2])) return words[2];
  const uint32_t inside = words[0] & kTidMask;
  return !locked && IsThreadOf(pid, inside) ? inside : 0;
}

bool MayBeMutex(const ledger_event& reading) {
  const wait_object& object = reading.object;
  return reading.totals.state == THREAD_blocked && reading.totals.wait_class == WAIT_lock &&
         object.kind == OBJECT_futex && (object.futex_op & kFutexCommandMask) == kFutexWait &&
         object.id % sizeof(uint32_t) == 0;
}

}  // namespace

void TellLockOwner(const ledger_event& reading, absl::FunctionRef<void(const Event&)> fold) {
  if (!MayBeMutex(reading)) return;
  MutexWords words{};
  if (!ReadWords(reading.thread.pid, reading.object.id, words)) return;
  lock_owner_event event{};
  event.hdr = {EVENT_lock_owner, sizeof(event)};
  event.waiter = reading.thread;
  event.word = reading.object.id;
  event.owner_tid = OwnerIn(reading.thread.pid, words);
  if (event.owner_tid != 0) fold(event);
}

}  // namespace waitscope
