// Does a process wait for somebody else's answers most of the time, and for whom?
//
// Thresholds: one thread's 60 % or more on one peer, in waits of 30 ms or longer that do end, each
// after something was sent, or for room to send. Critical when the thread works for those who ask
// its process. Worth knowing (info) when nobody is seen to wait for the thread and its waits may be
// no answer's: all end by one time limit, the peer spoke first and what was sent may acknowledge
// what came, or the peer idles until others send it something; when they are sends that hold up no
// other thread; and when it is beside those that work for a server's clients. Without counted calls
// the connection must tell that something was asked, and a wait for an answer that the thread ended
// that somebody waits for it.
// False positives: clients' next requests and news (that side of a connection is idle), consumers
// of messages (they do not send), long polls and queues (the time limit), relays (what they wait
// for was asked by another thread, or is not asked yet). Messages that are acknowledged one by one
// after a subscription that nobody confirmed look like answers.
#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "agent/diagnose/draft.h"
#include "agent/diagnose/locks.h"
#include "agent/diagnose/nature.h"
#include "agent/diagnose/news.h"
#include "agent/diagnose/pools.h"
#include "agent/diagnose/rules.h"
#include "agent/diagnose/text.h"
#include "bpf/sides.h"
#include "bpf/wait_class.h"

namespace waitscope {
namespace {

constexpr double kSmallestShare = 0.6;
constexpr double kShortestWaitNs = 30e6;
constexpr double kFewestWaits = 3;
constexpr double kMoreThanOwn = 1.25;
constexpr double kHandedEach = 0.5;
constexpr double kShortestIdleNs = 1e6;
constexpr double kMostlySends = 0.5;

struct PeerWaits : AnswerWaits {
  double asked_ns = 0;       // of it, after something was sent for sure
  double largest_share = 0;  // of one thread's time
  double sends_ns = 0;       // for the peer to take what is sent
  double connects_ns = 0;    // for a connection to be made
  const WaitSite* site = nullptr;
};

// Where calls are not counted, the connection tells who spoke last, if it is one of TCP.
bool IsKnownToAsk(const ThreadView& thread, const WaitSite& site) {
  return !thread.calls.empty() || site.object->turn != TURN_unknown;
}

bool MayAsk(const ThreadView& thread, double waits) {
  if (thread.calls.empty()) return true;
  const uint64_t sent = thread.Calls(
      {__NR_sendto, __NR_sendmsg, __NR_sendmmsg, __NR_write, __NR_writev, __NR_connect});
  return static_cast<double>(sent) >= waits / 2;
}

void Count(const WaitSite& site, PeerWaits& waits) {
  waits.ns += site.ns;
  waits.count += site.count;
  waits.longest_ns = std::max(waits.longest_ns, site.longest_ns);
  if (IsSend(site.syscall)) waits.sends_ns += site.ns;
  if (IsForConnection(site)) waits.connects_ns += site.ns;
  waits.sites.push_back(&site);
  if (waits.site == nullptr || site.ns > waits.site->ns) waits.site = &site;
}

void CountThread(const ThreadView& thread, std::map<std::string, PeerWaits>& peers) {
  std::map<std::string, double> of_thread;
  for (const WaitSite& site : thread.sites) {
    if (site.nature != Nature::kBackend) continue;
    if (!IsForConnection(site) && !MayAsk(thread, site.count)) continue;
    const std::string peer = PeerText(*site.object);
    Count(site, peers[peer]);
    if (IsKnownToAsk(thread, site)) peers[peer].asked_ns += site.ns;
    of_thread[peer] += site.ns;
  }
  for (const auto& [peer, ns] : of_thread) {
    PeerWaits& waits = peers[peer];
    waits.threads.push_back(&thread);
    waits.largest_share = std::max(waits.largest_share, ns / std::max(thread.WallNs(), 1.0));
  }
}

std::map<std::string, PeerWaits> WaitsByPeer(const ProcessView& process) {
  std::map<std::string, PeerWaits> peers;
  for (const ThreadView& thread : process.threads) CountThread(thread, peers);
  return peers;
}

bool IsSlow(const PeerWaits& waits) {
  return waits.count >= kFewestWaits && waits.ns >= kShortestWaitNs * waits.count &&
         waits.largest_share >= kSmallestShare;
}

// What tells whether a thread works for others, looked for once for all threads of a process.
struct Occupation {
  uint64_t interpreter = 0;              // Python's lock
  std::map<ThreadKey, double> answered;  // of threads whose calls were not counted
};

Occupation OccupationIn(const MachineView& machine, const ProcessView& process,
                        const PeerWaits& waits) {
  Occupation occupation{.interpreter = InterpreterLock(machine, process)};
  const bool counted = std::ranges::none_of(
      waits.threads, [](const ThreadView* thread) { return thread->calls.empty(); });
  if (!counted) occupation.answered = AnswersByThread(machine);
  return occupation;
}

// As often as another thread of its process ended a wait of its own kind of idleness. One short
// wait that is told stands for dozens; that, and the interpreter's lock, hand out no work.
double Handed(const ThreadView& thread, uint64_t interpreter) {
  double handed = 0;
  for (const WaitSite& site : thread.sites) {
    if (site.nature != Nature::kPark || site.MeanNs() < kShortestIdleNs) continue;
    if (IsForInterpreter(site, interpreter)) continue;
    for (const auto& [waker, count] : site.wakers) {
      handed += waker.pid == thread.key().pid ? count : 0;
    }
  }
  return handed;
}

double LongQuestions(const ThreadView& thread) {
  double count = 0;
  for (const WaitSite& site : thread.sites) {
    const bool slow = site.nature == Nature::kBackend && site.MeanNs() >= kShortestWaitNs;
    count += slow ? site.count : 0;
  }
  return count;
}

// Its questions are part of answering somebody else: of who it accepted or hears from, of who
// handed it the work, or of more exchanges than its own. Threads let each other in now and then, to
// the interpreter for one: that hands out no work. Exchanges that were not counted are seen only
// where who waited for the answer is on this machine.
bool WorksForOthers(const ThreadView& thread, const Occupation& occupation) {
  if (thread.Calls({__NR_accept, __NR_accept4}) > 0) return true;
  if (WaitsForClients(thread)) return true;
  const double enough = kHandedEach * LongQuestions(thread);
  if (Handed(thread, occupation.interpreter) >= enough) return true;
  if (thread.calls.empty()) {
    const auto answered = occupation.answered.find(thread.key());
    return answered != occupation.answered.end() && answered->second >= std::max(1.0, enough);
  }
  const double own = thread.CountOf(Nature::kBackend) - WaitsToConnect(thread);
  if (own <= 0) return ExchangesForOthers(thread) >= std::max(1.0, enough);
  return static_cast<double>(ExchangesOf(thread)) >= own * kMoreThanOwn &&
         ExchangesForOthers(thread) >= own * (kMoreThanOwn - 1);
}

bool AreConnects(const PeerWaits& waits) { return waits.connects_ns >= waits.ns / 2; }

bool AreSends(const PeerWaits& waits) { return waits.sends_ns >= kMostlySends * waits.ns; }

// Others of the process park until the sender comes for what they have for it, or wait for room in
// the pipe that it reads. A copy that takes its time holds up nobody.
bool HoldsUpOthers(const MachineView& machine, const ProcessView& process, const PeerWaits& waits) {
  std::set<ThreadKey> senders;
  for (const ThreadView* thread : waits.threads) senders.insert(thread->key());
  double held_up = 0;
  for (const auto& [pid, other] : machine.processes()) {
    for (const ThreadView& thread : other.threads) {
      for (const WaitSite& site : thread.sites) {
        const bool parks = site.nature == Nature::kPark && pid == process.pid;
        const bool writes = site.nature == Nature::kPipe && IsSend(site.syscall);
        const bool slow = site.MeanNs() >= kShortestWaitNs;
        if (slow && (parks || writes)) held_up += site.EndedBy(senders);
      }
    }
  }
  return held_up >= kHandedEach * waits.count;
}

Severity SeverityOf(const MachineView& machine, const ProcessView& process,
                    const PeerWaits& waits) {
  if (waits.asked_ns < waits.ns / 2) return Severity::kInfo;
  const Occupation occupation = OccupationIn(machine, process, waits);
  const bool works = std::ranges::any_of(
      waits.threads, [&](const ThreadView* thread) { return WorksForOthers(*thread, occupation); });
  if (ServesRequests(process)) return works ? Severity::kCritical : Severity::kInfo;
  if (MayServeRequests(machine, process) && !works) return Severity::kInfo;
  if (AreSends(waits)) {
    return HoldsUpOthers(machine, process, waits) ? Severity::kWarning : Severity::kInfo;
  }
  const bool may_be_news =
      !AreConnects(waits) && !TookWork(machine, waits) &&
      (CameByTimeLimit(waits) || MayAcknowledge(waits) || CameFromOthers(machine, waits));
  return may_be_news ? Severity::kInfo : Severity::kWarning;
}

const char* WhatFor(const PeerWaits& waits) {
  if (AreSends(waits)) return " sends to be taken by ";
  return AreConnects(waits) ? " connections to " : " answers of ";
}

std::string AdviceFor(const PeerWaits& waits, const std::string& peer) {
  if (AreSends(waits)) {
    return absl::StrCat("look at why ", peer,
                        " reads so slowly, or the network is full; bound what waits to be sent, "
                        "and drop or thin it out beyond that");
  }
  if (AreConnects(waits)) {
    return absl::StrCat(
        "see whether ", peer, " is up, reachable (a firewall that drops is silent) ",
        "and accepts fast enough (ss -ltn: Recv-Q beside Send-Q); connect with a "
        "short time-out, keep connections, and stop asking for a while when it fails");
  }
  return absl::StrCat("look at why ", peer,
                      " is slow; ask less often, in parallel, or cache; set a time-out");
}

const char* WhyOnlyInfo(const PeerWaits& waits) {
  return MayAcknowledge(waits) ? "; they may be messages that it acknowledged"
                               : "; nobody is seen to wait for that";
}

Finding Tell(const MachineView& machine, const ProcessView& process, const std::string& peer,
             const PeerWaits& waits) {
  Finding finding = Draft(machine, process, "backend-wait", peer);
  finding.severity = SeverityOf(machine, process, waits);
  finding.confidence = 0.85;
  NameThreads(finding, waits.threads);
  finding.impact = {static_cast<uint64_t>(waits.ns), std::min(1.0, waits.largest_share)};
  finding.summary = absl::StrCat(
      NameOf(process), " waited ", TimeText(waits.ns / waits.count), " for each of ",
      static_cast<uint64_t>(waits.count), WhatFor(waits), peer, ": ", TimeText(waits.ns), " in ",
      TimeText(machine.WindowNs()), ", ", ShareText(std::min(1.0, waits.largest_share)),
      " of the time of its busiest thread",
      finding.severity == Severity::kInfo ? WhyOnlyInfo(waits) : "");
  finding.advice = AdviceFor(waits, peer);
  finding.evidence.push_back(ObjectEvidence("peer", peer));
  finding.evidence.push_back(StackEvidence(machine, *waits.site, waits.ns, waits.count));
  finding.evidence.push_back(
      Metric("answer_mean_ns", waits.ns / waits.count, "ns", kShortestWaitNs));
  finding.evidence.push_back(
      Metric("answer_max_ns", static_cast<double>(waits.longest_ns), "ns", 0));
  for (const auto& [waker, count] : waits.site->wakers) {
    if (waker.pid == process.pid) continue;
    finding.evidence.push_back(ThreadEvidence(waker, machine.CommOf(waker), "answers"));
    break;
  }
  finding.evidence.push_back(Check(absl::StrCat("ss -tnp dst ", peer)));
  return finding;
}

}  // namespace

Findings BackendWait(const MachineView& machine) {
  Findings findings;
  for (const auto& [pid, process] : machine.processes()) {
    for (const auto& [peer, waits] : WaitsByPeer(process)) {
      if (IsSlow(waits)) findings.push_back(Tell(machine, process, peer, waits));
    }
  }
  return findings;
}

}  // namespace waitscope
