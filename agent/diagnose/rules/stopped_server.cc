// Was a server stopped while others wait for it?
//
// Each of its threads has been stopped by a signal or a debugger, or frozen (cgroup.freeze), for
// the whole window of at least 5 s, and clients wait to be let in, by nobody else of its family
// either. Known by the functions of the kernel where it sleeps for that and nothing else. Only
// worth knowing (info) when all that clients do is hold connections to it: somebody may look at it
// with a debugger, or have put an idle container to sleep. False positives: clients that left long
// ago and still lie in the queue.
#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/diagnose/draft.h"
#include "agent/diagnose/families.h"
#include "agent/diagnose/rules.h"
#include "agent/diagnose/text.h"
#include "bpf/sides.h"

namespace waitscope {
namespace {

constexpr double kSilenceNs = 5e9;

struct Hold {
  std::string_view function;
  const char* by;
  const char* advice;
};

// get_signal is what compilers may leave of the two before it, 5.10 to 6.18.
constexpr std::array kHolds{
    Hold{"ptrace_stop", "a debugger or tracer, or a signal under one",
         "see who traces it (TracerPid in /proc/PID/status) and let it go on; else kill -CONT PID"},
    Hold{"do_freezer_trap", "its frozen cgroup",
         "thaw the cgroup (docker unpause, or write 0 to its cgroup.freeze)"},
    Hold{"do_signal_stop", "a signal", "find out who sent SIGSTOP or SIGTSTP; kill -CONT PID"},
    Hold{"get_signal", "a signal or its frozen cgroup",
         "kill -CONT PID, or thaw its cgroup (docker unpause)"},
};

const Hold* HoldOf(const MachineView& machine, const ThreadView& thread) {
  const OpenWait* wait = machine.OnlyWaitOf(thread);
  const bool held = wait != nullptr && wait->cls == WAIT_other;
  const Frame* leaf = held ? machine.LeafOf(wait->kernel_stack) : nullptr;
  for (const Hold& hold : kHolds) {
    if (leaf != nullptr && leaf->symbol.starts_with(hold.function)) return &hold;
  }
  return nullptr;
}

// Its threads, if none of them is free.
std::vector<const ThreadView*> AllHeld(const MachineView& machine, const ProcessView& process) {
  std::vector<const ThreadView*> held;
  for (const ThreadView& thread : process.threads) {
    if (thread.window->exited) continue;
    if (HoldOf(machine, thread) == nullptr) return {};
    held.push_back(&thread);
  }
  return held;
}

bool KeepsClientsWaiting(const MachineView& machine, const ProcessView& process) {
  return (SidesOf(machine, process.pid) & SIDE_waiting) != 0 &&
         std::ranges::none_of(FamilyOf(machine, process), [&](const ProcessView* member) {
           return AllHeld(machine, *member).empty();
         });
}

Finding Tell(const MachineView& machine, const ProcessView& process,
             const std::vector<const ThreadView*>& threads) {
  const bool waiting = KeepsClientsWaiting(machine, process);
  const Hold& hold = *HoldOf(machine, *threads.front());
  const OpenWait& wait = *threads.front()->window->open_wait;
  Finding finding = Draft(machine, process, "hung-threads", "stopped");
  finding.severity = waiting ? Severity::kCritical : Severity::kInfo;
  finding.confidence = 0.95;
  NameThreads(finding, threads);
  const double stalled_ns = machine.WindowNs() * static_cast<double>(threads.size());
  finding.impact = {static_cast<uint64_t>(stalled_ns), 1};
  finding.summary = absl::StrCat(
      NameOf(process), " is stopped by ", hold.by, ", ",
      threads.size() == 1 ? "its only thread" : absl::StrCat("all ", threads.size(), " threads"),
      " for at least ", TimeText(static_cast<double>(wait.ns)),
      waiting ? ", while clients wait to be let in" : ", while others hold connections to it");
  finding.advice = hold.advice;
  finding.evidence.push_back(StackEvidence(machine, wait));
  finding.evidence.push_back(
      Check(absl::StrCat("grep -E 'State|TracerPid' /proc/", process.pid, "/status")));
  return finding;
}

}  // namespace

Findings StoppedServer(const MachineView& machine) {
  Findings findings;
  if (machine.WindowNs() < kSilenceNs) return findings;
  for (const auto& [pid, process] : machine.processes()) {
    if ((SidesOf(machine, pid) & (SIDE_waiting | SIDE_asked)) == 0) continue;
    const std::vector<const ThreadView*> held = AllHeld(machine, process);
    if (!held.empty()) findings.push_back(Tell(machine, process, held));
  }
  return findings;
}

}  // namespace waitscope
