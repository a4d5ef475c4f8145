// Does a runtime add thread after thread to a pool because none of them comes back?
//
// Signature: threads that their runtime names as a pool's, at least three more of them at steps of
// 0.3 to 1.7 s (.NET's and Mono's gate adds one every 500 ms without a dequeue), while they hardly
// run. False positives: warm-up and bursts of real work (steps are shorter, threads run), threads a
// program starts by itself (not named as a pool: see thread-exhaustion).
#include <algorithm>
#include <array>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/diagnose/draft.h"
#include "agent/diagnose/rules.h"
#include "agent/diagnose/text.h"

namespace waitscope {
namespace {

// As far as 15 letters go: .NET 7 on, .NET 6, Mono.
constexpr std::array<std::string_view, 3> kPoolNames{".NET TP Worker", ".NET ThreadPool",
                                                     "Thread Pool Wor"};
constexpr uint64_t kShortestStepNs = 300'000'000;
constexpr uint64_t kLongestStepNs = 1'700'000'000;
constexpr size_t kFewestSteps = 3;
constexpr double kMostRunning = 0.2;

bool IsPoolThread(const ThreadView& thread) {
  return std::ranges::find(kPoolNames, thread.window->comm) != kPoolNames.end();
}

struct Staircase {
  std::vector<const ThreadView*> threads;  // of the pool, in order of birth
  size_t steps = 0;                        // the longest run of them that reaches into the window
  double running_ns = 0;
  double wall_ns = 0;
  const WaitSite* site = nullptr;
};

void CountSteps(uint64_t begin_ns, Staircase& stairs) {
  size_t run = 0;
  for (size_t i = 1; i < stairs.threads.size(); ++i) {
    const uint64_t born_ns = stairs.threads[i]->key().start_ns;
    const uint64_t step_ns = born_ns - stairs.threads[i - 1]->key().start_ns;
    run = step_ns >= kShortestStepNs && step_ns <= kLongestStepNs ? run + 1 : 0;
    if (born_ns >= begin_ns) stairs.steps = std::max(stairs.steps, run);
  }
}

Staircase StaircaseOf(const MachineView& machine, const ProcessView& process) {
  Staircase stairs;
  for (const ThreadView& thread : process.threads) {
    if (!IsPoolThread(thread)) continue;
    stairs.threads.push_back(&thread);
    stairs.running_ns += static_cast<double>(thread.totals().running_ns);
    stairs.wall_ns += thread.WallNs();
    for (const WaitSite& site : thread.sites) {
      if (stairs.site == nullptr || site.ns > stairs.site->ns) stairs.site = &site;
    }
  }
  std::ranges::sort(stairs.threads, {},
                    [](const ThreadView* thread) { return thread->key().start_ns; });
  CountSteps(machine.snapshot().begin_ns, stairs);
  return stairs;
}

Finding Tell(const MachineView& machine, const ProcessView& process, const Staircase& stairs) {
  Finding finding = DraftStarvedPool(machine, process, *stairs.threads.front());
  finding.severity = Severity::kCritical;
  finding.confidence = 0.95;
  NameThreads(finding, stairs.threads);
  const double lost_ns = stairs.wall_ns - stairs.running_ns;
  finding.impact = {static_cast<uint64_t>(lost_ns), lost_ns / std::max(stairs.wall_ns, 1.0)};
  finding.summary =
      absl::StrCat("the thread pool of ", NameOf(process), " grew by a thread ", stairs.steps + 1,
                   " times in a row, one each half second or so, to ", stairs.threads.size(),
                   ", and they were blocked for ", ShareText(finding.impact.share),
                   " of their time: work waits and nobody is free for it");
  finding.advice =
      "await instead of .Result, .Wait() or Thread.Sleep in the pool's tasks; stop-gap: "
      "raise the minimum (ThreadPool.SetMinThreads)";
  if (stairs.site != nullptr) finding.evidence.push_back(StackEvidence(machine, *stairs.site));
  finding.evidence.push_back(
      Metric("pool_threads", static_cast<double>(stairs.threads.size()), "threads", 0));
  finding.evidence.push_back(Metric("pool_growth_steps", static_cast<double>(stairs.steps), "steps",
                                    static_cast<double>(kFewestSteps)));
  finding.evidence.push_back(ThreadEvidence(stairs.threads.back()->window->creator,
                                            machine.CommOf(stairs.threads.back()->window->creator),
                                            "creator"));
  finding.evidence.push_back(LookAt(stairs.threads.back()->key()));
  return finding;
}

}  // namespace

Findings ThreadPoolGrowth(const MachineView& machine) {
  Findings findings;
  for (const auto& [pid, process] : machine.processes()) {
    const Staircase stairs = StaircaseOf(machine, process);
    const bool idle_cpu = stairs.running_ns <= kMostRunning * stairs.wall_ns;
    if (stairs.steps >= kFewestSteps && idle_cpu) {
      findings.push_back(Tell(machine, process, stairs));
    }
  }
  return findings;
}

}  // namespace waitscope
