#include "agent/diagnose/loops.h"

#include <algorithm>
#include <map>
#include <set>

#include "agent/core/histogram.h"
#include "agent/diagnose/databases.h"
#include "bpf/wait_class.h"

namespace waitscope {
namespace {

constexpr int32_t kIoUringEnter = 426;
constexpr int32_t kAnyFd = -1;
constexpr int32_t kUnseenFd = -2;
constexpr double kInnerWaits = 4;  // for a child's output, the end of it, and of the child
constexpr double kOwnWakings = 0.9;
constexpr uint64_t kFewestSlowPolls = 2;
constexpr double kFewestPollsPerSecond = 0.5;
constexpr double kFewestSocketCallsPerSecond = 0.5;

// What a poll has reported is taken with one of these.
uint64_t SocketCalls(const ThreadView& thread) {
  const uint64_t sure = thread.Calls(
      {__NR_accept, __NR_accept4, __NR_recvfrom, __NR_recvmsg, __NR_sendto, __NR_sendmsg});
  return sure + thread.ReadsWithWrites();
}

uint64_t LoopPolls(const ThreadView& thread) {
  return thread.Calls({__NR_epoll_wait, __NR_epoll_pwait, kEpollPwait2, kIoUringEnter});
}

// A worker that gets messages of its own process waits as a loop does; no connection waits for it.
bool IsFedByItsProcess(const ThreadView& thread) {
  double waits = 0;
  double by_siblings = 0;
  for (const WaitSite& site : thread.sites) {
    if (!IsLoopPoll(site.syscall)) continue;
    waits += site.count;
    for (const auto& [waker, count] : site.wakers) {
      by_siblings += waker.pid == thread.key().pid ? count : 0;
    }
  }
  return waits > 0 && by_siblings >= kOwnWakings * waits;
}

// It comes round seldom since each turn takes so long, and then has something to do for several: a
// worker with one client has one thing to do.
bool IsSlowLoop(const MachineView& machine, const ThreadView& thread) {
  if (thread.loop == nullptr) return false;
  const uint64_t requests = thread.Calls({__NR_recvfrom, __NR_recvmsg}) + thread.ReadsWithWrites();
  return LoopPolls(thread) >= kFewestSlowPolls && requests >= 2 * LoopPolls(thread) &&
         static_cast<double>(thread.loop->gap_ns) >= machine.WindowNs() / 2;
}

bool IsLoopByCalls(const MachineView& machine, const ThreadView& thread) {
  const double seconds = machine.Seconds();
  if (IsSlowLoop(machine, thread)) return true;
  return static_cast<double>(LoopPolls(thread)) >= kFewestPollsPerSecond * seconds &&
         static_cast<double>(SocketCalls(thread)) >= kFewestSocketCallsPerSecond * seconds;
}

// Whoever of several threads is free waits at one poll for all of them (Go): none is held up.
std::set<int32_t> SharedPollFds(const ProcessView& process) {
  std::map<int32_t, int> threads;
  for (const ThreadView& thread : process.threads) {
    std::set<int32_t> own;
    for (const WaitSite& site : thread.sites) {
      if (IsLoopPoll(site.syscall) && site.object != nullptr) own.insert(site.object->fd);
    }
    for (const int32_t fd : own) ++threads[fd];
  }
  std::set<int32_t> shared;
  for (const auto& [fd, count] : threads) {
    if (fd >= 0 && count >= 2) shared.insert(fd);
  }
  return shared;
}

bool PollsAt(const ThreadView& thread, const std::set<int32_t>& fds) {
  return std::ranges::any_of(thread.sites, [&](const WaitSite& site) {
    return IsLoopPoll(site.syscall) && site.object != nullptr && fds.contains(site.object->fd);
  });
}

double SampledPolls(const ThreadView& thread) {
  double polls = 0;
  for (const WaitSite& site : thread.sites) polls += IsLoopPoll(site.syscall) ? site.count : 0;
  return polls;
}

// Without counted calls: it waits at an epoll again and again, and does nothing else for long
// but what the rule then looks at.
bool IsLoopByWaits(const MachineView& machine, const ThreadView& thread) {
  return SampledPolls(thread) >= kFewestPollsPerSecond * machine.Seconds();
}

void CountGaps(const LoopWindow& window, Loop& loop) {
  const LongTurns turns = TurnsOf(loop, kLongGapNs);
  loop.gaps = turns.count;
  loop.stalled_ns = turns.ns;
  loop.gap_p99_ns = turns.p99_ns;
  loop.gap_longest_ns = std::max(loop.gap_longest_ns, window.gap.BoundedMaxNs(window.gap_max_ns));
}

// Each of these waits held the loop up for at least its own length.
void CountWaits(Loop& loop) {
  for (const WaitSite* site : loop.inside) {
    // A long one may come with a few short ones of the same call.
    const bool long_ones = site->longest_ns >= kLongGapNs &&
                           site->MeanNs() >= static_cast<double>(site->longest_ns) / kInnerWaits;
    if (site->MeanNs() < kLongGapNs && !long_ones) continue;
    loop.gaps += static_cast<uint64_t>(std::max(site->count, 1.0));
    loop.stalled_ns += site->ns;
    loop.gap_p99_ns = std::max(loop.gap_p99_ns, site->longest_ns);
  }
}

// Where a thread makes new epoll instances all the time, those are loops inside calls that only
// look synchronous (Node's execSync); its own is the one it had first, of the lowest number. When a
// single one is seen and no more often than new ones are made, its own had nothing to wait for.
int32_t OwnPollFd(const ThreadView& thread) {
  const auto created = static_cast<double>(thread.Calls({__NR_epoll_create1}));
  if (created < 2) return kAnyFd;
  std::map<int32_t, double> waits;
  for (const WaitSite& site : thread.sites) {
    const bool known = site.object != nullptr && site.object->fd >= 0;
    if (known && IsLoopPoll(site.syscall)) waits[site.object->fd] += site.count;
  }
  if (waits.empty()) return kAnyFd;
  const bool inner = waits.size() == 1 && waits.begin()->second <= kInnerWaits * created;
  return inner ? kUnseenFd : waits.begin()->first;
}

bool IsHome(const WaitSite& site, int32_t own_fd) {
  if (!IsLoopPoll(site.syscall)) return false;
  return own_fd == kAnyFd || site.object == nullptr || site.object->fd == own_fd;
}

void AddInside(const WaitSite& site, Loop& loop) {
  loop.blocked_ns += site.ns;
  if (site.cls == WAIT_poll) loop.nested_poll_ns += site.ns;
  loop.gap_longest_ns = std::max(loop.gap_longest_ns, site.longest_ns);
  if (site.longest_ns >= kLongGapNs / 10) loop.inside.push_back(&site);
  if (site.open) loop.in_progress = &site;
}

// A call may wait at many places and for many files, a little each time.
void FindWorst(const std::map<Nature, std::vector<const WaitSite*>>& by_nature, Loop& loop) {
  for (const auto& [nature, sites] : by_nature) {
    double ns = 0;
    for (const WaitSite* site : sites) ns += site->ns;
    if (ns <= loop.nature_ns) continue;
    loop.nature_ns = ns;
    loop.worst = sites.front();
  }
}

Loop Examine(const ThreadView& thread, bool any_poll_is_home) {
  Loop loop{.thread = &thread};
  const int32_t own_fd = any_poll_is_home ? kAnyFd : OwnPollFd(thread);
  loop.running_ns = static_cast<double>(thread.totals().running_ns);
  loop.runnable_ns = static_cast<double>(thread.totals().RunnableNs());
  std::map<Nature, std::vector<const WaitSite*>> by_nature;
  for (const WaitSite& site : thread.sites) {
    const bool home = IsHome(site, own_fd) || (any_poll_is_home && site.cls == WAIT_poll);
    if (home) continue;
    AddInside(site, loop);
    by_nature[site.nature].push_back(&site);
  }
  FindWorst(by_nature, loop);
  if (thread.loop != nullptr) CountGaps(*thread.loop, loop);
  if (loop.gaps == 0 || own_fd != kAnyFd) CountWaits(loop);
  return loop;
}

}  // namespace

bool IsLoopPoll(int32_t syscall) {
  return syscall == __NR_epoll_wait || syscall == __NR_epoll_pwait || syscall == kEpollPwait2 ||
         syscall == kIoUringEnter;
}

LongTurns TurnsOf(const Loop& loop, uint64_t shortest_ns) {
  LongTurns turns;
  if (loop.thread->loop == nullptr) return turns;
  Histogram counted;
  for (const Histogram::Bucket& bucket : loop.thread->loop->gap.Used()) {
    const uint64_t floor_ns = hist_floor_ns(bucket.index);
    if (floor_ns < shortest_ns) continue;
    turns.count += bucket.count;
    turns.ns += static_cast<double>(bucket.count) * static_cast<double>(floor_ns) * 1.06;
    counted.Add(floor_ns, bucket.count);
  }
  turns.p99_ns = counted.QuantileNs(0.99);
  return turns;
}

std::vector<Loop> LoopsOf(const MachineView& machine, const ProcessView& process) {
  std::vector<Loop> loops;
  if (IsPostgres(process)) return loops;  // a backend polls for one client and works for it alone
  const std::set<int32_t> shared = SharedPollFds(process);
  for (const ThreadView& thread : process.threads) {
    const bool measured = !thread.calls.empty();
    const bool is_loop = measured ? IsLoopByCalls(machine, thread) : IsLoopByWaits(machine, thread);
    if (is_loop && !IsFedByItsProcess(thread) && !PollsAt(thread, shared)) {
      loops.push_back(Examine(thread, false));
    }
  }
  return loops;
}

std::vector<Loop> OtherPollersOf(const MachineView& machine, const ProcessView& process,
                                 const std::vector<Loop>& loops) {
  std::vector<Loop> others;
  for (const ThreadView& thread : process.threads) {
    if (std::ranges::find(loops, &thread, &Loop::thread) != loops.end()) continue;
    const double polls =
        thread.loop != nullptr ? static_cast<double>(thread.loop->polls) : SampledPolls(thread);
    if (polls >= kFewestPollsPerSecond * machine.Seconds()) others.push_back(Examine(thread, true));
  }
  return others;
}

}  // namespace waitscope
