#include "agent/diagnose/idle_holders.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>

#include "agent/diagnose/loops.h"
#include "agent/diagnose/pools.h"
#include "bpf/sides.h"
#include "bpf/wait_class.h"

namespace waitscope {
namespace {

constexpr double kProvenShare = 0.2;
constexpr double kWholeWindow = 0.95;
constexpr size_t kFewestReaders = 2;
constexpr uint32_t kClients = SIDE_listens | SIDE_waiting | SIDE_asked | SIDE_receives;
constexpr std::array kAccepts{__NR_accept, __NR_accept4};
constexpr std::array kReads{__NR_read, __NR_readv};
// Rust's channels, and crossbeam's.
constexpr std::array<std::string_view, 3> kChannels{
    "std::sync::mpmc::", "std::sync::mpsc::", "crossbeam_channel::"};

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

// A client's library polls, too, for one answer, also at an epoll instance that watches nothing but
// connections of its own making. What a poll of several descriptors is for is not known; one of a
// single socket is of this nature where that listens.
bool PollsForWork(const MachineView& machine, const ThreadView& thread, const WaitSite& site) {
  if (IsOneOf(kAccepts, site)) return true;
  if (site.object == nullptr) return false;
  if (!IsLoopPoll(site.syscall)) return site.object->kind == OBJECT_socket;
  const auto& sides = machine.snapshot().sides;
  const auto row = sides.find({thread.key().pid, site.object->fd});
  return row == sides.end() || (row->second & kClients) != 0;
}

bool IsReceive(std::string_view symbol) {
  if (symbol.starts_with('<')) symbol.remove_prefix(1);
  return symbol.find("::recv") != std::string_view::npos &&
         std::ranges::any_of(kChannels,
                             [&](std::string_view channel) { return symbol.starts_with(channel); });
}

bool Receives(const MachineView& machine, const WaitSite& site) {
  const auto stack = machine.snapshot().stacks.find(site.user_stack);
  return stack != machine.snapshot().stacks.end() &&
         std::ranges::any_of(stack->second.frames,
                             [](const Frame& frame) { return IsReceive(frame.symbol); });
}

// Of one that reads a pipe under a lock nobody knows whether it waits for work or for an answer;
// several that do wait for work.
bool IsForWork(const MachineView& machine, const ThreadView& thread, const WaitSite& site,
               const Idleness& idleness) {
  if (site.nature == Nature::kPoll) return PollsForWork(machine, thread, site);
  if (site.nature == Nature::kPark) return true;
  return site.nature == Nature::kPipe && IsOneOf(kReads, site) &&
         idleness.threads.size() >= kFewestReaders;
}

// Who parks may wait for what it needs under the lock, or for work. A channel has work. What is a
// lock only by how it is handed on, while whoever has it parks, may be any way of taking turns.
bool ParksForWork(const MachineView& machine, const Lock& lock, uint64_t interpreter,
                  const WaitSite& site) {
  if (site.nature != Nature::kPark || IsFor(machine, lock, site)) return false;
  const bool is_lock =
      lock.mutex || lock.monitor || lock.concurrent || lock.shared || lock.of_python;
  return Receives(machine, site) || (!is_lock && !IsForInterpreter(site, interpreter));
}

// One place, though each thread parks at a word of its own.
std::pair<const wait_object*, int32_t> PlaceOf(const WaitSite& site) {
  return {site.nature == Nature::kPark ? nullptr : site.object, site.syscall};
}

// The time that they idle at one place, where that is most.
double IdleAtOnePlaceNs(const MachineView& machine, const Lock& lock, uint64_t interpreter,
                        const std::set<const ThreadView*>& threads) {
  std::map<std::pair<const wait_object*, int32_t>, Idleness> places;
  double most_ns = 0;
  for (const ThreadView* thread : threads) {
    for (const WaitSite& site : thread->sites) {
      const bool may_idle = site.nature == Nature::kPoll || site.nature == Nature::kPipe ||
                            ParksForWork(machine, lock, interpreter, site);
      if (!may_idle) continue;
      Idleness& place = places[PlaceOf(site)];
      place.ns += site.ns;
      place.threads.insert(thread);
      if (IsForWork(machine, *thread, site, place)) most_ns = std::max(most_ns, place.ns);
    }
  }
  return most_ns;
}

bool IdlesForWork(const MachineView& machine, const ThreadView& thread) {
  return std::ranges::any_of(thread.sites, [&](const WaitSite& site) {
    if (site.ns < kWholeWindow * machine.WindowNs()) return false;
    if (site.nature == Nature::kPoll) return PollsForWork(machine, thread, site);
    if (site.nature == Nature::kPipe) return IsOneOf(kReads, site);
    return site.nature == Nature::kPark && Receives(machine, site);
  });
}

// By name, or by the function its threads began at.
struct PoolMarks {
  std::set<std::string> names;
  std::set<std::string> entries;
};

PoolMarks MarksOf(const MachineView& machine, const Lock& lock) {
  PoolMarks marks;
  for (const auto& [waiter, ns] : lock.waiters) {
    marks.names.insert(PoolNameOf(*waiter));
    marks.entries.insert(EntryOf(machine, *waiter));
  }
  marks.entries.erase("");
  return marks;
}

}  // namespace

bool MayBeKeptIdle(const MachineView& machine, const ProcessView& process, const Lock& lock) {
  if (!lock.owners.empty()) return false;
  const PoolMarks marks = MarksOf(machine, lock);
  return std::ranges::any_of(process.threads, [&](const ThreadView& thread) {
    const bool other = thread.key().tid != process.pid && !lock.waiters.contains(&thread);
    if (!other || !IdlesForWork(machine, thread)) return false;
    return marks.names.contains(PoolNameOf(thread)) ||
           marks.entries.contains(EntryOf(machine, thread));
  });
}

// Who waits behind a holder that works waits while somebody works: so many at a time, at most, as
// there are others.
bool IsKeptIdle(const MachineView& machine, const ProcessView& process, const Lock& lock) {
  const std::set<const ThreadView*> threads = ThreadsAt(process, lock);
  const double idle_ns =
      IdleAtOnePlaceNs(machine, lock, InterpreterLock(machine, process), threads);
  double work_ns = -lock.wait_ns - idle_ns;
  for (const ThreadView* thread : threads) work_ns += thread->WallNs();
  const double explained_ns = std::max(0.0, work_ns) * (static_cast<double>(threads.size()) - 1);
  return idle_ns > 0 && lock.wait_ns - explained_ns >= kProvenShare * lock.wait_ns;
}

}  // namespace waitscope
