// Do more threads want a CPU than there are, and who ran instead?
//
// Thresholds: three threads waiting for every four CPUs, on average, while the CPUs are 85 % busy;
// a process counts when it waited as long as it ran, or half as long and its turns waited 20 ms
// (runqslower warns at 10 ms). The one that ran most is told, the others are its victims. Stolen
// time is named, since no thread of this machine can give it back. False positives: a machine that
// is full but not overfull (the queue), a throttled cgroup (idle CPUs: see cpu-throttling).
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/diagnose/draft.h"
#include "agent/diagnose/rules.h"
#include "agent/diagnose/text.h"

namespace waitscope {
namespace {

constexpr double kQueuePerCpu = 0.75;
constexpr double kBusy = 0.85;
constexpr double kLongTurnNs = 20e6;
constexpr double kSmallestWait = 0.2;  // of the window, summed over its threads
constexpr double kNotableSteal = 0.05;
constexpr size_t kMostNamed = 5;

struct Demand {
  const ProcessView* process = nullptr;
  double running_ns = 0;
  double runnable_ns = 0;
  uint64_t turn_p99_ns = 0;
};

Demand DemandOf(const ProcessView& process) {
  Demand demand{.process = &process};
  Histogram turns;
  for (const ThreadView& thread : process.threads) {
    demand.running_ns += static_cast<double>(thread.totals().running_ns);
    demand.runnable_ns += static_cast<double>(thread.totals().RunnableNs());
    turns.Merge(thread.window->run_queue);
  }
  demand.turn_p99_ns = turns.QuantileNs(0.99);
  return demand;
}

bool Suffers(const MachineView& machine, const Demand& demand) {
  if (demand.runnable_ns < kSmallestWait * machine.WindowNs()) return false;
  if (demand.runnable_ns >= demand.running_ns) return true;
  return demand.runnable_ns >= demand.running_ns / 2 &&
         static_cast<double>(demand.turn_p99_ns) >= kLongTurnNs;
}

struct Queue {
  double waiting = 0;  // threads, on average
  double busy = 0;     // share of all CPUs
};

Queue QueueOf(const MachineView& machine) {
  Queue queue;
  for (const auto& [key, thread] : machine.snapshot().threads) {
    queue.waiting += static_cast<double>(thread.totals.RunnableNs());
    queue.busy += static_cast<double>(thread.totals.running_ns);
  }
  queue.waiting /= machine.WindowNs();
  queue.busy /= machine.WindowNs() * machine.Cpus();
  return queue;
}

double StealShare(const MachineView& machine) {
  return static_cast<double>(machine.snapshot().pressure.steal_ns) /
         (machine.WindowNs() * machine.Cpus());
}

void AddOthers(const MachineView& machine, const std::vector<Demand>& byRunning,
               const Demand& victim, Finding& finding) {
  size_t named = 0;
  for (const Demand& other : byRunning) {
    if (other.process == victim.process || named == kMostNamed) continue;
    if (other.running_ns < 0.05 * machine.WindowNs()) break;
    Evidence ran = ObjectEvidence("process", NameOf(*other.process));
    ran.pid = other.process->pid;
    ran.role = "ran instead";
    ran.total_ns = static_cast<uint64_t>(other.running_ns);
    finding.evidence.push_back(ran);
    ++named;
  }
}

std::string MostlyRan(const std::vector<Demand>& by_running, const Demand& victim) {
  const Demand* most = nullptr;
  for (const Demand& other : by_running) {
    if (other.process == victim.process) continue;
    if (most == nullptr || other.running_ns > most->running_ns) most = &other;
  }
  return most != nullptr ? NameOf(*most->process) : "nobody else";
}

Finding Tell(const MachineView& machine, const Demand& demand, const Queue& queue,
             const std::vector<Demand>& by_running) {
  Finding finding = Draft(machine, *demand.process, "cpu-saturation");
  const double share = demand.runnable_ns / (demand.running_ns + demand.runnable_ns);
  finding.severity = Severity::kWarning;
  finding.confidence = 0.9;
  finding.cause = "cpu";
  for (const ThreadView& thread : demand.process->threads) {
    const bool active = thread.totals().running_ns + thread.totals().RunnableNs() > 0;
    if (active) finding.threads.push_back({thread.key().tid, thread.window->comm});
  }
  finding.impact = {static_cast<uint64_t>(demand.runnable_ns), share};
  const bool self = demand.runnable_ns >= queue.waiting * machine.WindowNs() / 2;
  finding.summary =
      absl::StrCat(NameOf(*demand.process), " waited ", TimeText(demand.runnable_ns),
                   " for a CPU and ran ", TimeText(demand.running_ns), ": ",
                   absl::StrFormat("%.1f", queue.waiting), " threads on average stood in line for ",
                   Plural(static_cast<uint64_t>(machine.Cpus()), "CPU"),
                   self ? ", most of them its own"
                        : absl::StrCat(", which mostly ran ", MostlyRan(by_running, demand)));
  finding.advice =
      "run fewer busy threads at once, lower the weight of what can wait (nice, cpu.weight), or "
      "add CPUs";
  AddOthers(machine, by_running, demand, finding);
  if (self) {
    const auto busiest = std::ranges::max_element(
        demand.process->threads, {},
        [](const ThreadView& thread) { return thread.totals().running_ns; });
    if (!busiest->runs.empty()) {
      finding.evidence.push_back(StackEvidence(machine, busiest->runs.front()));
    }
  }
  finding.evidence.push_back(
      Metric("run_queue_threads", queue.waiting, "threads", kQueuePerCpu * machine.Cpus()));
  finding.evidence.push_back(Metric("run_queue_latency_p99_ns",
                                    static_cast<double>(demand.turn_p99_ns), "ns", kLongTurnNs));
  finding.evidence.push_back(Metric("cpu_busy_share", queue.busy, "share", kBusy));
  if (StealShare(machine) >= kNotableSteal) {
    finding.evidence.push_back(Metric("steal_share", StealShare(machine), "share", kNotableSteal));
    absl::StrAppend(&finding.summary, "; the hypervisor stole ", ShareText(StealShare(machine)));
  }
  finding.evidence.push_back(Check("waitscope runq --duration 5s"));
  return finding;
}

}  // namespace

Findings CpuSaturation(const MachineView& machine) {
  const Queue queue = QueueOf(machine);
  if (queue.waiting < kQueuePerCpu * machine.Cpus() || queue.busy < kBusy) return {};
  std::vector<Demand> by_running;
  for (const auto& [pid, process] : machine.processes()) by_running.push_back(DemandOf(process));
  std::ranges::stable_sort(by_running, [](const Demand& a, const Demand& b) {
    return a.running_ns + a.runnable_ns > b.running_ns + b.runnable_ns;
  });
  Findings findings;
  for (const Demand& demand : by_running) {
    if (Suffers(machine, demand)) findings.push_back(Tell(machine, demand, queue, by_running));
  }
  return findings;
}

}  // namespace waitscope
