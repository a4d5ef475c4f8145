#include "agent/diagnose/idle_holders.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "bpf/wait_class.h"

namespace waitscope {
namespace {

constexpr int kEpollPwait2 = 441;  // v5.11, newer than Debian 11's headers
constexpr double kProvenShare = 0.2;
constexpr size_t kFewestReaders = 2;
// Work comes this way; a thread that pauses waits for none.
constexpr std::array kAwaitWork{__NR_accept,      __NR_accept4, __NR_epoll_wait,
                                __NR_epoll_pwait, kEpollPwait2, __NR_poll,
                                __NR_ppoll,       __NR_select,  __NR_pselect6};
constexpr std::array kReads{__NR_read, __NR_readv};

template <size_t count>
bool IsOneOf(const std::array<int, count>& calls, const WaitSite& site) {
  return std::ranges::find(calls, site.syscall) != calls.end();
}

// Who waits for it, and who was seen to own it or to let others in.
std::set<const ThreadView*> ThreadsAt(const ProcessView& process, const Lock& lock) {
  std::set<const ThreadView*> threads;
  for (const auto& [waiter, ns] : lock.waiters) threads.insert(waiter);
  for (const auto& [tid, count] : lock.wakers) threads.insert(process.Find(tid));
  for (const auto& [tid, seen] : lock.owners) threads.insert(process.Find(tid));
  threads.erase(nullptr);
  return threads;
}

struct Idleness {
  double ns = 0;
  std::set<const ThreadView*> threads;
};

// Of one that reads a pipe under a lock nobody knows whether it waits for work or for an answer;
// several that do wait for work.
bool IsForWork(const WaitSite& site, const Idleness& idleness) {
  if (site.nature == Nature::kPoll) return IsOneOf(kAwaitWork, site);
  return site.nature == Nature::kPipe && IsOneOf(kReads, site) &&
         idleness.threads.size() >= kFewestReaders;
}

// The time that they idle at one place, where that is most.
double IdleAtOnePlaceNs(const std::set<const ThreadView*>& threads) {
  std::map<std::pair<const wait_object*, int32_t>, Idleness> places;
  double most_ns = 0;
  for (const ThreadView* thread : threads) {
    for (const WaitSite& site : thread->sites) {
      if (site.nature != Nature::kPoll && site.nature != Nature::kPipe) continue;
      Idleness& place = places[{site.object, site.syscall}];
      place.ns += site.ns;
      place.threads.insert(thread);
      if (IsForWork(site, place)) most_ns = std::max(most_ns, place.ns);
    }
  }
  return most_ns;
}

}  // namespace

// Who waits behind a holder that works waits while somebody works: so many at a time, at most, as
// there are others.
bool IsKeptIdle(const ProcessView& process, const Lock& lock) {
  const std::set<const ThreadView*> threads = ThreadsAt(process, lock);
  const double idle_ns = IdleAtOnePlaceNs(threads);
  double work_ns = -lock.wait_ns - idle_ns;
  for (const ThreadView* thread : threads) work_ns += thread->WallNs();
  const double explained_ns = std::max(0.0, work_ns) * (static_cast<double>(threads.size()) - 1);
  return idle_ns > 0 && lock.wait_ns - explained_ns >= kProvenShare * lock.wait_ns;
}

}  // namespace waitscope
