#include "agent/sinks/words.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/core/wire_text.h"
#include "agent/sinks/syscall_table.h"

namespace waitscope {
namespace {

constexpr std::array<std::string_view, WAIT_CLASS_COUNT> kClassWords = {
    "other", "disk",       "network", "lock",   "sleep", "poll",
    "pipe",  "page-fault", "reclaim", "commit", "child"};

constexpr std::array<LossWords, LOST_REASON_COUNT> kLossWords = {{
    {"none", ""},
    {"ring-full",
     "records did not fit in the ring buffer: samples and requests are lower bounds, totals stay "
     "exact"},
    {"stack-ring-full",
     "stacks did not fit in the ring buffer: their time is shown without frames"},
    {"kernel-stack", "the kernel could not walk its own stack: the time is shown without it"},
    {"user-stack", "user stacks were not captured: the time is shown without them"},
    {"no-ledger", "threads ran before they had a ledger: their time until then is missing"},
    {"ledger-create", "there was no room for new threads' ledgers: those threads are missing"},
    {"ledger-torn",
     "ledgers changed while they were read: those threads are missing from a window"},
    {"exit-detail",
     "exited threads' last totals were lost: their time since the last window is missing"},
    {"unsplit",
     "wakeups were not seen: those waits are charged as blocked, with their run queue time"},
    {"request-untracked", "block requests completed untracked: device totals are lower bounds"},
    {"recursion", "the kernel skipped probes: some facts around these moments are missing"},
    {"syscall-table", "there was no room for system calls' totals: they are lower bounds"},
    {"device-table", "there was no room for block devices' totals: some devices are missing"},
    {"stack-unresolved", "stacks' addresses never arrived: their time is shown without frames"},
    {"state-mismatch", "events the kernel skipped were put back from the scheduler's own counts"},
    {"raw-stack", "incomplete stacks could not be handed over to be finished: they end early"},
    {"unread-table",
     "there was no room for the age of unread requests: their numbers are lower bounds"},
    {"lock-table",
     "there was no room for waits at locks of the kernel: who owned those is not known"},
}};

}  // namespace

std::string_view ClassWord(wait_class cls) {
  return cls < WAIT_CLASS_COUNT ? kClassWords[cls] : kClassWords[WAIT_other];
}

std::string_view SampleWord(const SampleKey& key) {
  switch (key.state) {
    case SampleState::kRunning:
      return "running";
    case SampleState::kWoken:
      return "woken";
    case SampleState::kPreempted:
      return "preempted";
    case SampleState::kBlocked:
      break;
  }
  return ClassWord(key.cls);
}

std::string_view WakerContextWord(waker_context context) {
  switch (context) {
    case WAKER_task:
      return "task";
    case WAKER_softirq:
      return "softirq";
    case WAKER_hardirq:
      return "hardirq";
    case WAKER_nmi:
      return "nmi";
    case WAKER_self:
      return "self";
    case WAKER_interrupt:
      return "interrupt";
    case WAKER_none:
      break;
  }
  return "";
}

std::string_view ObjectKindWord(uint8_t kind) {
  constexpr std::string_view kWords[] = {"",     "file", "pipe",  "socket",     "futex",
                                         "anon", "char", "block", "kernel-lock"};
  return kind < std::size(kWords) ? kWords[kind] : "";
}

std::string_view BlockOpWord(uint8_t op) {
  constexpr std::string_view kWords[] = {"read", "write", "discard", "flush", "other"};
  return op < std::size(kWords) ? kWords[op] : "other";
}

LossWords WordsOfLoss(loss_reason reason) {
  return reason < LOST_REASON_COUNT ? kLossWords[reason]
                                    : LossWords{"unknown", "a loss this version cannot name"};
}

std::string SyscallName(int32_t number) {
  if (number == -1) return "";
  if (number == -2) return "kernel";
  const std::string_view name = SyscallTableName(number);
  return name.empty() ? absl::StrCat("syscall-", number) : std::string(name);
}

std::string ErrnoName(int32_t error) {
  const char* name = strerrorname_np(error);
  return name != nullptr ? std::string(name) : absl::StrCat(error);
}

std::string AddressText(uint16_t family, const uint8_t (&address)[16], uint16_t port) {
  char text[INET6_ADDRSTRLEN] = "";
  if (family != AF_INET && family != AF_INET6) return "";
  if (inet_ntop(family, address, text, sizeof text) == nullptr) return "";
  const std::string host = text;
  if (port == 0 && (host == "0.0.0.0" || host == "::")) return "";
  return family == AF_INET6 ? absl::StrCat("[", host, "]:", port) : absl::StrCat(host, ":", port);
}

std::string ObjectName(const wait_object& object) {
  const std::string name = PrintableText(object.name);
  if (object.kind == OBJECT_futex) return absl::StrFormat("0x%x", object.id);
  if (object.kind != OBJECT_socket) return name;
  const std::string peer = AddressText(object.family, object.peer_addr, object.peer_port);
  if (!peer.empty()) return peer;
  const std::string local = AddressText(object.family, object.local_addr, object.local_port);
  return local.empty() ? name : absl::StrCat("at ", local);
}

std::string DeviceNumber(uint32_t dev) {
  return absl::StrCat(dev >> 20, ":", dev & ((1U << 20) - 1));
}

}  // namespace waitscope
