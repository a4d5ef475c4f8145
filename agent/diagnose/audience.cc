#include "agent/diagnose/audience.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "agent/diagnose/loops.h"
#include "bpf/wait_class.h"

namespace waitscope {
namespace {

constexpr double kFewestExchanges = 3;
constexpr size_t kSeveral = 2;

// What the thread's poll watches; nothing where that is not known for sure. A thread that makes
// epoll instances all the time may be seen at those only, and not at its own.
std::optional<uint32_t> SidesOfItsPoll(const MachineView& machine, const ThreadView& thread) {
  if (thread.Calls({__NR_epoll_create1, __NR_epoll_create}) >= 2) return std::nullopt;
  std::optional<uint32_t> sides;
  for (const WaitSite& site : thread.sites) {
    if (!IsLoopPoll(site.syscall)) continue;
    if (site.object == nullptr) return std::nullopt;
    const auto row = machine.snapshot().sides.find({thread.key().pid, site.object->fd});
    if (row == machine.snapshot().sides.end()) return std::nullopt;
    sides = sides.value_or(0) | row->second;
  }
  return sides;
}

std::optional<uint32_t> SidesOfAll(const MachineView& machine, const ProcessView& process) {
  const auto row = machine.snapshot().sides.find({process.pid, SidesKey::kWholeProcess});
  return row != machine.snapshot().sides.end() ? std::optional(row->second) : std::nullopt;
}

// Connections that come and go between two looks; where calls are not counted, there may be some.
bool MayAccept(const ProcessView& process) {
  bool counted = false;
  uint64_t accepted = 0;
  for (const ThreadView& thread : process.threads) {
    counted |= !thread.calls.empty();
    accepted += thread.Calls({__NR_accept, __NR_accept4});
  }
  return !counted || accepted > 0;
}

bool IsRead(const MachineView& machine, const ProcessView& process) {
  const auto row = machine.snapshot().unread.lower_bound({process.pid, 0});
  return row != machine.snapshot().unread.end() && row->first.pid == process.pid;
}

void CountOthers(const WaitSite& site, uint32_t own, std::map<uint32_t, double>& by_process) {
  for (const auto& [waker, count] : site.wakers) {
    if (waker.pid != own) by_process[waker.pid] += count;
  }
}

double WokenBy(const ProcessView& process, uint32_t pid) {
  std::map<uint32_t, double> by_process;
  for (const ThreadView& thread : process.threads) {
    for (const WaitSite& site : thread.sites) CountOthers(site, process.pid, by_process);
  }
  return by_process[pid];
}

// Processes that end this thread's polls and that its process wakes: over whatever they talk, they
// ask and are answered. A reader of its output wakes nobody, nor does it wake who feeds it.
size_t PartnersOf(const MachineView& machine, const ThreadView& thread) {
  std::map<uint32_t, double> wakers;
  for (const WaitSite& site : thread.sites) {
    if (IsLoopPoll(site.syscall)) CountOthers(site, thread.key().pid, wakers);
  }
  return static_cast<size_t>(std::ranges::count_if(wakers, [&](const auto& row) {
    const ProcessView* other = machine.Find(row.first);
    return other != nullptr && row.second >= kFewestExchanges &&
           WokenBy(*other, thread.key().pid) >= kFewestExchanges;
  }));
}

Audience OfSides(const MachineView& machine, const ProcessView& process, const ThreadView& thread,
                 uint32_t sides) {
  if ((sides & (SIDE_asked | SIDE_receives)) != 0) return Audience::kSomebody;
  if ((sides & SIDE_waiting) != 0) return Audience::kSomebody;
  if ((sides & SIDE_listens) != 0 && MayAccept(process)) return Audience::kSomebody;
  if ((sides & SIDE_asks_several) != 0) return Audience::kOwn;
  if ((sides & SIDE_asks) != 0) return Audience::kNobody;
  const size_t partners = PartnersOf(machine, thread);
  if (partners >= kSeveral) return Audience::kSomebody;
  return partners == 1 ? Audience::kOwn : Audience::kNobody;
}

}  // namespace

Audience AudienceOf(const MachineView& machine, const ProcessView& process,
                    const ThreadView& thread) {
  if (const auto sides = SidesOfItsPoll(machine, thread)) {
    return OfSides(machine, process, thread, *sides);
  }
  if (IsRead(machine, process)) return Audience::kSomebody;
  const auto sides = SidesOfAll(machine, process);
  return sides ? OfSides(machine, process, thread, *sides) : Audience::kUnknown;
}

}  // namespace waitscope
