// Has nobody of a server moved while clients wait to be let in?
//
// Whatever its threads seem to wait for (the ends of channels, conditions that nobody signals,
// locks whose owner died): a server that does not accept for a whole window of at least 5 s, with
// clients in its queue, does nothing any more if each of its threads has been in one wait all the
// time, two of them at least at futexes. Those that sleep by a timetable, and a runtime's own, do
// not count. Processes that may share a listener by birth (workers and who forked them) are judged
// together. False positives: a server that accepts no more than it wants to serve (somebody of it
// moves, polls, or waits for a peer's answer), a parent whose children accept (they move), a
// program that was stopped or frozen (not at a futex), one that holds a listener it never uses
// while who does is no relative of its.
#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/diagnose/draft.h"
#include "agent/diagnose/families.h"
#include "agent/diagnose/pools.h"
#include "agent/diagnose/rules.h"
#include "agent/diagnose/text.h"
#include "bpf/sides.h"
#include "bpf/wait_class.h"

namespace waitscope {
namespace {

constexpr double kSilenceNs = 5e9;
constexpr double kWholeWindow = 0.95;
constexpr size_t kFewestStuck = 2;
constexpr size_t kMostStacks = 4;
// HotSpot's that run Java, as the kernel cuts their names, and those in which .NET reads signals.
constexpr std::array<std::string_view, 6> kHelpers{"Reference Handl", "Finalizer",
                                                   "Signal Dispatch", "Common-Cleaner",
                                                   ".NET SigHandler", ".NET SynchManag"};

bool IsByTimetable(const ThreadView& thread) {
  return thread.ShareOf(Nature::kSleep) >= kWholeWindow;
}

// They idle for their runtime's sake.
bool IsHelper(const MachineView& machine, const ThreadView& thread) {
  return IsOfTheRuntime(machine, thread) ||
         std::ranges::find(kHelpers, thread.window->comm) != kHelpers.end();
}

bool IsAtFutex(const OpenWait& wait) { return wait.cls == WAIT_lock; }

// Of a child that works nobody knows here how long it takes; a thread is one of its own.
bool JoinsThread(const OpenWait& wait) {
  return wait.cls == WAIT_child && wait.syscall == __NR_futex;
}

// Who polls, accepts or hears somebody would go on if anything came, and of who was stopped, frozen
// or waits for a disk nobody knows.
bool MayMove(const MachineView& machine, const ThreadView& thread) {
  if (IsByTimetable(thread) || IsHelper(machine, thread)) return false;
  const OpenWait* wait = machine.OnlyWaitOf(thread);
  return wait == nullptr || (!IsAtFutex(*wait) && !JoinsThread(*wait));
}

std::vector<const ThreadView*> StuckIn(const MachineView& machine, const ProcessView& process) {
  std::vector<const ThreadView*> stuck;
  for (const ThreadView& thread : process.threads) {
    const OpenWait* wait = machine.OnlyWaitOf(thread);
    const bool futex = wait != nullptr && IsAtFutex(*wait);
    if (futex && !IsHelper(machine, thread)) stuck.push_back(&thread);
  }
  return stuck;
}

// Those of the family, if nobody of it may move.
size_t AllStuck(const MachineView& machine, const std::vector<const ProcessView*>& family) {
  size_t stuck = 0;
  for (const ProcessView* member : family) {
    const bool moves = std::ranges::any_of(
        member->threads, [&](const ThreadView& thread) { return MayMove(machine, thread); });
    if (moves) return 0;
    stuck += StuckIn(machine, *member).size();
  }
  return stuck;
}

Finding Tell(const MachineView& machine, const ProcessView& process,
             const std::vector<const ThreadView*>& stuck) {
  Finding finding = Draft(machine, process, "hung-threads", "lock");
  finding.severity = Severity::kCritical;
  finding.confidence = 0.8;
  NameThreads(finding, stuck);
  const double wall_ns = machine.WindowNs() * static_cast<double>(stuck.size());
  finding.impact = {static_cast<uint64_t>(wall_ns), 1};
  finding.summary =
      absl::StrCat("clients wait to be let in by ", NameOf(process),
                   ", of which no thread has moved for ", TimeText(machine.WindowNs()), ": ",
                   Plural(stuck.size(), "thread"), stuck.size() == 1 ? " waits" : " wait",
                   " for what nobody is left to do (a deadlock, a lost signal, or a dead owner)");
  finding.advice =
      "compare the stacks: who should end which wait (gdb -p PID -batch -ex 'thread apply all "
      "bt')? "
      "Wait for nothing without a time limit while others depend on you; stop-gap: restart the "
      "process";
  for (size_t at = 0; at < std::min(stuck.size(), kMostStacks); ++at) {
    if (stuck[at]->sites.empty()) continue;
    finding.evidence.push_back(StackEvidence(machine, stuck[at]->sites.front()));
  }
  finding.evidence.push_back(Check("ss -ltnp"));
  finding.evidence.push_back(LookAt(stuck.front()->key()));
  return finding;
}

}  // namespace

Findings HungServer(const MachineView& machine) {
  Findings findings;
  if (machine.WindowNs() < kSilenceNs) return findings;
  for (const auto& [pid, process] : machine.processes()) {
    if ((SidesOf(machine, pid) & SIDE_waiting) == 0) continue;
    const std::vector<const ThreadView*> stuck = StuckIn(machine, process);
    if (stuck.empty() || AllStuck(machine, FamilyOf(machine, process)) < kFewestStuck) continue;
    findings.push_back(Tell(machine, process, stuck));
  }
  return findings;
}

}  // namespace waitscope
