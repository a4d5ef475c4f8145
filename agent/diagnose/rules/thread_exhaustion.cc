// Can a process create no more threads, or will it soon?
//
// A refusal (EAGAIN from clone) is proof in itself. Growth: three threads a second (a thousand in
// five minutes), or one of which there are 200, in most seconds of four or more, hardly any of
// which end, while those that came before still wait. False positives: warm-up (all at once, so not
// in most of four seconds; or slowly, for each task another thread of a bounded pool), a thread per
// connection (they end, or come slowly), a pool that grows because it is starved is told as that.
#include <algorithm>
#include <cerrno>
#include <set>

#include "absl/strings/str_cat.h"
#include "agent/diagnose/draft.h"
#include "agent/diagnose/rules.h"
#include "agent/diagnose/text.h"
#include "bpf/wait_class.h"

namespace waitscope {
namespace {

constexpr uint64_t kFewestBirths = 8;
constexpr double kFewestPerSecond = 3;
constexpr size_t kMany = 200;
constexpr double kShortestSeconds = 4;
constexpr double kBusySeconds = 0.7;
constexpr double kMostExits = 0.1;
constexpr double kRunningShare = 0.5;
constexpr int32_t kClone3 = 435;

uint64_t RefusalsOf(const MachineView& machine, uint32_t pid) {
  uint64_t refusals = 0;
  for (const int32_t number : {__NR_clone, static_cast<int>(kClone3), __NR_fork, __NR_vfork}) {
    const auto row = machine.snapshot().errnos.find({pid, number, EAGAIN});
    if (row != machine.snapshot().errnos.end()) refusals += row->second;
  }
  return refusals;
}

struct Growth {
  uint64_t born = 0;
  uint64_t exited = 0;
  double born_running_ns = 0;
  double born_wall_ns = 0;
  std::set<uint64_t> seconds;  // with a birth
};

Growth GrowthOf(const MachineView& machine, const ProcessView& process) {
  Growth growth;
  for (const ThreadView& thread : process.threads) {
    growth.exited += thread.window->exited ? 1 : 0;
    if (thread.key().start_ns < machine.snapshot().begin_ns) continue;
    ++growth.born;
    growth.born_running_ns += static_cast<double>(thread.totals().running_ns);
    growth.born_wall_ns += thread.WallNs();
    growth.seconds.insert((thread.key().start_ns - machine.snapshot().begin_ns) / 1'000'000'000);
  }
  return growth;
}

bool GrowsWithoutEnd(const MachineView& machine, const ProcessView& process, const Growth& growth) {
  const double seconds = std::max(1.0, machine.Seconds());
  const double rate = process.threads.size() >= kMany ? 1 : kFewestPerSecond;
  return machine.Seconds() >= kShortestSeconds && growth.born >= kFewestBirths &&
         static_cast<double>(growth.born) >= rate * seconds &&
         static_cast<double>(growth.seconds.size()) >= kBusySeconds * seconds &&
         static_cast<double>(growth.exited) <= kMostExits * static_cast<double>(growth.born) &&
         growth.born_running_ns <= kRunningShare * growth.born_wall_ns;
}

Finding TellRefused(const MachineView& machine, const ProcessView& process, uint64_t refusals) {
  Finding finding = Draft(machine, process, "thread-exhaustion");
  finding.severity = Severity::kCritical;
  finding.confidence = 0.97;
  const uint64_t threads = process.threads.size();
  finding.impact.share = 1;
  finding.summary =
      absl::StrCat(NameOf(process), " was refused a new thread ", Plural(refusals, "time"), " in ",
                   TimeText(machine.WindowNs()), " (EAGAIN) with ", Plural(threads, "thread"));
  const auto group = machine.snapshot().cgroups.find(process.facts->pids_cgroup);
  if (group != machine.snapshot().cgroups.end() && group->second.pids_limit != 0) {
    finding.evidence.push_back(Metric("cgroup_pids", static_cast<double>(group->second.pids),
                                      "threads", static_cast<double>(group->second.pids_limit)));
    if (group->second.pids >= group->second.pids_limit || group->second.pids_limit_hits > 0) {
      absl::StrAppend(&finding.summary, ": its cgroup's pids.max is ", group->second.pids_limit);
    }
  }
  finding.advice =
      "find what creates threads and never ends them; raise the limit that bit: the "
      "cgroup's pids.max (TasksMax=), ulimit -u, kernel.threads-max";
  finding.evidence.push_back(
      Metric("thread_creations_refused", static_cast<double>(refusals), "times", 1));
  finding.evidence.push_back(Metric("threads", static_cast<double>(threads), "threads", 0));
  finding.evidence.push_back(Check(absl::StrCat("grep -E 'processes|Threads' /proc/", process.pid,
                                                "/limits /proc/", process.pid, "/status")));
  return finding;
}

void AddCreators(const MachineView& machine, const ProcessView& process, Finding& finding) {
  for (const auto& [key, count] : machine.snapshot().creations) {
    if (key.creator.pid != process.pid) continue;
    Evidence stack;
    stack.kind = "stack";
    stack.frames = machine.Frames(key.kernel_stack, key.user_stack);
    stack.count = count;
    finding.evidence.push_back(stack);
    finding.evidence.push_back(ThreadEvidence(key.creator, machine.CommOf(key.creator), "creator"));
    return;
  }
}

Finding TellGrowth(const MachineView& machine, const ProcessView& process, const Growth& growth) {
  Finding finding = Draft(machine, process, "thread-exhaustion");
  finding.severity = Severity::kWarning;
  finding.confidence = 0.8;
  const uint64_t threads = process.threads.size();
  finding.summary =
      absl::StrCat(NameOf(process), " creates ",
                   static_cast<uint64_t>(static_cast<double>(growth.born) / machine.Seconds()),
                   " threads a second and ends hardly any: ", growth.born, " more in ",
                   TimeText(machine.WindowNs()), ", ", threads, " now");
  finding.advice = "bound the number of threads with a pool, and end those that are done";
  finding.evidence.push_back(Metric("threads", static_cast<double>(threads), "threads", 0));
  finding.evidence.push_back(Metric("threads_created", static_cast<double>(growth.born), "threads",
                                    static_cast<double>(kFewestBirths)));
  finding.evidence.push_back(
      Metric("threads_exited", static_cast<double>(growth.exited), "threads", 0));
  AddCreators(machine, process, finding);
  finding.evidence.push_back(Check(absl::StrCat("ls /proc/", process.pid, "/task | wc -l")));
  return finding;
}

}  // namespace

Findings ThreadExhaustion(const MachineView& machine) {
  Findings findings;
  for (const auto& [pid, process] : machine.processes()) {
    const uint64_t refusals = RefusalsOf(machine, pid);
    const Growth growth = GrowthOf(machine, process);
    if (refusals > 0) {
      findings.push_back(TellRefused(machine, process, refusals));
    } else if (GrowsWithoutEnd(machine, process, growth)) {
      findings.push_back(TellGrowth(machine, process, growth));
    }
  }
  return findings;
}

}  // namespace waitscope
