#include "agent/diagnose/pools.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "agent/diagnose/loops.h"
#include "bpf/sides.h"
#include "bpf/wait_class.h"

namespace waitscope {
namespace {

constexpr double kLongLived = 0.5;
constexpr double kDispatchesPerSecond = 0.5;
constexpr uint64_t kFewestTurns = 4;
constexpr double kSeveral = 1.25;
constexpr double kMostSleeps = 2.5;            // for each thing it took
constexpr double kPerJob = 0.8;                // a job that ends was handed out before
constexpr double kOwnWork = 0.5;               // of its time, at the same kind of work as the pool
constexpr uint16_t kUnix = 1;                  // AF_UNIX
constexpr uint64_t kShortestBlockNs = 16'000;  // two switches and what the peer does
constexpr std::array<int32_t, 10> kMayBlock{
    __NR_recvfrom, __NR_recvmsg, __NR_read,     __NR_readv,      __NR_poll,
    __NR_ppoll,    __NR_select,  __NR_pselect6, __NR_epoll_wait, __NR_epoll_pwait};
constexpr std::array<std::string_view, 10> kRuntimeFrames{
    "WatcherThread::",      "VMThread::",         "ConcurrentGCThread::",     "GangWorker::",
    "CompileBroker::",      "ServiceThread::",    "MonitorDeflationThread::", "NMethodSweeper::",
    "NotificationThread::", "signal_thread_entry"};

bool IsMain(const ThreadView& thread) { return thread.key().tid == thread.key().pid; }

// A loop that receives, and has not connected to anybody.
bool IsAskedInTurns(const ThreadView& thread) {
  return thread.Calls({__NR_epoll_wait, __NR_epoll_pwait, kEpollPwait2}) >= kFewestTurns &&
         thread.Calls({__NR_recvfrom, __NR_recvmsg}) >= kFewestTurns &&
         thread.Calls({__NR_sendto, __NR_sendmsg, __NR_write, __NR_writev}) > 0 &&
         thread.Calls({__NR_connect}) == 0;
}

uint64_t Polls(const ThreadView& thread) {
  return thread.Calls({__NR_epoll_wait, __NR_epoll_pwait, kEpollPwait2, __NR_poll, __NR_ppoll,
                       __NR_select, __NR_pselect6});
}

bool AsksSomebody(const ThreadView& thread) {
  return thread.CountOf(Nature::kBackend) + thread.CountOf(Nature::kNews) > 0 ||
         thread.Calls({__NR_connect}) > 0;
}

uint64_t TakenBy(const ThreadView& thread) {
  return thread.Calls({__NR_recvfrom, __NR_recvmsg}) + thread.ReadsWithWrites();
}

// Requests were read, and it polls and receives but asks nobody: clients of databases poll, too.
bool TakesRequests(const ProcessView& process, const ThreadView& thread) {
  return process.requests_read >= kFewestTurns && !AsksSomebody(thread) &&
         Polls(thread) >= kFewestTurns && TakenBy(thread) >= kFewestTurns;
}

// A loop that is asked all the time finds something at each poll. If it sleeps in between, then
// for each of several requests that it found, and not once a turn, as whoever looks what lies there
// whenever its own clock says so.
bool SleepsMoreThanItPolls(const ThreadView& thread) {
  if (thread.loop == nullptr || thread.loop->polls < kFewestTurns) return false;
  const double sleeps = thread.CountOf(Nature::kSleep);
  return sleeps >= kSeveral * static_cast<double>(thread.loop->polls) &&
         sleeps <= kMostSleeps * static_cast<double>(TakenBy(thread));
}

bool WaitsForEvents(const ThreadView& thread) {
  return thread.CountOf(Nature::kPoll) >= static_cast<double>(kFewestTurns) ||
         SleepsMoreThanItPolls(thread);
}

// Those who ask may keep their connections: then nothing is accepted for a long time.
bool AwaitsConnections(const ThreadView& thread) {
  return std::ranges::any_of(thread.sites, [](const WaitSite& site) {
    return site.syscall == __NR_accept || site.syscall == __NR_accept4;
  });
}

bool Answers(const ThreadView& thread) {
  return thread.Calls({__NR_recvfrom, __NR_recvmsg}) > 0 &&
         thread.Calls({__NR_sendto, __NR_sendmsg}) > 0 && thread.Calls({__NR_connect}) == 0;
}

bool AsksOverUnix(const ThreadView& thread) {
  return std::ranges::any_of(thread.sites, [](const WaitSite& site) {
    return site.nature == Nature::kBackend && site.object != nullptr &&
           site.object->kind == OBJECT_socket && site.object->family == kUnix;
  });
}

// Calls that may wait for what comes and were away for long enough to have done so.
double CallsThatBlocked(const ThreadView& thread) {
  double calls = 0;
  for (const int32_t number : kMayBlock) {
    const auto at = thread.calls.find(number);
    if (at == thread.calls.end()) continue;
    for (const Histogram::Bucket& bucket : at->second->latency.Used()) {
      if (hist_floor_ns(bucket.index) >= kShortestBlockNs)
        calls += static_cast<double>(bucket.count);
    }
  }
  return calls;
}

// A Unix socket's waits count for less than they are: when its peer takes what was sent, the kernel
// (sock_wfree, all versions) wakes whoever sleeps at it, who then waits for the answer once more.
double BlockedAtSockets(const ThreadView& thread) {
  const auto& waits = thread.totals().waits;
  const auto blocked = static_cast<double>(waits[WAIT_network].count + waits[WAIT_poll].count);
  const bool twice = AsksOverUnix(thread) && !thread.calls.empty();
  return twice ? std::min(blocked, CallsThatBlocked(thread)) : blocked;
}

void CountAnswers(const ThreadView& thread, std::map<ThreadKey, double>& by_thread) {
  for (const WaitSite& site : thread.sites) {
    if (site.nature != Nature::kBackend) continue;
    for (const auto& [waker, count] : site.wakers) {
      if (waker.pid != thread.key().pid) by_thread[waker] += count;
    }
  }
}

}  // namespace

bool IsOfTheRuntime(const MachineView& machine, const ThreadView& thread) {
  return std::ranges::any_of(thread.sites, [&](const WaitSite& site) {
    return std::ranges::any_of(kRuntimeFrames, [&](std::string_view name) {
      return machine.HasFrame(site.user_stack, name);
    });
  });
}

bool WaitsForClients(const ThreadView& thread) {
  return thread.NsOf(Nature::kClient) > 0 || thread.NsOf(Nature::kReader) > 0;
}

bool IsAsked(const ProcessView& process, const ThreadView& thread) {
  if (thread.Calls({__NR_accept, __NR_accept4}) > 0 || IsAskedInTurns(thread)) return true;
  if (TakesRequests(process, thread) && WaitsForEvents(thread)) return true;
  return std::ranges::any_of(thread.sites, [](const WaitSite& site) {
    if (site.nature == Nature::kClient || site.nature == Nature::kReader) return site.count > 0;
    const bool accepts = site.syscall == __NR_accept || site.syscall == __NR_accept4;
    return accepts && site.count > 0;
  });
}

// "pool-1-thread-12" and, cut at 15 letters, "pool-1-thread-1" are of one pool.
std::string PoolNameOf(const ThreadView& thread) {
  std::string name = thread.window->comm;
  std::erase_if(name, [](char letter) { return letter >= '0' && letter <= '9'; });
  return name;
}

Place PlaceOf(Nature nature) {
  switch (nature) {
    case Nature::kPoll:
    case Nature::kClient:
    case Nature::kNews:
    case Nature::kPark:
      return Place::kHome;
    case Nature::kSocket:
    case Nature::kPipe:
    case Nature::kOther:
    case Nature::kReader:
      return Place::kUnclear;
    default:
      return Place::kTask;
  }
}

std::vector<Pool> NamedAlikeIn(const ProcessView& process) {
  std::map<std::string, Pool> pools;
  for (const ThreadView& thread : process.threads) {
    if (IsMain(thread)) continue;
    const std::string name = PoolNameOf(thread);
    Pool& pool = pools[name];
    pool.name = name;
    pool.members.push_back(&thread);
  }
  std::vector<Pool> all;
  all.reserve(pools.size());
  for (auto& [name, pool] : pools) all.push_back(std::move(pool));
  return all;
}

std::vector<Pool> PoolsOf(const MachineView& machine, const ProcessView& process) {
  std::vector<Pool> pools = NamedAlikeIn(process);
  for (Pool& pool : pools) {
    std::erase_if(pool.members, [&](const ThreadView* thread) {
      return thread->WallNs() < kLongLived * machine.WindowNs();
    });
  }
  std::erase_if(pools, [](const Pool& pool) { return pool.members.size() < 2; });
  return pools;
}

std::string EntryOf(const MachineView& machine, const ThreadView& thread) {
  for (const WaitSite& site : thread.sites) {
    const auto stack = machine.snapshot().stacks.find(site.user_stack);
    if (site.user_stack == 0 || stack == machine.snapshot().stacks.end()) continue;
    const std::vector<Frame>& frames = stack->second.frames;
    const auto start = std::ranges::find(frames, "start_thread", &Frame::symbol);
    if (start == frames.end() || start == frames.begin()) continue;
    const Frame& entry = *std::prev(start);
    return entry.symbol.empty() ? absl::StrCat(entry.module, "+", entry.file_offset) : entry.symbol;
  }
  return "";
}

bool ServesRequests(const ProcessView& process) {
  const auto asked = [&](const ThreadView& thread) { return IsAsked(process, thread); };
  if (std::ranges::any_of(process.threads, asked)) return true;
  const bool reads = process.requests_read >= kFewestTurns;
  if (reads && std::ranges::any_of(process.threads, WaitsForEvents)) return true;
  return std::ranges::any_of(process.threads, AwaitsConnections) &&
         std::ranges::any_of(process.threads, Answers);
}

bool IsCounted(const ProcessView& process) {
  return std::ranges::any_of(process.threads,
                             [](const ThreadView& thread) { return !thread.calls.empty(); });
}

bool MayServeRequests(const MachineView& machine, const ProcessView& process) {
  if (ServesRequests(process)) return true;
  const auto& sides = machine.snapshot().sides;
  const auto row = sides.find({process.pid, SidesKey::kWholeProcess});
  return !IsCounted(process) && row != sides.end() &&
         (row->second & (SIDE_listens | SIDE_waiting | SIDE_asked)) != 0;
}

bool HasDispatcher(const MachineView& machine, const ProcessView& process, const Pool& pool,
                   double jobs) {
  const double enough = std::max({3.0, machine.Seconds() * kDispatchesPerSecond, kPerJob * jobs});
  return std::ranges::any_of(process.threads, [&](const ThreadView& thread) {
    if (thread.ShareOf(Nature::kBackend) >= kOwnWork || IsOfTheRuntime(machine, thread))
      return false;
    const bool member = std::ranges::find(pool.members, &thread) != pool.members.end();
    return !member && static_cast<double>(thread.totals().switches_voluntary) >= enough;
  });
}

uint64_t SentBy(const ThreadView& thread) {
  return thread.Calls({__NR_sendto, __NR_sendmsg}) + thread.ReadsWithWrites();
}

uint64_t SendsOf(const ThreadView& thread) {
  return thread.Calls({__NR_sendto, __NR_sendmsg, __NR_sendmmsg, __NR_write, __NR_writev});
}

double HandsOn(const ThreadView& thread, uint64_t most_reads) {
  const uint64_t received = thread.Calls({__NR_recvfrom, __NR_recvmsg, __NR_recvmmsg}) +
                            std::min(thread.Calls({__NR_read, __NR_readv}), most_reads);
  const bool answers = 2 * SendsOf(thread) >= received;
  if (answers || AsksSomebody(thread) || Polls(thread) < kFewestTurns) return 0;
  return static_cast<double>(received);
}

uint64_t ExchangesOf(const ThreadView& thread) {
  const uint64_t received = thread.Calls({__NR_recvfrom, __NR_recvmsg});
  return std::min(received + thread.ReadsWithWrites(), SentBy(thread));
}

bool IsForConnection(const WaitSite& site) {
  return site.object != nullptr && site.object->turn == TURN_connecting;
}

double WaitsToConnect(const ThreadView& thread) {
  double waits = 0;
  for (const WaitSite& site : thread.sites) {
    waits += site.nature == Nature::kBackend && IsForConnection(site) ? site.count : 0;
  }
  return waits;
}

double ExchangesForOthers(const ThreadView& thread) {
  const double blocked = BlockedAtSockets(thread) - thread.CountOf(Nature::kClient) -
                         thread.CountOf(Nature::kReader) - WaitsToConnect(thread);
  const uint64_t other = thread.Calls({__NR_connect, __NR_accept, __NR_accept4});
  const double for_itself = std::max(0.0, blocked - static_cast<double>(other));
  return std::max(0.0, static_cast<double>(ExchangesOf(thread)) - for_itself);
}

std::map<ThreadKey, double> AnswersByThread(const MachineView& machine) {
  std::map<ThreadKey, double> by_thread;
  for (const auto& [pid, process] : machine.processes()) {
    for (const ThreadView& thread : process.threads) CountAnswers(thread, by_thread);
  }
  return by_thread;
}

double AnsweredBy(const MachineView& machine, const std::vector<const ThreadView*>& threads) {
  const std::map<ThreadKey, double> by_thread = AnswersByThread(machine);
  double answered = 0;
  for (const ThreadView* thread : threads) {
    const auto row = by_thread.find(thread->key());
    answered += row != by_thread.end() ? row->second : 0;
  }
  return answered;
}

bool AnswersNobody(const ProcessView& process) {
  return IsCounted(process) && std::ranges::none_of(process.threads, [](const ThreadView& thread) {
           return SentBy(thread) > 0;
         });
}

}  // namespace waitscope
