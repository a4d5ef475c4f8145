// Does a thread that serves many connections by turns keep them waiting?
//
// Threshold: a turn of 100 ms (asyncio's slow_callback_duration; Clinic Doctor's maximum), at least
// twice or once for a second, and 5 % of the time in all. Shorter turns count when there are ten or
// more: of 30 ms that are a quarter of the time and mostly waits, since a loop should wait nowhere
// but in its poll; of 50 ms that are 40 %, whatever it does. Critical from 25 % of the time on.
// A loop that nobody is connected to keeps nobody waiting, and is not told; one with several
// connections of its own making, or with one process that it talks with over pipes, is worth
// knowing (info): their time-outs and heartbeats are late.
// False positives: start-up and imports (the share), one-client workers such as PostgreSQL's
// backends (not loops), garbage collection (named as running), timer threads (no socket calls),
// workers that compute for their own process (nobody else wakes them), build tools and other
// clients that compute (nobody is on the other side of their sockets).
#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "agent/diagnose/audience.h"
#include "agent/diagnose/draft.h"
#include "agent/diagnose/loops.h"
#include "agent/diagnose/rules.h"
#include "agent/diagnose/text.h"

namespace waitscope {
namespace {

constexpr double kSmallestShare = 0.05;
constexpr double kCriticalShare = 0.25;
constexpr uint64_t kVeryLongNs = 1'000'000'000;

enum class Reason : uint8_t { kCall, kCallback, kStarved };

constexpr uint64_t kFewestShortTurns = 10;
constexpr uint64_t kWaitingTurnNs = 30'000'000;
constexpr double kWaitingShare = 0.25;
constexpr uint64_t kAnyTurnNs = 50'000'000;
constexpr double kAnyShare = 0.4;

bool IsMuch(const MachineView& machine, const LongTurns& turns, double share) {
  return turns.count >= kFewestShortTurns && turns.ns >= share * machine.WindowNs();
}

// Those that hold it up for too long, if there are any.
std::optional<LongTurns> SickTurnsOf(const MachineView& machine, const Loop& loop) {
  const bool often = loop.gaps >= 2 || loop.gap_longest_ns >= kVeryLongNs;
  if (often && loop.gaps > 0 && loop.stalled_ns >= kSmallestShare * machine.WindowNs()) {
    return LongTurns{loop.gaps, loop.stalled_ns, loop.gap_p99_ns};
  }
  const LongTurns waiting = TurnsOf(loop, kWaitingTurnNs);
  if (IsMuch(machine, waiting, kWaitingShare) && loop.blocked_ns >= waiting.ns / 2) return waiting;
  const LongTurns any = TurnsOf(loop, kAnyTurnNs);
  return IsMuch(machine, any, kAnyShare) ? std::optional(any) : std::nullopt;
}

Reason ReasonOf(const Loop& loop) {
  const bool waits = loop.worst != nullptr && loop.blocked_ns >= loop.running_ns;
  if (waits && loop.blocked_ns >= loop.runnable_ns) return Reason::kCall;
  return loop.runnable_ns > loop.running_ns ? Reason::kStarved : Reason::kCallback;
}

std::string WhatItDoes(const WaitSite& site) {
  switch (site.nature) {
    case Nature::kSleep:
      return "sleeping";
    case Nature::kBackend:
      return absl::StrCat("waiting for ", PeerText(*site.object));
    case Nature::kDisk:
    case Nature::kCommit:
    case Nature::kDirty:
    case Nature::kFault:
      return "waiting for the disk";
    case Nature::kChild:
      return "waiting for a child process";
    case Nature::kMutex:
    case Nature::kMonitor:
    case Nature::kLock:
    case Nature::kPark:
    case Nature::kFileLock:
    case Nature::kKernelLock:
      return "waiting for a lock";
    default:
      return "waiting in a blocking call";
  }
}

std::string ReasonText(const Loop& loop, Reason reason) {
  switch (reason) {
    case Reason::kCall:
      return absl::StrCat("by a synchronous call (", WhatItDoes(*loop.worst), ")");
    case Reason::kCallback:
      return "by a CPU-bound callback";
    case Reason::kStarved:
      break;
  }
  return "because it was starved of CPU";
}

std::string AdviceFor(Reason reason) {
  switch (reason) {
    case Reason::kCall:
      return "replace the call by its asynchronous form, or hand it to a thread pool "
             "(run_in_executor, asyncio.to_thread, a worker); stop-gap: run more processes";
    case Reason::kCallback:
      return "split the work up or move it to another process (ProcessPoolExecutor, "
             "worker_threads); stop-gap: run more processes";
    case Reason::kStarved:
      break;
  }
  return "give the process CPU: fewer busy neighbours, more CPUs, a higher weight or quota";
}

void AddProof(const MachineView& machine, const Loop& loop, const LongTurns& turns, Reason reason,
              Finding& finding) {
  if (reason == Reason::kCall) {
    const WaitSite& site = *loop.worst;
    finding.evidence.push_back(StackEvidence(machine, site));
    if (site.object != nullptr && site.nature == Nature::kBackend) {
      finding.evidence.push_back(ObjectEvidence("peer", PeerText(*site.object)));
    } else if (site.object != nullptr) {
      finding.evidence.push_back(ObjectEvidence("wait_object", ObjectText(*site.object)));
    }
  } else if (!loop.thread->runs.empty()) {
    finding.evidence.push_back(StackEvidence(machine, loop.thread->runs.front()));
  }
  finding.evidence.push_back(Metric("loop_gap_p99_ns", static_cast<double>(turns.p99_ns), "ns",
                                    static_cast<double>(kLongGapNs)));
  finding.evidence.push_back(
      Metric("loop_gap_max_ns", static_cast<double>(loop.gap_longest_ns), "ns", 0));
  finding.evidence.push_back(Metric("loop_gap_running_ns", loop.running_ns, "ns", 0));
  finding.evidence.push_back(Metric("loop_gap_runnable_ns", loop.runnable_ns, "ns", 0));
  finding.evidence.push_back(Metric("loop_gap_blocked_ns", loop.blocked_ns, "ns", 0));
  finding.evidence.push_back(LookAt(loop.thread->key()));
}

Severity SeverityOf(Audience audience, double share) {
  if (audience == Audience::kOwn) return Severity::kInfo;
  return share >= kCriticalShare ? Severity::kCritical : Severity::kWarning;
}

Finding Tell(const MachineView& machine, const ProcessView& process, const Loop& loop,
             const LongTurns& turns, Audience audience) {
  const Reason reason = ReasonOf(loop);
  Finding finding =
      Draft(machine, process, "event-loop-blocked", absl::StrCat(loop.thread->key().tid));
  const double share = std::min(1.0, turns.ns / machine.WindowNs());
  finding.severity = SeverityOf(audience, share);
  finding.confidence = loop.thread->loop != nullptr ? 0.93 : 0.8;
  NameThreads(finding, std::vector{loop.thread});
  finding.impact = {static_cast<uint64_t>(turns.ns), share};
  finding.summary = absl::StrCat(
      "the event loop of ", NameOf(process), " was held up for ", TimeText(turns.ns), " of ",
      TimeText(machine.WindowNs()), " (", Plural(turns.count, "turn"), " of up to ",
      TimeText(static_cast<double>(loop.gap_longest_ns)), ") ", ReasonText(loop, reason),
      audience == Audience::kOwn ? "; nobody has connected to it" : "");
  finding.advice = AdviceFor(reason);
  AddProof(machine, loop, turns, reason, finding);
  return finding;
}

}  // namespace

Findings EventLoopBlocked(const MachineView& machine) {
  Findings findings;
  for (const auto& [pid, process] : machine.processes()) {
    for (const Loop& loop : LoopsOf(machine, process)) {
      const std::optional<LongTurns> turns = SickTurnsOf(machine, loop);
      if (!turns) continue;
      const Audience audience = AudienceOf(machine, process, *loop.thread);
      if (audience == Audience::kNobody) continue;
      findings.push_back(Tell(machine, process, loop, *turns, audience));
    }
  }
  return findings;
}

}  // namespace waitscope
