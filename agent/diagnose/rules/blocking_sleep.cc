// Do threads that serve requests sleep while somebody waits for their answer?
//
// Thresholds: in a process that is asked over connections, threads that both receive and send
// spend 20 % of their time or more in sleeps of 10 ms or longer, at least three of them.
// False positives: housekeeping threads (they write logs and read files, but touch no connection),
// pollers that ask others (they wait on the asking side), senders of news (they receive nothing, or
// far less), idle waits (they are polls, not sleeps), loops that sleep for a tick and then take
// what came, if anything (they find nothing about once a sleep, and poll nothing).
#include <algorithm>
#include <array>
#include <cerrno>
#include <span>

#include "absl/strings/str_cat.h"
#include "agent/diagnose/draft.h"
#include "agent/diagnose/loops.h"
#include "agent/diagnose/pools.h"
#include "agent/diagnose/rules.h"
#include "agent/diagnose/text.h"
#include "bpf/wait_class.h"

namespace waitscope {
namespace {

constexpr double kSmallestShare = 0.2;
constexpr double kShortestSleepNs = 10e6;
constexpr double kFewestSleeps = 3;
constexpr uint64_t kMostPerRequest = 4;  // heads and bodies may be sent apart
constexpr double kNothingPerSleep = 0.5;
constexpr std::array<int32_t, 6> kTakes{__NR_recvfrom, __NR_recvmsg, __NR_read,
                                        __NR_readv,    __NR_accept,  __NR_accept4};
constexpr std::array<int32_t, 4> kPolls{__NR_poll, __NR_ppoll, __NR_select, __NR_pselect6};
constexpr std::array<int32_t, 3> kEpolls{__NR_epoll_wait, __NR_epoll_pwait, kEpollPwait2};

uint64_t AcceptedBy(const ThreadView& thread) { return thread.Calls({__NR_accept, __NR_accept4}); }

// Housekeepers are woken by nobody.
bool IsHandedWork(const ThreadView& thread) {
  return std::ranges::any_of(thread.sites, [&](const WaitSite& site) {
    const bool by_own = std::ranges::any_of(
        site.wakers, [&](const auto& row) { return row.first.pid == thread.key().pid; });
    return site.nature == Nature::kPark && by_own;
  });
}

// Read and write are for files, too: only who accepts by itself or polls for requests surely reads
// what it accepted, and who is handed work what was accepted for it.
uint64_t ReadFromConnections(const ProcessView& process, const ThreadView& thread) {
  const bool sure = AcceptedBy(thread) > 0 || IsAsked(process, thread) || IsHandedWork(thread);
  return sure ? thread.Calls({__NR_read, __NR_readv}) : 0;
}

// Calls that found nothing and would not wait for it: the thread's errors, where those of its
// process are mostly that.
double FoundNothing(const MachineView& machine, const ThreadView& thread) {
  double found_nothing = 0;
  for (const int32_t number : kTakes) {
    const auto calls = thread.calls.find(number);
    const auto row = machine.snapshot().errnos.find({thread.key().pid, number, EAGAIN});
    if (calls == thread.calls.end() || row == machine.snapshot().errnos.end()) continue;
    found_nothing += static_cast<double>(std::min(calls->second->errors, row->second));
  }
  return found_nothing;
}

bool Makes(const ThreadView& thread, std::span<const int32_t> numbers) {
  return std::ranges::any_of(numbers, [&](int32_t number) {
    return thread.calls.contains(number) ||
           std::ranges::find(thread.sites, number, &WaitSite::syscall) != thread.sites.end();
  });
}

// With a descriptor: those without are its sleeps.
bool Polls(const ThreadView& thread) {
  return std::ranges::any_of(kPolls, [&](int32_t number) {
    const bool sleeps = std::ranges::any_of(thread.sites, [&](const WaitSite& site) {
      return site.syscall == number && site.nature == Nature::kSleep;
    });
    return !sleeps && Makes(thread, std::span(&number, 1));
  });
}

// Whoever takes a request first and then sleeps for it has waited for the request: blocked, or in a
// poll. In Go and Tokio another thread may have polled for it.
bool SleepsForATick(const MachineView& machine, const ProcessView& process,
                    const ThreadView& thread) {
  const bool another_polls = std::ranges::any_of(
      process.threads, [](const ThreadView& other) { return Makes(other, kEpolls); });
  return !another_polls && !Polls(thread) &&
         FoundNothing(machine, thread) >= kNothingPerSleep * thread.CountOf(Nature::kSleep);
}

bool AnswersSomebody(const ProcessView& process, const ThreadView& thread) {
  if (WaitsForClients(thread)) return true;
  const double answers = thread.CountOf(Nature::kBackend) + thread.CountOf(Nature::kNews);
  if (answers > 0 || thread.Calls({__NR_connect}) > 0) return false;
  const uint64_t received =
      thread.Calls({__NR_recvfrom, __NR_recvmsg}) + ReadFromConnections(process, thread);
  const uint64_t sent = thread.Calls({__NR_sendto, __NR_sendmsg, __NR_write, __NR_writev});
  return sent > 0 && received > 0 && sent <= kMostPerRequest * (received + AcceptedBy(thread));
}

bool SleepsInRequests(const MachineView& machine, const ProcessView& process,
                      const ThreadView& thread) {
  return AnswersSomebody(process, thread) &&
         (WaitsForClients(thread) || !SleepsForATick(machine, process, thread));
}

struct Sleeps {
  double ns = 0;
  double count = 0;
  double wall_ns = 0;
  uint64_t longest_ns = 0;
  const WaitSite* site = nullptr;
  std::vector<const ThreadView*> threads;
};

Sleeps SleepsOf(const MachineView& machine, const ProcessView& process) {
  Sleeps sleeps;
  for (const ThreadView& thread : process.threads) {
    const double ns = thread.NsOf(Nature::kSleep);
    if (ns <= 0 || !SleepsInRequests(machine, process, thread)) continue;
    sleeps.ns += ns;
    sleeps.count += thread.CountOf(Nature::kSleep);
    sleeps.wall_ns += thread.WallNs();
    sleeps.threads.push_back(&thread);
    for (const WaitSite& site : thread.sites) {
      if (site.nature != Nature::kSleep) continue;
      sleeps.longest_ns = std::max(sleeps.longest_ns, site.longest_ns);
      if (sleeps.site == nullptr || site.ns > sleeps.site->ns) sleeps.site = &site;
    }
  }
  return sleeps;
}

bool IsSick(const Sleeps& sleeps) {
  return sleeps.count >= kFewestSleeps && sleeps.ns >= kShortestSleepNs * sleeps.count &&
         sleeps.ns >= kSmallestShare * sleeps.wall_ns;
}

Finding Tell(const MachineView& machine, const ProcessView& process, const Sleeps& sleeps) {
  Finding finding = Draft(machine, process, "blocking-sleep");
  const double share = std::min(1.0, sleeps.ns / std::max(sleeps.wall_ns, 1.0));
  finding.severity = Severity::kWarning;
  finding.confidence = 0.85;
  NameThreads(finding, sleeps.threads);
  finding.impact = {static_cast<uint64_t>(sleeps.ns), share};
  finding.summary =
      absl::StrCat(Plural(sleeps.threads.size(), "thread"), " of ", NameOf(process),
                   " that answer requests slept ", static_cast<uint64_t>(sleeps.count),
                   " times for ", TimeText(sleeps.ns / sleeps.count), ": ", ShareText(share),
                   " of their time is a sleep somebody waits for");
  finding.advice =
      "wait for the event instead of for time to pass, or retry elsewhere than in the "
      "request's path";
  finding.evidence.push_back(StackEvidence(machine, *sleeps.site, sleeps.ns, sleeps.count));
  finding.evidence.push_back(
      Metric("sleep_mean_ns", sleeps.ns / sleeps.count, "ns", kShortestSleepNs));
  finding.evidence.push_back(
      Metric("sleep_max_ns", static_cast<double>(sleeps.longest_ns), "ns", 0));
  finding.evidence.push_back(LookAt(sleeps.threads.front()->key()));
  return finding;
}

}  // namespace

Findings BlockingSleep(const MachineView& machine) {
  Findings findings;
  for (const auto& [pid, process] : machine.processes()) {
    if (!ServesRequests(process)) continue;
    const Sleeps sleeps = SleepsOf(machine, process);
    if (IsSick(sleeps)) findings.push_back(Tell(machine, process, sleeps));
  }
  return findings;
}

}  // namespace waitscope
