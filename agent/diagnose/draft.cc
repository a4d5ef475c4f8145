#include "agent/diagnose/draft.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/diagnose/pools.h"

namespace waitscope {
namespace {

// FNV-1a: the same on every machine and in every version, so ids of recordings do not change.
uint64_t StableHash(std::string_view text) {
  uint64_t hash = 14695981039346656037ULL;
  for (const char letter : text) {
    hash ^= static_cast<uint8_t>(letter);
    hash *= 1099511628211ULL;
  }
  return hash;
}

}  // namespace

Finding Draft(const MachineView& machine, const ProcessView& process, std::string condition,
              std::string_view culprit) {
  Finding finding;
  const uint64_t start_ns = process.threads.front().key().start_ns;
  finding.id = absl::StrFormat(
      "%016x", StableHash(absl::StrCat(condition, "|", process.pid, "|", start_ns, "|",
                                       absl::string_view(culprit.data(), culprit.size()))));
  finding.condition = std::move(condition);
  finding.pid = process.pid;
  finding.comm = process.comm;
  finding.begin_ns = machine.snapshot().begin_ns;
  finding.end_ns = machine.snapshot().end_ns;
  return finding;
}

Finding DraftStarvedPool(const MachineView& machine, const ProcessView& process,
                         const ThreadView& member) {
  return Draft(machine, process, "thread-pool-starvation", PoolNameOf(member));
}

Evidence StackEvidence(const MachineView& machine, const WaitSite& site) {
  Evidence evidence;
  evidence.kind = "stack";
  evidence.frames = machine.Frames(site.kernel_stack, site.user_stack);
  evidence.total_ns = static_cast<uint64_t>(site.ns);
  evidence.count = static_cast<uint64_t>(site.count);
  return evidence;
}

Evidence StackEvidence(const MachineView& machine, const OpenWait& wait) {
  Evidence evidence;
  evidence.kind = "stack";
  evidence.frames = machine.Frames(wait.kernel_stack, wait.user_stack);
  evidence.total_ns = wait.ns;
  return evidence;
}

Evidence StackEvidence(const MachineView& machine, const RunSite& run) {
  Evidence evidence;
  evidence.kind = "stack";
  evidence.frames = machine.Frames(run.kernel_stack, run.user_stack);
  evidence.total_ns = static_cast<uint64_t>(run.ns);
  evidence.count = static_cast<uint64_t>(run.count);
  return evidence;
}

Evidence StackEvidence(const MachineView& machine, const WaitSite& site, double total_ns,
                       double count) {
  Evidence evidence = StackEvidence(machine, site);
  evidence.total_ns = static_cast<uint64_t>(total_ns);
  evidence.count = static_cast<uint64_t>(count);
  return evidence;
}

void AddLockHolder(const MachineView& machine, const ThreadView& holder,
                   absl::FunctionRef<bool(const WaitSite&)> leave_out, Finding& finding) {
  finding.evidence.push_back(ThreadEvidence(holder.key(), holder.window->comm, "lock holder"));
  const auto wait = std::ranges::find_if(holder.sites, [&](const WaitSite& site) {
    const bool idle = site.nature == Nature::kPark || site.nature == Nature::kPoll;
    return !idle && !leave_out(site);
  });
  const bool waits = wait != holder.sites.end();
  const bool runs = !holder.runs.empty();
  if (waits && (!runs || wait->ns >= holder.runs.front().ns)) {
    finding.evidence.push_back(StackEvidence(machine, *wait));
  } else if (runs) {
    finding.evidence.push_back(StackEvidence(machine, holder.runs.front()));
  }
}

void NameThreads(Finding& finding, std::span<const ThreadView* const> threads) {
  for (const ThreadView* thread : threads) {
    finding.threads.push_back({thread->key().tid, thread->window->comm});
  }
}

Evidence LookAt(const ThreadKey& thread) {
  return Check(absl::StrCat("cat /proc/", thread.pid, "/task/", thread.tid, "/syscall"));
}

std::string NameOf(const ProcessView& process) {
  return absl::StrCat(process.comm, " (pid ", process.pid, ")");
}

}  // namespace waitscope
