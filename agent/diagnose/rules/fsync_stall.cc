// Does a process spend its time making writes durable?
//
// Thresholds: 40 % of a thread's time in fsync and its kin, at least 10 of them ended, or three of
// a second or more (etcd: disks should take under 10 ms, alerts from 1 s on). Or 80 % of a thread's
// time in all, in commits of 50 ms and longer, in Go: whichever thread is free makes the call.
// False positives: checkpointers and write-back threads beside workers (the share of one thread, so
// they do show when they never rest), one long sync at the end of a copy (the count).
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "agent/diagnose/disks.h"
#include "agent/diagnose/draft.h"
#include "agent/diagnose/rules.h"
#include "agent/diagnose/text.h"

namespace waitscope {
namespace {

constexpr double kSmallestShare = 0.4;
constexpr double kSmallestShareOfAll = 0.8;
constexpr double kSlowCommitNs = 50e6;
constexpr double kFewestCommits = 10;
constexpr double kFewestLongCommits = 3;
constexpr double kLongCommitNs = 1e9;
constexpr double kCriticalMeanNs = 100e6;

struct Commits {
  double ns = 0;
  double count = 0;
  double share = 0;  // of the busiest thread's time, or of one thread's when they are slow
  uint64_t longest_ns = 0;
  const WaitSite* site = nullptr;
  std::vector<const ThreadView*> threads;

  double MeanNs() const { return ns / std::max(count, 1.0); }
};

// The commits themselves: one may wait several times, for data, journal and flush.
double CommitsOf(const ThreadView& thread) {
  double calls = 0;
  double waits = 0;
  for (const WaitSite& site : thread.sites) {
    if (site.nature != Nature::kCommit) continue;
    waits += site.count;
    const auto call = thread.calls.find(site.syscall);
    if (call != thread.calls.end()) calls = static_cast<double>(call->second->count);
  }
  return calls > 0 ? calls : waits;
}

Commits GatherFrom(const MachineView& machine, const ProcessView& process) {
  Commits commits;
  for (const ThreadView& thread : process.threads) {
    const double ns = thread.NsOf(Nature::kCommit);
    if (ns <= 0) continue;
    commits.ns += ns;
    commits.count += CommitsOf(thread);
    commits.share = std::max(commits.share, thread.ShareOf(Nature::kCommit));
    commits.threads.push_back(&thread);
    for (const WaitSite& site : thread.sites) {
      if (site.nature != Nature::kCommit) continue;
      commits.longest_ns = std::max(commits.longest_ns, site.longest_ns);
      if (commits.site == nullptr || site.ns > commits.site->ns) commits.site = &site;
    }
  }
  const double of_all = commits.ns / machine.WindowNs();
  const bool go = commits.site != nullptr && machine.HasFrame(commits.site->user_stack, "runtime.");
  const bool slow = go && commits.MeanNs() >= kSlowCommitNs && of_all >= kSmallestShareOfAll;
  if (slow) commits.share = std::max(commits.share, std::min(1.0, of_all));
  return commits;
}

bool IsSick(const Commits& commits) {
  if (commits.share < kSmallestShare) return false;
  const bool many = commits.count >= kFewestCommits;
  return many || (commits.count >= kFewestLongCommits && commits.MeanNs() >= kLongCommitNs);
}

Finding Tell(const MachineView& machine, const ProcessView& process, const Commits& commits) {
  Finding finding = Draft(machine, process, "fsync-stall");
  finding.severity = commits.MeanNs() >= kCriticalMeanNs ? Severity::kCritical : Severity::kWarning;
  finding.confidence = 0.92;
  NameThreads(finding, commits.threads);
  finding.impact = {static_cast<uint64_t>(commits.ns), std::min(1.0, commits.share)};
  finding.summary =
      absl::StrCat(NameOf(process), " spent ", ShareText(std::min(1.0, commits.share)),
                   " of a thread's time waiting for ", static_cast<uint64_t>(commits.count),
                   " commits to disk (fsync and its kin), ", TimeText(commits.MeanNs()), " each");
  finding.advice =
      "commit several changes at once (group commit, a write-ahead log), relax what need not be "
      "durable, or give the log a faster device of its own";
  finding.evidence.push_back(StackEvidence(machine, *commits.site, commits.ns, commits.count));
  if (commits.site->object != nullptr) {
    finding.evidence.push_back(ObjectEvidence("wait_object", ObjectText(*commits.site->object)));
  }
  const auto device = machine.snapshot().devices.find(commits.site->device);
  if (device != machine.snapshot().devices.end()) {
    finding.evidence.push_back(ObjectEvidence("device", device->second.name));
    finding.evidence.push_back(
        Metric("device_time_mean_ns", MeanDeviceNs(device->second), "ns", 10e6));
  }
  finding.evidence.push_back(Metric("commit_mean_ns", commits.MeanNs(), "ns", 10e6));
  finding.evidence.push_back(Metric("commits_per_s", commits.count / machine.Seconds(), "1/s", 0));
  finding.evidence.push_back(LookAt(commits.threads.front()->key()));
  return finding;
}

}  // namespace

Findings FsyncStall(const MachineView& machine) {
  Findings findings;
  for (const auto& [pid, process] : machine.processes()) {
    const Commits commits = GatherFrom(machine, process);
    if (IsSick(commits)) findings.push_back(Tell(machine, process, commits));
  }
  return findings;
}

}  // namespace waitscope
