// Does every thread of a pool wait for something that only the pool could do?
//
// A task that waits for a task it has handed to its own pool looks idle from outside. Signature:
// two threads or more have each been in one futex wait for the whole window, none beside them could
// do the work, and requests keep coming in (three accepted or more) that nobody answers. Who waits
// is told from who is idle by the function that waits for a task's result, or else by this: nobody
// reads what was accepted, either. No request is needed where nobody can do the work: Java's
// FutureTasks are run by threads that have `run` on their stacks, and all that have it wait for
// another one. False positives: idle pools beside somebody who serves (that one answers), receivers
// that never answer (they read), batch jobs (nobody asks), tasks that are not due yet (their
// scheduler is there).
#include <algorithm>
#include <array>
#include <optional>

#include "absl/strings/str_cat.h"
#include "agent/diagnose/draft.h"
#include "agent/diagnose/pools.h"
#include "agent/diagnose/rules.h"
#include "agent/diagnose/text.h"
#include "bpf/wait_class.h"

namespace waitscope {
namespace {

constexpr double kWholeLife = 0.95;
constexpr double kElsewhere = 0.8;
constexpr uint64_t kFewestRequests = 3;
constexpr size_t kFewestStuck = 2;

// concurrent.futures of Python; .NET's tasks; Java's; std::future of libstdc++, where nothing else
// calls it.
constexpr std::array<std::string_view, 7> kResultFrames{
    "Future.result",
    "Task.InternalWait",
    "System.Threading.Tasks.Task:Wait",
    "java.util.concurrent.FutureTask.get",
    "java.util.concurrent.CompletableFuture.get",
    "java.util.concurrent.CompletableFuture.join",
    "std::__atomic_futex_unsigned_base::_M_futex_wait_until"};

constexpr std::string_view kRunsTask = "java.util.concurrent.FutureTask.run";  // and runAndReset
constexpr std::string_view kGetsResult = "java.util.concurrent.FutureTask.get";
// Who else may run a task, or will: those that keep it until it is due, or for a virtual thread.
constexpr std::array<std::string_view, 3> kTaskFrames{
    kRunsTask, "java.util.concurrent.ScheduledThreadPoolExecutor", "java.util.concurrent.ForkJoin"};
constexpr double kMostUnknown = 0.1;

// Whether it waits for a task's result; nothing when nobody has seen its stack.
std::optional<bool> WaitsForResult(const MachineView& machine, const ThreadView& thread) {
  const auto open = std::ranges::find_if(thread.sites, &WaitSite::open);
  if (open == thread.sites.end() || machine.LeafOf(open->user_stack) == nullptr) {
    return std::nullopt;
  }
  return std::ranges::any_of(kResultFrames, [&](std::string_view name) {
    return machine.HasFrame(open->user_stack, name);
  });
}

bool IsParkedForGood(const ThreadView& thread) {
  const auto& wait = thread.window->open_wait;
  return wait && wait->cls == WAIT_lock && wait->object.kind == OBJECT_futex &&
         static_cast<double>(wait->ns) >= kWholeLife * thread.WallNs() &&
         thread.ShareOf(Nature::kPark) >= kWholeLife;
}

// Has a timetable or a connection of its own: no worker.
bool IsElsewhere(const ThreadView& thread) {
  return thread.ShareOf(Nature::kSleep) + thread.ShareOf(Nature::kPoll) +
             thread.ShareOf(Nature::kClient) >=
         kElsewhere;
}

uint64_t CallsIn(const ProcessView& process, std::initializer_list<int32_t> numbers) {
  uint64_t calls = 0;
  for (const ThreadView& thread : process.threads) calls += thread.Calls(numbers);
  return calls;
}

// Writes are for logs, too: as many as there are requests may be their answers.
bool Answers(const ProcessView& process, uint64_t accepted) {
  return CallsIn(process, {__NR_sendto, __NR_sendmsg, __NR_sendmmsg}) > 0 ||
         CallsIn(process, {__NR_write, __NR_writev}) >= accepted;
}

// A compiler beside the workers may read a file now and then.
bool ReadsOrWrites(const ProcessView& process, uint64_t accepted) {
  const uint64_t reads = CallsIn(process, {__NR_recvfrom, __NR_recvmsg, __NR_read, __NR_readv});
  return 2 * reads >= accepted || CallsIn(process, {__NR_write, __NR_writev}) > 0;
}

struct Stuck {
  std::vector<const ThreadView*> threads;
  bool for_results = false;
  bool for_each_other = false;  // proven: nobody could end their waits
};

bool IsInTaskForTask(const MachineView& machine, const ThreadView& thread) {
  return std::ranges::any_of(thread.sites, [&](const WaitSite& site) {
    return site.open && machine.HasFrame(site.user_stack, kRunsTask) &&
           machine.HasFrame(site.user_stack, kGetsResult);
  });
}

bool MayRunTask(const MachineView& machine, const ThreadView& thread) {
  const auto may = [&](const auto& site) {
    if (machine.LeafOf(site.user_stack) == nullptr) return site.ns > kMostUnknown * thread.WallNs();
    return std::ranges::any_of(kTaskFrames, [&](std::string_view frame) {
      return machine.HasFrame(site.user_stack, frame);
    });
  };
  return std::ranges::any_of(thread.sites, may) || std::ranges::any_of(thread.runs, may);
}

// Of a process in which no other thread may run what they wait for.
Stuck StuckForEachOther(const MachineView& machine, const ProcessView& process) {
  Stuck stuck{.for_results = true, .for_each_other = true};
  for (const ThreadView& thread : process.threads) {
    if (IsParkedForGood(thread) && IsInTaskForTask(machine, thread)) {
      stuck.threads.push_back(&thread);
    } else if (MayRunTask(machine, thread)) {
      return {};
    }
  }
  return stuck;
}

Stuck StuckIn(const MachineView& machine, const Pool& pool) {
  Stuck stuck;
  size_t for_results = 0;
  size_t for_others = 0;
  for (const ThreadView* member : pool.members) {
    if (IsElsewhere(*member)) continue;
    if (!IsParkedForGood(*member) || IsOfTheRuntime(machine, *member)) return {};
    stuck.threads.push_back(member);
    const std::optional<bool> for_result = WaitsForResult(machine, *member);
    for_results += for_result.value_or(false) ? 1 : 0;
    for_others += for_result.value_or(true) ? 0 : 1;
  }
  stuck.for_results = for_others == 0 && 2 * for_results >= stuck.threads.size();
  return stuck;
}

bool IsSick(const ProcessView& process, const Stuck& stuck) {
  const uint64_t accepted = CallsIn(process, {__NR_accept, __NR_accept4});
  if (stuck.threads.size() < kFewestStuck || accepted < kFewestRequests) return false;
  return !Answers(process, accepted) && (stuck.for_results || !ReadsOrWrites(process, accepted));
}

const char* Sentence(const Stuck& stuck) {
  if (stuck.for_each_other) {
    return " for results of other tasks, of which no thread runs any: those stand in line behind "
           "them (a deadlock of the pool)";
  }
  return stuck.for_results
             ? " for results of other tasks, while requests came in that nobody answers: they most "
               "likely wait for tasks that stand in line behind them (a deadlock of the pool)"
             : ", while requests came in that nobody answers: they most likely wait for tasks that "
               "stand in line behind them (a deadlock of the pool)";
}

Finding Tell(const MachineView& machine, const ProcessView& process, const Stuck& stuck) {
  Finding finding = DraftStarvedPool(machine, process, *stuck.threads.front());
  finding.severity = Severity::kCritical;
  finding.confidence = stuck.for_results ? 0.93 : 0.8;
  NameThreads(finding, stuck.threads);
  const double wall_ns = machine.WindowNs() * static_cast<double>(stuck.threads.size());
  finding.impact = {static_cast<uint64_t>(wall_ns), 1};
  const size_t count = stuck.threads.size();
  finding.summary =
      absl::StrCat(stuck.for_each_other ? "" : "all ", Plural(count, "worker thread"), " of ",
                   NameOf(process), count == 1 ? " has" : " have", " waited for all of ",
                   TimeText(machine.WindowNs()), Sentence(stuck));
  finding.advice =
      "never wait in a pool's task for a task of the same pool: chain them, or give the inner ones "
      "a pool of their own; stop-gap: restart the process";
  const ThreadView& example = *stuck.threads.front();
  finding.evidence.push_back(StackEvidence(machine, example.sites.front()));
  finding.evidence.push_back(Metric("pool_threads_blocked", static_cast<double>(count), "threads",
                                    stuck.for_each_other ? 1 : kFewestStuck));
  finding.evidence.push_back(LookAt(example.key()));
  return finding;
}

}  // namespace

Findings ThreadPoolDeadlock(const MachineView& machine) {
  Findings findings;
  for (const auto& [pid, process] : machine.processes()) {
    const Stuck proven = StuckForEachOther(machine, process);
    if (!proven.threads.empty()) {
      findings.push_back(Tell(machine, process, proven));
      continue;
    }
    for (const Pool& pool : PoolsOf(machine, process)) {
      const Stuck stuck = StuckIn(machine, pool);
      if (IsSick(process, stuck)) findings.push_back(Tell(machine, process, stuck));
    }
  }
  return findings;
}

}  // namespace waitscope
