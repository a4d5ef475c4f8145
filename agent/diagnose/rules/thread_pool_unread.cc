// Do requests lie unread while the threads that should read them wait for something else?
//
// A worker that parks in the middle of a task looks idle, whatever the runtime. But while workers
// are idle, requests are read at once. Signature: half of the requests at one of its ports had
// lain unread for 100 ms or longer (ten of them at least), and all threads of a pool read and
// answer (or wait for half of their time until those who asked read the answer), hardly run, and
// wait for 30 ms or longer at a time. One request of ten is enough where each answer costs one park
// that nobody ends but the clock: who always finds work is never woken for it, and who waits for
// what never comes back (a connection that leaked) gives up each time. False positives: a pool that
// is short of CPU (it runs or wants to), threads with a connection each of which some are idle
// (these exchange nothing), readers that take their time and answer nobody (they do not send),
// event loops.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "agent/core/unread.h"
#include "agent/diagnose/draft.h"
#include "agent/diagnose/loops.h"
#include "agent/diagnose/pools.h"
#include "agent/diagnose/rules.h"
#include "agent/diagnose/text.h"

namespace waitscope {
namespace {

constexpr uint64_t kFewestReads = 10;
constexpr uint64_t kLongUnreadNs = 100'000'000;
constexpr double kBlockedShare = 0.85;
constexpr double kReaderShare = 0.5;
constexpr double kShortestWaitNs = 30e6;
constexpr size_t kFewestThreads = 2;
constexpr double kWoken = 0.1;  // of the answers
constexpr double kFewestParks = 0.5;
constexpr double kMostParks = 1.5;

// Waits for somebody to ask are no part of a task.
bool IsElsewhere(const WaitSite& site) {
  return site.nature != Nature::kClient && site.nature != Nature::kPoll &&
         site.MeanNs() >= kShortestWaitNs;
}

struct Waiting {
  double ns = 0;
  double waits = 0;
  const WaitSite* site = nullptr;  // the longest of them
};

// Who waits for those connected to it to read is answering. That shows in its time: a long answer
// is a single call, and short waits that are not told outnumber the exchanges.
bool Answers(const ThreadView& thread) {
  return thread.ShareOf(Nature::kReader) >= kReaderShare || ExchangesForOthers(thread) >= 1;
}

// Nothing unless all of them answer, and wait elsewhere nearly all the time.
Waiting WaitingOf(const Pool& pool) {
  Waiting waiting;
  for (const ThreadView* member : pool.members) {
    double ns = 0;
    for (const WaitSite& site : member->sites) {
      if (!IsElsewhere(site)) continue;
      ns += site.ns;
      waiting.waits += site.count;
      if (waiting.site == nullptr || site.ns > waiting.site->ns) waiting.site = &site;
    }
    if (!Answers(*member) || ns < kBlockedShare * member->WallNs()) return {};
    waiting.ns += ns;
  }
  return waiting;
}

// Whether each answer of theirs costs a park that no thread ends.
bool GiveUpEachTime(const Pool& pool) {
  double parks = 0;
  double woken = 0;
  double answers = 0;
  for (const ThreadView* member : pool.members) {
    answers += ExchangesForOthers(*member);
    for (const WaitSite& site : member->sites) {
      if (site.nature != Nature::kPark || site.MeanNs() < kShortestWaitNs) continue;
      parks += site.count;
      for (const auto& [waker, count] : site.wakers) woken += count;
    }
  }
  return answers > 0 && woken <= kWoken * answers && parks - woken >= kFewestParks * answers &&
         parks - woken <= kMostParks * answers;
}

// One request of ten had lain there for this long; 0 when there were too few to tell.
uint64_t OneOfTenNs(const PortAges& port) {
  return port.ages.Count() >= kFewestReads ? port.ages.QuantileNs(0.9) : 0;
}

struct Unread {
  std::string share;
  uint64_t ns = 0;
  Evidence metric;
};

Unread UnreadOf(const PortAges& port, const std::string& of_port, const Pool& pool) {
  constexpr auto kLimit = static_cast<double>(kLongUnreadNs);
  if (GiveUpEachTime(pool)) {
    const uint64_t ns = port.ages.QuantileNs(0.9);
    return {absl::StrCat("one of ten of the requests", of_port), ns,
            Metric("requests_unread_p90_ns", static_cast<double>(ns), "ns", kLimit)};
  }
  const uint64_t ns = port.ages.QuantileNs(0.5);
  return {absl::StrCat("half of the requests", of_port), ns,
          Metric("requests_unread_p50_ns", static_cast<double>(ns), "ns", kLimit)};
}

Finding Tell(const MachineView& machine, const ProcessView& process, const Pool& pool,
             const Waiting& waiting, const Unread& unread) {
  Finding finding = DraftStarvedPool(machine, process, *pool.members.front());
  const double wall_ns = machine.WindowNs() * static_cast<double>(pool.members.size());
  finding.severity = Severity::kCritical;
  finding.confidence = 0.85;
  finding.impact = {static_cast<uint64_t>(waiting.ns), std::min(1.0, waiting.ns / wall_ns)};
  NameThreads(finding, pool.members);
  finding.summary = absl::StrCat(unread.share, " to ", NameOf(process), " lay unread for ",
                                 TimeText(static_cast<double>(unread.ns)), " or longer, while all ",
                                 pool.members.size(), " worker threads waited in their tasks for ",
                                 ShareText(finding.impact.share), " of the time (",
                                 TimeText(waiting.ns / std::max(waiting.waits, 1.0)),
                                 " each time): none is free for the next request");
  finding.advice =
      "see what the tasks wait for (the stack): shorten it, make it asynchronous, or give it a "
      "pool of its own; stop-gap: raise the pool's size";
  finding.evidence.push_back(StackEvidence(machine, *waiting.site, waiting.ns, waiting.waits));
  finding.evidence.push_back(unread.metric);
  finding.evidence.push_back(Metric(
      "pool_threads_blocked", static_cast<double>(pool.members.size()), "threads", kFewestThreads));
  finding.evidence.push_back(LookAt(pool.members.front()->key()));
  return finding;
}

Findings OfProcess(const MachineView& machine, const ProcessView& process,
                   const std::vector<PortAges>& ports) {
  const auto worst = std::ranges::max_element(ports, {}, &OneOfTenNs);
  const bool late = worst != ports.end() && OneOfTenNs(*worst) >= kLongUnreadNs;
  if (!late || !LoopsOf(machine, process).empty()) return {};
  const std::string of_port = ports.size() > 1 ? absl::StrCat(" at port ", worst->port) : "";
  Findings findings;
  for (const Pool& pool : PoolsOf(machine, process)) {
    const Unread unread = UnreadOf(*worst, of_port, pool);
    if (unread.ns < kLongUnreadNs) continue;
    const Waiting waiting = WaitingOf(pool);
    if (waiting.site == nullptr) continue;
    findings.push_back(Tell(machine, process, pool, waiting, unread));
  }
  return findings;
}

// Which of several pools reads at which of several ports is not known.
bool IsCertain(const std::vector<PortAges>& ports, size_t pools) {
  const auto read = std::ranges::count_if(
      ports, [](const PortAges& port) { return port.ages.Count() >= kFewestReads; });
  return read == 1 || pools == 1;
}

}  // namespace

Findings ThreadPoolUnread(const MachineView& machine) {
  Findings findings;
  for (const auto& [pid, process] : machine.processes()) {
    const std::vector<PortAges> ports = UnreadAgesByPort(machine.snapshot(), pid);
    Findings of_process = OfProcess(machine, process, ports);
    const bool certain = IsCertain(ports, of_process.size());
    for (Finding& finding : of_process) {
      if (!certain) finding.severity = Severity::kInfo;
      findings.push_back(std::move(finding));
    }
  }
  return findings;
}

}  // namespace waitscope
