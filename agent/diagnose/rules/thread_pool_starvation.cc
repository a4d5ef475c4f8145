// Does a pool have work for all its threads while none of them comes back for the next task?
//
// Thresholds: members blocked in their tasks for 85 % of the window with at most 10 % at home (the
// 500 ms without a dequeue of .NET's gate and MariaDB's thread_pool_stall_limit, many times over),
// and hardly anybody idle beside them. Waits of at least 30 ms: shorter ones are a busy pool.
// False positives: threads that each sleep by a timetable (a sleep counts only in a process that
// is asked for something, of threads that work for who asks), clients without a queue (no
// dispatcher, no tasks: then it is a backend wait), consumers that ask, acknowledge and hand on
// (what they read they had asked for, and whom they wake answers nobody; without counted calls:
// nobody on this machine waited for what they sent), consumers that wait for messages (their waits
// do not end), CPU-bound pools (they run).
#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "agent/core/unread.h"
#include "agent/diagnose/draft.h"
#include "agent/diagnose/executors.h"
#include "agent/diagnose/idle_holders.h"
#include "agent/diagnose/locks.h"
#include "agent/diagnose/pools.h"
#include "agent/diagnose/rules.h"
#include "agent/diagnose/text.h"
#include "bpf/wait_class.h"

namespace waitscope {
namespace {

constexpr double kStuckShare = 0.85;
constexpr double kMostHomeShare = 0.10;
constexpr double kIdleShare = 0.5;
constexpr double kShortestWaitNs = 30e6;
constexpr double kShortestEndNs = 1e6;
constexpr double kFewestWaits = 3;
constexpr double kOwnConnections = 0.75;
constexpr uint64_t kFewestReads = 10;
constexpr double kMostReads = 0.9;
constexpr uint64_t kAtOnceNs = 30'000'000;
constexpr double kOfTasks = 0.25;  // calls are counted from a little later on than waits
constexpr double kOfParts = 0.08;  // a request that is waited for may have a dozen parts

// What may be either is taken for home: healthy means no finding.
bool IsTask(Nature nature) { return PlaceOf(nature) == Place::kTask; }

struct Occupation {
  double task_ns = 0;
  double home_ns = 0;
};

Occupation OccupationOf(const ThreadView& thread) {
  Occupation occupation;
  for (const WaitSite& site : thread.sites) {
    (IsTask(site.nature) ? occupation.task_ns : occupation.home_ns) += site.ns;
  }
  return occupation;
}

struct StarvedPool {
  std::vector<const ThreadView*> stuck;
  size_t idle = 0;
  Nature nature = Nature::kOther;  // of most of their time
  const WaitSite* site = nullptr;  // the longest of that nature
  double stuck_ns = 0;
  double waits = 0;
  double nature_ns = 0;
  bool looks_up = false;  // names, in libuv
  bool asked = false;     // by others than its own process, as far as is known
};

bool IsStuck(const ThreadView& member, const Occupation& occupation) {
  const double wall_ns = std::max(member.WallNs(), 1.0);
  return occupation.task_ns >= kStuckShare * wall_ns &&
         occupation.home_ns <= kMostHomeShare * wall_ns;
}

// The nature most of their time is of, and where most of that is spent.
void FindNature(StarvedPool& starved) {
  std::map<Nature, double> by_nature;
  for (const ThreadView* member : starved.stuck) {
    for (const WaitSite& site : member->sites) {
      if (IsTask(site.nature)) by_nature[site.nature] += site.ns;
    }
  }
  const auto most =
      std::ranges::max_element(by_nature, {}, [](const auto& row) { return row.second; });
  if (most == by_nature.end()) return;
  starved.nature = most->first;
  starved.nature_ns = most->second;
}

void FindSite(StarvedPool& starved) {
  for (const ThreadView* member : starved.stuck) {
    starved.waits += member->CountOf(starved.nature);
    for (const WaitSite& site : member->sites) {
      const bool longer = starved.site == nullptr || site.ns > starved.site->ns;
      if (site.nature == starved.nature && longer) starved.site = &site;
    }
  }
}

// Names are looked up by half of libuv's threads at most (UV__WORK_SLOW_IO): the others are no
// help.
bool AreAllThatMayLookUp(const MachineView& machine, const std::vector<const ThreadView*>& stuck,
                         size_t idle) {
  const bool look_up = std::ranges::all_of(
      stuck, [&](const ThreadView* member) { return LooksUpNamesInLibuv(machine, *member); });
  return look_up && stuck.size() >= (stuck.size() + idle + 1) / 2;
}

size_t IdleBeside(const MachineView& machine, const std::vector<const ThreadView*>& idle,
                  StarvedPool& starved) {
  const std::vector<const ThreadView*>& stuck = starved.stuck;
  const bool libuv = std::ranges::all_of(
      stuck, [&](const ThreadView* member) { return WorksInLibuv(machine, *member); });
  if (stuck.empty() || !libuv) return idle.size();
  const std::string entry = EntryOf(machine, *stuck.front());
  const auto beside = static_cast<size_t>(std::ranges::count_if(
      idle, [&](const ThreadView* member) { return EntryOf(machine, *member) == entry; }));
  starved.looks_up = AreAllThatMayLookUp(machine, stuck, beside);
  return starved.looks_up ? 0 : beside;
}

StarvedPool Gather(const MachineView& machine, const Pool& pool) {
  StarvedPool starved;
  std::vector<const ThreadView*> idle;
  for (const ThreadView* member : pool.members) {
    const Occupation occupation = OccupationOf(*member);
    if (occupation.home_ns >= kIdleShare * std::max(member->WallNs(), 1.0)) idle.push_back(member);
    if (!IsStuck(*member, occupation)) continue;
    starved.stuck.push_back(member);
    starved.stuck_ns += occupation.task_ns;
  }
  starved.idle = IdleBeside(machine, idle, starved);
  FindNature(starved);
  FindSite(starved);
  return starved;
}

bool WaitForTheirTurn(const MachineView& machine, const ProcessView& process,
                      const StarvedPool& starved) {
  return starved.site != nullptr &&
         std::ranges::any_of(WaitedForIn(machine, process), [&](const Lock& lock) {
           return IsFor(machine, lock, *starved.site) && IsKeptIdle(machine, process, lock);
         });
}

// A thread for each connection is no pool: nobody waits for one to be free. Its threads receive
// by themselves, over connections that were there before.
bool ServesConnectionsOfItsOwn(const ProcessView& process, const StarvedPool& starved) {
  uint64_t received = 0;
  uint64_t accepted = 0;
  for (const ThreadView* member : starved.stuck) {
    received += member->Calls({__NR_recvfrom, __NR_recvmsg, __NR_read});
  }
  for (const ThreadView& thread : process.threads) {
    accepted += thread.Calls({__NR_accept, __NR_accept4});
  }
  return static_cast<double>(received) >= starved.waits / 2 &&
         static_cast<double>(accepted) < kOwnConnections * starved.waits;
}

// What is handed on to a thread that talks with nobody is no answer.
bool IsAskedOrAnswers(const ProcessView& process, const ThreadView& thread) {
  return IsAsked(process, thread) || ExchangesForOthers(thread) >= 1;
}

// Waits that these ended, of such a kind, of such other threads of the process.
double WokenBy(const ProcessView& process, const StarvedPool& starved,
               absl::FunctionRef<bool(const WaitSite&)> is_such,
               absl::FunctionRef<bool(const ThreadView&)> counts) {
  std::set<ThreadKey> members;
  for (const ThreadView* member : starved.stuck) members.insert(member->key());
  double woken = 0;
  for (const ThreadView& thread : process.threads) {
    if (members.contains(thread.key()) || !counts(thread)) continue;
    for (const WaitSite& site : thread.sites) {
      if (is_such(site)) woken += site.EndedBy(members);
    }
  }
  return woken;
}

// At least so many were long; the count of a site has its short ones, too.
double LongWaits(const StarvedPool& starved) {
  double waits = 0;
  for (const ThreadView* member : starved.stuck) {
    for (const WaitSite& site : member->sites) {
      const bool slow = site.nature == starved.nature && site.MeanNs() >= kShortestWaitNs;
      if (slow) waits += std::min(site.count, site.ns / static_cast<double>(site.longest_ns));
    }
  }
  return waits;
}

// Then somebody is always free to read them. Not known where they are read by a loop of its own.
bool AreReadAtOnce(const MachineView& machine, const ProcessView& process) {
  uint64_t reads = 0;
  for (const PortAges& port : UnreadAgesByPort(machine.snapshot(), process.pid)) {
    reads += port.ages.Count();
    const bool known = port.ages.Count() >= kFewestReads;
    if (known && port.ages.QuantileNs(kMostReads) >= kAtOnceNs) return false;
  }
  return reads >= kFewestReads;
}

double Questions(const StarvedPool& starved, double tasks) {
  if (starved.nature != Nature::kBackend) return 0;
  for (const ThreadView* member : starved.stuck) tasks -= WaitsToConnect(*member);
  return std::max(0.0, tasks);
}

// A task begins with a question and ends with an answer, over a connection or to the thread that
// has it; asking a backend is one more of each. Who only asks, sleeps by a timetable or sends news
// in a process that is asked for other things does not work for those who wait.
bool ExchangeForOthers(const MachineView& machine, const ProcessView& process,
                       const StarvedPool& starved, double tasks) {
  double exchanges = -Questions(starved, tasks);
  double for_others = 0;
  for (const ThreadView* member : starved.stuck) {
    exchanges += static_cast<double>(ExchangesOf(*member));
    for_others += ExchangesForOthers(*member);
  }
  return std::min(exchanges, for_others) >= tasks * kOfTasks && !AreReadAtOnce(machine, process);
}

// Without counted calls it is proof when somebody on this machine waited for what they sent, and
// they had not waited for the question: it lay there already.
bool AnswerWaiters(const MachineView& machine, const StarvedPool& starved, double tasks) {
  double heard = 0;
  for (const ThreadView* member : starved.stuck) heard += member->CountOf(Nature::kClient);
  return AnsweredBy(machine, starved.stuck) - heard >= tasks * kOfTasks;
}

// What they sent beyond their own questions. Written may be to files, unless they talk with others.
double SentForOthers(const StarvedPool& starved, double tasks) {
  const bool talk = starved.nature == Nature::kBackend;
  double sent = -Questions(starved, tasks);
  for (const ThreadView* member : starved.stuck) {
    const uint64_t sure = member->Calls({__NR_sendto, __NR_sendmsg, __NR_sendmmsg});
    sent += static_cast<double>(talk ? SendsOf(*member) : sure);
  }
  return sent;
}

bool AreHandedWork(const ProcessView& process, const StarvedPool& starved, uint64_t most_reads) {
  const double enough = std::max(1.0, LongWaits(starved) * kOfTasks);
  return std::ranges::any_of(process.threads, [&](const ThreadView& thread) {
    return HandsOn(thread, most_reads) >= enough &&
           std::ranges::find(starved.stuck, &thread) == starved.stuck.end();
  });
}

// Some other thread reads what comes in and hands it on: it sends far less than it reads, so these
// have to answer. That they do is seen where the requests were counted and they send more than
// their own questions, or by who on this machine waited for what they sent.
bool AnswerWhatWasHanded(const MachineView& machine, const ProcessView& process,
                         const StarvedPool& starved) {
  const double enough = LongWaits(starved) * kOfTasks;
  const bool counted = static_cast<double>(process.requests_read) >= enough &&
                       SentForOthers(starved, LongWaits(starved)) >= enough;
  if (counted && AreHandedWork(process, starved, process.requests_read)) return true;
  return AreHandedWork(process, starved, UINT64_MAX) &&
         AnswerWaiters(machine, starved, LongWaits(starved));
}

bool WorkForRequests(const MachineView& machine, const ProcessView& process,
                     const StarvedPool& starved) {
  const double tasks = LongWaits(starved);
  const bool answer = IsCounted(process) ? ExchangeForOthers(machine, process, starved, tasks)
                                         : AnswerWaiters(machine, starved, tasks);
  const auto for_askers = [&](const ThreadView& thread) {
    return IsAskedOrAnswers(process, thread);
  };
  const auto is_any = [](const WaitSite&) { return true; };
  // Who idles waits for whatever comes, and not for a part.
  const auto is_for_part = [](const WaitSite& site) {
    const bool idles = site.nature == Nature::kPoll || site.nature == Nature::kClient;
    return !idles && site.MeanNs() >= kShortestWaitNs;
  };
  return answer || WokenBy(process, starved, is_any, for_askers) >= tasks * kOfTasks ||
         WokenBy(process, starved, is_for_part, for_askers) >= tasks * kOfParts;
}

// Pieces of work, and not one that goes on for ever: each has a connection of its own, or somebody
// waits for its end, or an executor runs them. Who waits for the interpreter's lock now and then
// waits for no end.
bool AreTasks(const MachineView& machine, const ProcessView& process, const StarvedPool& starved) {
  const double tasks = LongWaits(starved);
  uint64_t connected = 0;
  for (const ThreadView* member : starved.stuck) connected += member->Calls({__NR_connect});
  const bool executed = IsOfExecutor(machine, starved.site->user_stack);
  const auto is_for_end = [](const WaitSite& site) { return site.MeanNs() >= kShortestEndNs; };
  const auto waits_for_them = [&](const ThreadView& thread) {
    return !IsOfTheRuntime(machine, thread);
  };
  return executed || static_cast<double>(connected) >= tasks / 2 ||
         WokenBy(process, starved, is_for_end, waits_for_them) >= tasks * kOfTasks;
}

bool LooksSick(const MachineView& machine, const ProcessView& process, const Pool& pool,
               StarvedPool& starved) {
  if (starved.stuck.size() < 2 || starved.idle > starved.stuck.size() / 4) return false;
  const bool moves = starved.waits >= kFewestWaits;
  const bool fed = HasDispatcher(machine, process, pool, LongWaits(starved));
  const bool handed = moves && AnswerWhatWasHanded(machine, process, starved);
  starved.asked = handed || MayServeRequests(machine, process);
  const bool harms = handed || (starved.asked && (moves ? WorkForRequests(machine, process, starved)
                                                        : AnswersNobody(process)));
  const bool slow = starved.nature_ns >= kShortestWaitNs * std::max(starved.waits, 1.0);
  if (starved.nature == Nature::kSleep) {
    return harms && moves && slow && !ServesConnectionsOfItsOwn(process, starved);
  }
  // In a server somebody is always busy, be it a runtime's own timer: that feeds no consumers.
  if (starved.nature != Nature::kBackend) return harms && slow;
  return slow && (harms || (!starved.asked && fed && moves && AreTasks(machine, process, starved)));
}

bool IsSick(const MachineView& machine, const ProcessView& process, const Pool& pool,
            StarvedPool& starved) {
  return LooksSick(machine, process, pool, starved) && !WaitForTheirTurn(machine, process, starved);
}

std::string For(const StarvedPool& starved) {
  switch (starved.nature) {
    case Nature::kBackend:
      return absl::StrCat("for ", PeerText(*starved.site->object), " to answer");
    case Nature::kSleep:
      return "in a sleep";
    case Nature::kMutex:
    case Nature::kMonitor:
    case Nature::kLock:
    case Nature::kFileLock:
    case Nature::kKernelLock:
      return "for a lock";
    case Nature::kChild:
      return "for a child process";
    default:
      return "for the disk";
  }
}

Finding Tell(const MachineView& machine, const ProcessView& process, const StarvedPool& starved) {
  Finding finding = DraftStarvedPool(machine, process, *starved.stuck.front());
  const double wall_ns = machine.WindowNs() * static_cast<double>(starved.stuck.size());
  const double share = std::min(1.0, starved.stuck_ns / wall_ns);
  finding.severity = starved.asked ? Severity::kCritical : Severity::kWarning;
  finding.confidence = starved.asked ? 0.93 : 0.85;
  finding.impact = {static_cast<uint64_t>(starved.stuck_ns), share};
  NameThreads(finding, starved.stuck);
  finding.summary =
      absl::StrCat("all ", starved.stuck.size(), " worker threads of ", NameOf(process),
                   starved.looks_up ? " that may look up names" : "", " were blocked for ",
                   ShareText(share), " of ", TimeText(machine.WindowNs()), ", mostly waiting ",
                   For(starved), " (", TimeText(starved.nature_ns / std::max(starved.waits, 1.0)),
                   " each time): none is free for the next task");
  finding.advice =
      "make the call asynchronous or faster, or give it a bounded pool of its own; stop-gap: raise "
      "the pool's size";
  finding.evidence.push_back(
      StackEvidence(machine, *starved.site, starved.nature_ns, starved.waits));
  if (starved.nature == Nature::kBackend) {
    finding.evidence.push_back(ObjectEvidence("peer", PeerText(*starved.site->object)));
  }
  finding.evidence.push_back(
      Metric("pool_threads_blocked", static_cast<double>(starved.stuck.size()), "threads", 2));
  finding.evidence.push_back(
      Metric("pool_threads_idle", static_cast<double>(starved.idle), "threads", 0));
  finding.evidence.push_back(Metric(
      "wait_mean_ns", starved.nature_ns / std::max(starved.waits, 1.0), "ns", kShortestWaitNs));
  finding.evidence.push_back(LookAt(starved.stuck.front()->key()));
  return finding;
}

}  // namespace

Findings ThreadPoolStarvation(const MachineView& machine) {
  Findings findings;
  for (const auto& [pid, process] : machine.processes()) {
    for (const Pool& pool : PoolsOf(machine, process)) {
      StarvedPool starved = Gather(machine, pool);
      if (IsSick(machine, process, pool, starved)) {
        findings.push_back(Tell(machine, process, starved));
      }
    }
  }
  return findings;
}

}  // namespace waitscope
