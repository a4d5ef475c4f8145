// Does a fork stop a thread for long, while the kernel copies its page tables?
//
// Thresholds: one fork or clone of 100 ms or longer (netdata's guide for Redis: 10 to 20 ms per GB
// is normal, 200 ms bad), or of 20 ms when forks take 5 % of the time; most of it running. A vfork
// waits for its child instead, and a preempted one for a CPU: not this. False positives: none
// known. Needs counted system calls.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "agent/diagnose/draft.h"
#include "agent/diagnose/rules.h"
#include "agent/diagnose/text.h"
#include "bpf/wait_class.h"

namespace waitscope {
namespace {

constexpr uint64_t kLongForkNs = 100'000'000;
constexpr uint64_t kFrequentForkNs = 20'000'000;
constexpr double kFrequentShare = 0.05;
constexpr int32_t kClone3 = 435;  // v5.3

struct Forks {
  uint64_t longest_ns = 0;
  uint64_t total_ns = 0;
  uint64_t count = 0;
};

Forks ForksOf(const ThreadView& thread) {
  Forks forks;
  for (const int32_t number : {__NR_fork, __NR_clone, static_cast<int>(kClone3)}) {
    const auto call = thread.calls.find(number);
    if (call == thread.calls.end()) continue;
    const SyscallWindow& window = *call->second;
    forks.longest_ns = std::max(forks.longest_ns, window.latency.BoundedMaxNs(window.max_ns));
    forks.total_ns += window.total_ns;
    forks.count += window.count;
  }
  return forks;
}

// A vfork, also as a flag of clone, waits until its child has started its program.
double WaitedInside(const ThreadView& thread) {
  double ns = 0;
  for (const WaitSite& site : thread.sites) {
    const bool inside =
        site.syscall == __NR_fork || site.syscall == __NR_clone || site.syscall == kClone3;
    ns += inside ? site.ns : 0;
  }
  return ns;
}

bool IsSick(const MachineView& machine, const ThreadView& thread, const Forks& forks) {
  const double waited_ns = WaitedInside(thread);
  const bool frequent = forks.longest_ns >= kFrequentForkNs &&
                        static_cast<double>(forks.total_ns) >= kFrequentShare * machine.WindowNs();
  // Copying is work: a thread that ran for less stood in line for a CPU instead.
  const auto total_ns = static_cast<double>(forks.total_ns);
  const bool copied = static_cast<double>(thread.totals().running_ns) >= total_ns / 2;
  return (forks.longest_ns >= kLongForkNs || frequent) && copied && waited_ns < total_ns / 2;
}

Finding Tell(const MachineView& machine, const ProcessView& process, const ThreadView& thread,
             const Forks& forks) {
  Finding finding = Draft(machine, process, "fork-stall", absl::StrCat(thread.key().tid));
  finding.severity = Severity::kWarning;
  finding.confidence = 0.9;
  NameThreads(finding, std::vector{&thread});
  finding.impact = {forks.total_ns,
                    std::min(1.0, static_cast<double>(forks.total_ns) / machine.WindowNs())};
  finding.summary = absl::StrCat(
      "a fork stopped ", thread.window->comm, " of ", NameOf(process), " for ",
      TimeText(static_cast<double>(forks.longest_ns)), " (", Plural(forks.count, "fork"), ", ",
      TimeText(static_cast<double>(forks.total_ns)), " in all) while its page tables were copied");
  finding.advice =
      "fork early or from a small process, use posix_spawn or vfork to start programs, "
      "larger pages, or less memory per process";
  for (const RunSite& run : thread.runs) {
    const bool copies = machine.HasFrame(run.kernel_stack, "copy_page_range") ||
                        machine.HasFrame(run.kernel_stack, "dup_mm");
    if (!copies) continue;
    finding.evidence.push_back(StackEvidence(machine, run));
    break;
  }
  finding.evidence.push_back(Metric("fork_max_ns", static_cast<double>(forks.longest_ns), "ns",
                                    static_cast<double>(kLongForkNs)));
  finding.evidence.push_back(Check(absl::StrCat("grep VmRSS /proc/", process.pid, "/status")));
  return finding;
}

}  // namespace

Findings ForkStall(const MachineView& machine) {
  Findings findings;
  for (const auto& [pid, process] : machine.processes()) {
    for (const ThreadView& thread : process.threads) {
      const Forks forks = ForksOf(thread);
      if (IsSick(machine, thread, forks)) findings.push_back(Tell(machine, process, thread, forks));
    }
  }
  return findings;
}

}  // namespace waitscope
