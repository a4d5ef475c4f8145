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

#include "absl/strings/str_cat.h"
#include "agent/diagnose/draft.h"
#include "agent/diagnose/pools.h"
#include "agent/diagnose/rules.h"
#include "agent/diagnose/text.h"
#include "bpf/sides.h"

namespace waitscope {
namespace {

constexpr double kSilenceNs = 5e9;
constexpr double kWholeWindow = 0.95;
constexpr size_t kFewestStuck = 2;
constexpr size_t kMostStacks = 4;
constexpr uint32_t kInit = 1;
constexpr size_t kMostAncestors = 64;
// HotSpot's that run Java, as the kernel cuts their names.
constexpr std::array<std::string_view, 4> kHelpers{"Reference Handl", "Finalizer",
                                                   "Signal Dispatch", "Common-Cleaner"};

uint32_t SidesOf(const MachineView& machine, uint32_t pid) {
  const auto& sides = machine.snapshot().sides;
  const auto row = sides.find({pid, SidesKey::kWholeProcess});
  return row != sides.end() ? row->second : 0;
}

bool Waits(const MachineView& machine, uint32_t pid) {
  return (SidesOf(machine, pid) & SIDE_waiting) != 0;
}

uint32_t ParentOf(const MachineView& machine, uint32_t pid) {
  const ProcessView* process = machine.Find(pid);
  return process != nullptr ? process->facts->parent_pid : 0;
}

bool DescendsFrom(const MachineView& machine, uint32_t pid, uint32_t ancestor) {
  for (size_t steps = 0; pid > kInit && steps < kMostAncestors; ++steps) {
    pid = ParentOf(machine, pid);
    if (pid == ancestor) return true;
  }
  return false;
}

// Init has sockets of everybody's, and is everybody's parent at last.
bool AreRelated(const MachineView& machine, const ProcessView& a, const ProcessView& b) {
  if (a.pid == kInit || b.pid == kInit) return false;
  const bool siblings = a.facts->parent_pid == b.facts->parent_pid && a.comm == b.comm;
  return siblings || DescendsFrom(machine, a.pid, b.pid) || DescendsFrom(machine, b.pid, a.pid);
}

// Those that may have the same listener: somebody waits at it for all of them.
std::vector<const ProcessView*> FamilyOf(const MachineView& machine, const ProcessView& process) {
  std::vector<const ProcessView*> family{&process};
  for (const auto& [pid, other] : machine.processes()) {
    const bool related = pid != process.pid && AreRelated(machine, process, other);
    if (Waits(machine, pid) && related) family.push_back(&other);
  }
  return family;
}

bool IsInOneWait(const MachineView& machine, const ThreadView& thread) {
  const auto& wait = thread.window->open_wait;
  return wait && static_cast<double>(wait->ns) >= kWholeWindow * machine.WindowNs();
}

bool IsByTimetable(const ThreadView& thread) {
  return thread.ShareOf(Nature::kSleep) >= kWholeWindow;
}

// They idle for their runtime's sake.
bool IsHelper(const MachineView& machine, const ThreadView& thread) {
  return IsOfTheRuntime(machine, thread) ||
         std::ranges::find(kHelpers, thread.window->comm) != kHelpers.end();
}

bool WaitsForOthersOfIts(const OpenWait& wait) {
  return wait.cls == WAIT_lock || wait.cls == WAIT_child;
}

// Who polls, accepts or hears somebody would go on if anything came, and of who was stopped, frozen
// or waits for a disk nobody knows.
bool MayMove(const MachineView& machine, const ThreadView& thread) {
  if (IsByTimetable(thread) || IsHelper(machine, thread)) return false;
  return !IsInOneWait(machine, thread) || !WaitsForOthersOfIts(*thread.window->open_wait);
}

std::vector<const ThreadView*> StuckIn(const MachineView& machine, const ProcessView& process) {
  std::vector<const ThreadView*> stuck;
  for (const ThreadView& thread : process.threads) {
    const bool futex = IsInOneWait(machine, thread) && thread.window->open_wait->cls == WAIT_lock;
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
    if (!Waits(machine, pid)) continue;
    const std::vector<const ThreadView*> stuck = StuckIn(machine, process);
    if (stuck.empty() || AllStuck(machine, FamilyOf(machine, process)) < kFewestStuck) continue;
    findings.push_back(Tell(machine, process, stuck));
  }
  return findings;
}

}  // namespace waitscope
