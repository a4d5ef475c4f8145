#include "agent/diagnose/news.h"

#include <algorithm>
#include <cmath>
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
constexpr double kSomeFromOthers = 0.1;
constexpr double kOccupied = 0.2;         // of the time in the waits: more is work for the answers
constexpr double kListens = 0.5;          // of its time
constexpr double kShortestParkNs = 30e6;  // those for an interpreter's lock are shorter

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

// Whether it mostly waits for messages, and of none but others.
bool HearsOthers(const MachineView& machine, const ThreadView& thread, uint32_t asker) {
  const double idle_ns = thread.NsOf(Nature::kClient) + thread.NsOf(Nature::kPoll);
  const std::map<uint32_t, double> clients = ClientsOf(machine, thread);
  return idle_ns >= kListens * thread.WallNs() && !clients.empty() && !clients.contains(asker);
}

// How a thread's parks ended.
struct Parks {
  double by_others = 0;  // by a thread of its process that heard from others
  double by_limit = 0;   // by the clock, after as long as the longest wait for an answer
};

double WokenByOthers(const MachineView& machine, const WaitSite& site, const ThreadKey& parked,
                     uint32_t asker) {
  double count = 0;
  for (const auto& [key, ended] : site.wakers) {
    const ThreadView* waker = key.pid == parked.pid ? machine.Find(key) : nullptr;
    if (waker != nullptr && HearsOthers(machine, *waker, asker)) count += ended;
  }
  return count;
}

Parks ParksOf(const MachineView& machine, const ThreadView& thread, const AnswerWaits& waits) {
  const auto limit_ns = static_cast<double>(waits.longest_ns);
  Parks parks;
  for (const WaitSite& site : thread.sites) {
    const auto longest_ns = static_cast<double>(site.longest_ns);
    if (site.nature != Nature::kPark || longest_ns < kShortestParkNs) continue;
    parks.by_others += WokenByOthers(machine, site, thread.key(), waits.threads.front()->key().pid);
    double by_clock = site.count;
    for (const auto& [waker, count] : site.wakers) by_clock -= count;
    const bool at_limit = std::abs(longest_ns - limit_ns) <= kSpread * limit_ns;
    if (at_limit) parks.by_limit += std::max(0.0, by_clock);
  }
  return parks;
}

double OccupiedNs(const ThreadView& thread) {
  auto occupied_ns = static_cast<double>(thread.totals().running_ns);
  for (const WaitSite& site : thread.sites) {
    if (PlaceOf(site.nature) != Place::kHome) occupied_ns += site.ns;
  }
  return occupied_ns;
}

double AnswersOf(const ThreadView& answerer, const AnswerWaits& waits) {
  double answers = 0;
  for (const WaitSite* site : waits.sites) {
    const auto at = site->wakers.find(answerer.key());
    answers += at != site->wakers.end() ? at->second : 0;
  }
  return answers;
}

// How many answers threads gave that read the questions and then did nothing until others let them
// go on, or a limit did: one thread for each client, all at one topic. A limit alone may be a nap.
double PassedOn(const MachineView& machine, const AnswerWaits& waits) {
  double by_others = 0;
  double answers = 0;
  double occupied_ns = 0;
  for (const ThreadView* answerer : AnswerersOf(machine, waits)) {
    const Parks parks = ParksOf(machine, *answerer, waits);
    by_others += parks.by_others;
    answers += std::min(parks.by_others + parks.by_limit, AnswersOf(*answerer, waits));
    occupied_ns += OccupiedNs(*answerer);
  }
  const bool topic =
      by_others >= kSomeFromOthers * waits.count && occupied_ns <= kOccupied * waits.ns;
  return topic ? answers : 0;
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
  from_others += PassedOn(machine, waits);
  return from_others >= kFromOthers * waits.count && !TookWork(machine, waits);
}

}  // namespace waitscope
