// Will some threads never go on?
//
// A cycle of mutexes: each thread has waited for at least 2 s for a lock whose word names the
// next one as its owner. Or a thread that has been stuck in the kernel for a disk for 30 s (a
// quarter of the kernel's own hung_task_timeout_secs).
// False positives: none known for cycles; a suspended or failed device is what the second says.
#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/diagnose/draft.h"
#include "agent/diagnose/rules.h"
#include "agent/diagnose/text.h"

namespace waitscope {
namespace {

constexpr uint64_t kPatienceNs = 2'000'000'000;
constexpr uint64_t kStuckNs = 30'000'000'000;

// Waiter to owner, of waits that last.
std::map<uint32_t, uint32_t> Owners(const MachineView& machine, const ProcessView& process) {
  std::map<uint32_t, uint32_t> owners;
  for (const ThreadView& thread : process.threads) {
    const auto& wait = thread.window->open_wait;
    if (!wait || wait->cls != WAIT_lock || wait->ns < kPatienceNs) continue;
    const LockOwnerKey first{process.pid, wait->object.id, 0};
    const auto row = machine.snapshot().lock_owners.lower_bound(first);
    const bool known = row != machine.snapshot().lock_owners.end() &&
                       row->first.pid == process.pid && row->first.word == wait->object.id;
    if (known && process.Find(row->first.owner_tid) != nullptr) {
      owners[thread.key().tid] = row->first.owner_tid;
    }
  }
  return owners;
}

std::vector<const ThreadView*> Cycle(const ProcessView& process,
                                     const std::map<uint32_t, uint32_t>& owners, uint32_t start) {
  std::vector<const ThreadView*> path;
  std::set<uint32_t> seen;
  uint32_t at = start;
  while (owners.contains(at) && seen.insert(at).second) {
    path.push_back(process.Find(at));
    at = owners.at(at);
  }
  return at == start ? path : std::vector<const ThreadView*>();
}

Evidence StackOf(const MachineView& machine, const OpenWait& wait) {
  Evidence stack;
  stack.kind = "stack";
  stack.frames = machine.Frames(wait.kernel_stack, wait.user_stack);
  stack.total_ns = wait.ns;
  return stack;
}

Finding TellCycle(const MachineView& machine, const ProcessView& process,
                  const std::vector<const ThreadView*>& cycle) {
  Finding finding = Draft(machine, process, "hung-threads", "cycle");
  finding.severity = Severity::kCritical;
  finding.confidence = 0.99;
  NameThreads(finding, cycle);
  uint64_t shortest_ns = UINT64_MAX;
  for (const ThreadView* thread : cycle) {
    const OpenWait& wait = *thread->window->open_wait;
    shortest_ns = std::min(shortest_ns, wait.ns);
    finding.impact.stalled_ns +=
        static_cast<uint64_t>(std::min(static_cast<double>(wait.ns), machine.WindowNs()));
    finding.evidence.push_back(
        ThreadEvidence(thread->key(), thread->window->comm,
                       absl::StrFormat("waits for lock 0x%x", wait.object.id)));
    finding.evidence.push_back(StackOf(machine, wait));
  }
  finding.impact.share = 1;
  finding.summary =
      absl::StrCat("deadlock: ", Plural(cycle.size(), "thread"), " of ", NameOf(process),
                   " each hold a lock the next one waits for, for at least ",
                   TimeText(static_cast<double>(shortest_ns)), "; they will never go on");
  finding.advice = "take the locks in one order everywhere; stop-gap: restart the process";
  for (const ThreadView* thread : cycle) finding.evidence.push_back(LookAt(thread->key()));
  return finding;
}

Finding TellStuck(const MachineView& machine, const ProcessView& process,
                  const std::vector<const ThreadView*>& stuck) {
  Finding finding = Draft(machine, process, "hung-threads", "kernel");
  finding.severity = Severity::kCritical;
  finding.confidence = 0.9;
  NameThreads(finding, stuck);
  finding.impact = {static_cast<uint64_t>(machine.WindowNs() * static_cast<double>(stuck.size())),
                    1};
  const OpenWait& wait = *stuck.front()->window->open_wait;
  finding.summary = absl::StrCat(Plural(stuck.size(), "thread"), " of ", NameOf(process),
                                 " stuck in the kernel, waiting for a disk for ",
                                 TimeText(static_cast<double>(wait.ns)));
  finding.advice = "look at the device and its driver: dmesg, multipath, the volume's own health";
  finding.evidence.push_back(StackOf(machine, wait));
  finding.evidence.push_back(Check(absl::StrCat("cat /proc/", stuck.front()->key().pid, "/task/",
                                                stuck.front()->key().tid, "/stack")));
  return finding;
}

std::vector<const ThreadView*> StuckIn(const ProcessView& process) {
  std::vector<const ThreadView*> stuck;
  for (const ThreadView& thread : process.threads) {
    const auto& wait = thread.window->open_wait;
    const bool disk = wait && (wait->cls == WAIT_disk || wait->cls == WAIT_commit);
    if (disk && wait->ns >= kStuckNs) stuck.push_back(&thread);
  }
  return stuck;
}

}  // namespace

Findings HungThreads(const MachineView& machine) {
  Findings findings;
  for (const auto& [pid, process] : machine.processes()) {
    const std::map<uint32_t, uint32_t> owners = Owners(machine, process);
    for (const auto& [waiter, owner] : owners) {
      const std::vector<const ThreadView*> cycle = Cycle(process, owners, waiter);
      if (cycle.empty()) continue;
      findings.push_back(TellCycle(machine, process, cycle));
      break;
    }
    const std::vector<const ThreadView*> stuck = StuckIn(process);
    if (!stuck.empty()) findings.push_back(TellStuck(machine, process, stuck));
  }
  return findings;
}

}  // namespace waitscope
