#include "agent/diagnose/news.h"

#include <algorithm>
#include <map>
#include <set>

#include "agent/diagnose/pools.h"

namespace waitscope {
namespace {

constexpr double kBusyShare = 0.5;
constexpr double kShortestLimitNs = 900e6;
constexpr double kShortestPollNs = 450e6;  // Kafka's fetch.max.wait.ms is 500
constexpr double kOutside = 0.02;          // of the time in the waits: asking again takes no more
constexpr double kEvenShare = 0.5;
constexpr double kSpread = 0.03;
constexpr double kFromOthers = 0.5;  // messages of others, of the answers

std::set<const ThreadView*> AnswerersOf(const MachineView& machine, const AnswerWaits& waits) {
  std::set<const ThreadView*> answerers;
  for (const WaitSite* site : waits.sites) {
    for (const auto& [waker, count] : site->wakers) {
      const ThreadView* answerer = machine.Find(waker);
      const bool other = waker.pid != waits.threads.front()->key().pid;
      if (answerer != nullptr && other) answerers.insert(answerer);
    }
  }
  return answerers;
}

// Letting time pass is no work.
double BusyNs(const ThreadView& thread) {
  auto busy_ns = static_cast<double>(thread.totals().running_ns);
  for (const WaitSite& site : thread.sites) {
    const bool task = PlaceOf(site.nature) == Place::kTask && site.nature != Nature::kSleep;
    if (task) busy_ns += site.ns;
  }
  return busy_ns;
}

// What it waits for next is this process's next message.
bool Serves(const ProcessView& process, uint32_t client) {
  return std::ranges::any_of(process.threads, [&](const ThreadView& thread) {
    return std::ranges::any_of(thread.sites, [&](const WaitSite& site) {
      const bool idle = site.nature == Nature::kClient || site.nature == Nature::kPoll;
      return idle && std::ranges::any_of(site.wakers,
                                         [&](const auto& row) { return row.first.pid == client; });
    });
  });
}

// Who ended the polls of the thread: neither its own process nor one that it asks itself.
std::map<uint32_t, double> ClientsOf(const MachineView& machine, const ThreadView& thread) {
  std::map<uint32_t, double> clients;
  for (const WaitSite& site : thread.sites) {
    const bool idle = site.nature == Nature::kClient || site.nature == Nature::kPoll;
    for (const auto& [waker, count] : site.wakers) {
      const ProcessView* process = machine.Find(waker.pid);
      const bool other = waker.pid != thread.key().pid && process != nullptr;
      if (idle && other && !Serves(*process, thread.key().pid)) clients[waker.pid] += count;
    }
  }
  return clients;
}

struct Asker {
  double inside_ns = 0;
  std::set<uint16_t> ports;  // its ends of connections to the peer
};

// The wait that is under way at the end is on the same connection, though it may not count as one
// for an answer.
Asker AskerOf(const ThreadView& thread, const AnswerWaits& waits) {
  Asker asker;
  for (const WaitSite& site : thread.sites) {
    if (std::ranges::find(waits.sites, &site) == waits.sites.end()) continue;
    asker.ports.insert(site.object->local_port);
  }
  for (const WaitSite& site : thread.sites) {
    const bool socket = site.object != nullptr && site.object->kind == OBJECT_socket;
    if (socket && asker.ports.contains(site.object->local_port)) asker.inside_ns += site.ns;
  }
  return asker;
}

double OutsideNs(const ThreadView& thread, double inside_ns) {
  double waited_ns = 0;
  for (const WaitSite& site : thread.sites) waited_ns += site.ns;
  return static_cast<double>(thread.totals().running_ns) + waited_ns - inside_ns;
}

// They ask again at once, over the same connection, and do nothing with what they are told.
bool OnlyAsks(const AnswerWaits& waits) {
  return std::ranges::all_of(waits.threads, [&](const ThreadView* thread) {
    const Asker asker = AskerOf(*thread, waits);
    return asker.ports.size() == 1 &&
           OutsideNs(*thread, asker.inside_ns) <= kOutside * asker.inside_ns;
  });
}

// The first wait of each thread may have begun before the window: its count is in, not its time.
bool AreAlike(const AnswerWaits& waits) {
  const auto longest_ns = static_cast<double>(waits.longest_ns);
  const double begun_before_ns = longest_ns * static_cast<double>(waits.threads.size());
  return waits.count * longest_ns - waits.ns <= begun_before_ns + kSpread * waits.ns;
}

}  // namespace

bool TookWork(const MachineView& machine, const AnswerWaits& waits) {
  return std::ranges::any_of(AnswerersOf(machine, waits), [](const ThreadView* answerer) {
    return BusyNs(*answerer) >= kBusyShare * answerer->WallNs();
  });
}

bool CameByTimeLimit(const AnswerWaits& waits) {
  const auto longest_ns = static_cast<double>(waits.longest_ns);
  return AreAlike(waits) &&
         (longest_ns >= kShortestLimitNs || (longest_ns >= kShortestPollNs && OnlyAsks(waits)));
}

bool MayAcknowledge(const AnswerWaits& waits) {
  double even_ns = 0;
  for (const WaitSite* site : waits.sites)
    even_ns += site->object->turn == TURN_even ? site->ns : 0;
  return even_ns >= kEvenShare * waits.ns && AreAlike(waits);
}

bool CameFromOthers(const MachineView& machine, const AnswerWaits& waits) {
  const uint32_t own = waits.threads.front()->key().pid;
  double from_others = 0;
  for (const ThreadView* answerer : AnswerersOf(machine, waits)) {
    for (const auto& [pid, count] : ClientsOf(machine, *answerer)) {
      from_others += pid != own ? count : 0;
    }
  }
  return from_others >= kFromOthers * waits.count && !TookWork(machine, waits);
}

}  // namespace waitscope
