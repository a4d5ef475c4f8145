// Does a runtime's own pool keep every thread blocked in the tasks, though it has long grown?
//
// A pool that takes a task every few tens of milliseconds does not grow any more, however long the
// line is. Mono's idle workers park in the runtime's own code; a worker that waits below managed
// code is in a task, whatever it waits for. Thresholds: twice as many workers as CPUs (the pool
// begins with one for each), each blocked below managed code for 85 % of its time, in waits of 30
// ms or longer that do end. False positives: consumers that live in the pool (others idle beside
// them), CPU-bound tasks (they run).
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "agent/diagnose/draft.h"
#include "agent/diagnose/rules.h"
#include "agent/diagnose/text.h"

namespace waitscope {
namespace {

constexpr std::string_view kMonoWorker = "Thread Pool Wor";  // as far as 15 letters go
constexpr double kLongLived = 0.5;
constexpr double kStuckShare = 0.85;
constexpr double kShortestWaitNs = 30e6;
constexpr double kFewestWaits = 3;

struct Workers {
  std::vector<const ThreadView*> threads;
  bool all_stuck = true;
  double blocked_ns = 0;
  double waits = 0;
  const WaitSite* site = nullptr;
};

bool IsManaged(const MachineView& machine, const WaitSite& site) {
  return machine.HasModule(site.user_stack, "[jit]") ||
         machine.HasFrame(site.user_stack, "System_");
}

double CountManaged(const MachineView& machine, const ThreadView& thread, Workers& workers) {
  double ns = 0;
  for (const WaitSite& site : thread.sites) {
    if (!IsManaged(machine, site)) continue;
    ns += site.ns;
    workers.waits += site.count;
    if (workers.site == nullptr || site.ns > workers.site->ns) workers.site = &site;
  }
  return ns;
}

Workers WorkersOf(const MachineView& machine, const ProcessView& process) {
  Workers workers;
  for (const ThreadView& thread : process.threads) {
    if (thread.window->comm != kMonoWorker) continue;
    if (thread.WallNs() < kLongLived * machine.WindowNs()) continue;
    const double ns = CountManaged(machine, thread, workers);
    workers.threads.push_back(&thread);
    workers.blocked_ns += ns;
    workers.all_stuck &= ns >= kStuckShare * thread.WallNs();
  }
  return workers;
}

bool IsSick(const MachineView& machine, const Workers& workers) {
  return workers.all_stuck && workers.waits >= kFewestWaits &&
         workers.blocked_ns >= kShortestWaitNs * workers.waits &&
         static_cast<double>(workers.threads.size()) >= 2 * machine.Cpus();
}

Finding Tell(const MachineView& machine, const ProcessView& process, const Workers& workers) {
  Finding finding = DraftStarvedPool(machine, process, *workers.threads.front());
  const double wall_ns = machine.WindowNs() * static_cast<double>(workers.threads.size());
  const double mean_ns = workers.blocked_ns / std::max(workers.waits, 1.0);
  finding.severity = Severity::kCritical;
  finding.confidence = 0.88;
  NameThreads(finding, workers.threads);
  finding.impact = {static_cast<uint64_t>(workers.blocked_ns),
                    std::min(1.0, workers.blocked_ns / wall_ns)};
  finding.summary =
      absl::StrCat("all ", workers.threads.size(), " threads of the pool of ", NameOf(process),
                   " were blocked inside their tasks for ", ShareText(finding.impact.share), " of ",
                   TimeText(machine.WindowNs()), ", ", TimeText(mean_ns),
                   " each time: work waits and nobody is free for it");
  finding.advice =
      "await instead of .Result, .Wait() or Thread.Sleep in the pool's tasks; stop-gap: "
      "raise the minimum (ThreadPool.SetMinThreads)";
  finding.evidence.push_back(
      StackEvidence(machine, *workers.site, workers.blocked_ns, workers.waits));
  finding.evidence.push_back(Metric("pool_threads_blocked",
                                    static_cast<double>(workers.threads.size()), "threads",
                                    2 * machine.Cpus()));
  finding.evidence.push_back(Metric("wait_mean_ns", mean_ns, "ns", kShortestWaitNs));
  finding.evidence.push_back(LookAt(workers.threads.front()->key()));
  return finding;
}

}  // namespace

Findings ThreadPoolManaged(const MachineView& machine) {
  Findings findings;
  for (const auto& [pid, process] : machine.processes()) {
    const Workers workers = WorkersOf(machine, process);
    if (IsSick(machine, workers)) findings.push_back(Tell(machine, process, workers));
  }
  return findings;
}

}  // namespace waitscope
