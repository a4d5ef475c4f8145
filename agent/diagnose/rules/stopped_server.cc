// Was a server stopped while others wait for it?
//
// Each of its threads has been stopped by a signal or a debugger, or frozen with its cgroup, for
// the whole window of at least 5 s, and clients wait to be let in or hold connections to it. Known
// by the kernel's functions for that: nothing else sleeps there. False positives: a program that
// somebody looks at with a debugger, and whose clients are in no hurry.
#include <algorithm>
#include <array>
#include <optional>

#include "absl/strings/str_cat.h"
#include "agent/diagnose/draft.h"
#include "agent/diagnose/rules.h"
#include "agent/diagnose/text.h"
#include "bpf/sides.h"

namespace waitscope {
namespace {

constexpr double kSilenceNs = 5e9;
constexpr double kWholeWindow = 0.95;

struct Hold {
  std::string_view function;
  const char* by;
  const char* advice;
};

// get_signal and what compilers leave of its parts, 5.10 to 6.18.
constexpr std::array kHolds{
    Hold{"ptrace_stop", "a debugger or tracer",
         "see who traces it (TracerPid in /proc/PID/status), and let it go on"},
    Hold{"do_freezer_trap", "its frozen cgroup",
         "thaw the cgroup (docker unpause, or write 0 to its cgroup.freeze)"},
    Hold{"__refrigerator", "its frozen cgroup",
         "thaw the cgroup (docker unpause, or write THAWED to its freezer.state)"},
    Hold{"do_signal_stop", "a signal", "find out who sent SIGSTOP or SIGTSTP; kill -CONT PID"},
    Hold{"get_signal", "a signal or its frozen cgroup",
         "kill -CONT PID, or thaw its cgroup (docker unpause)"},
};

const Hold* HoldOf(const MachineView& machine, const ThreadView& thread) {
  const auto& wait = thread.window->open_wait;
  const bool whole = wait && static_cast<double>(wait->ns) >= kWholeWindow * machine.WindowNs();
  if (!whole || wait->cls != WAIT_other) return nullptr;
  const Frame* leaf = machine.LeafOf(wait->kernel_stack);
  if (leaf == nullptr) return nullptr;
  const auto* hold = std::ranges::find_if(
      kHolds, [&](const Hold& each) { return leaf->symbol.starts_with(each.function); });
  return hold != kHolds.end() ? hold : nullptr;
}

// What holds its threads, if none of them is free.
const Hold* HoldOf(const MachineView& machine, const ProcessView& process) {
  const Hold* hold = nullptr;
  for (const ThreadView& thread : process.threads) {
    if (thread.window->exited) continue;
    hold = HoldOf(machine, thread);
    if (hold == nullptr) return nullptr;
  }
  return hold;
}

Finding Tell(const MachineView& machine, const ProcessView& process, const Hold& hold,
             bool waiting) {
  Finding finding = Draft(machine, process, "hung-threads", "stopped");
  finding.severity = waiting ? Severity::kCritical : Severity::kWarning;
  finding.confidence = 0.97;
  std::vector<const ThreadView*> threads;
  for (const ThreadView& thread : process.threads) threads.push_back(&thread);
  NameThreads(finding, threads);
  finding.impact = {static_cast<uint64_t>(machine.WindowNs() * static_cast<double>(threads.size())),
                    1};
  const OpenWait& wait = *process.threads.front().window->open_wait;
  finding.summary = absl::StrCat(
      NameOf(process), " is stopped by ", hold.by, ", all ", Plural(threads.size(), "thread"),
      " for at least ", TimeText(static_cast<double>(wait.ns)),
      waiting ? ", while clients wait to be let in" : ", while clients hold connections to it");
  finding.advice = hold.advice;
  Evidence stack;
  stack.kind = "stack";
  stack.frames = machine.Frames(wait.kernel_stack, wait.user_stack);
  stack.total_ns = wait.ns;
  finding.evidence.push_back(std::move(stack));
  finding.evidence.push_back(
      Check(absl::StrCat("grep -E 'State|TracerPid' /proc/", process.pid, "/status")));
  return finding;
}

}  // namespace

Findings StoppedServer(const MachineView& machine) {
  Findings findings;
  if (machine.WindowNs() < kSilenceNs) return findings;
  for (const auto& [pid, process] : machine.processes()) {
    const auto& sides = machine.snapshot().sides;
    const auto row = sides.find({pid, SidesKey::kWholeProcess});
    if (row == sides.end() || (row->second & (SIDE_waiting | SIDE_asked)) == 0) continue;
    const Hold* hold = HoldOf(machine, process);
    if (hold == nullptr) continue;
    findings.push_back(Tell(machine, process, *hold, (row->second & SIDE_waiting) != 0));
  }
  return findings;
}

}  // namespace waitscope
