// Do threads stand in line for a lock that is none of the kernel's words?
//
// Where each waiter parks at a word of its own (java.util.concurrent, rows of a database), words
// say nothing. Signature: each thread that is let in lets the next one in when it is done, one at a
// time (lines.h). Thresholds: one thread's worth of such waits, 5 ms each, at most 1.2 holders.
// False positives: workers that hand out tasks to each other at once (they hold nothing), barriers
// (who waits came after who holds), turns (who has had one waits for the next at once), pools of
// connections (several holders).
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "agent/diagnose/databases.h"
#include "agent/diagnose/draft.h"
#include "agent/diagnose/lines.h"
#include "agent/diagnose/rules.h"
#include "agent/diagnose/text.h"

namespace waitscope {
namespace {

constexpr double kMostHolders = 1.2;
constexpr double kShortestWaitNs = 5e6;
constexpr double kCriticalThreadsWorth = 2;

bool IsLock(const Line& line) {
  return line.Holders() <= kMostHolders && line.MeanWaitNs() >= kShortestWaitNs;
}

void AddMetrics(const MachineView& machine, const Line& line, Finding& finding) {
  finding.evidence.push_back(
      Metric("lock_wait_threads_worth", line.WaitNs() / machine.WindowNs(), "threads", 1));
  finding.evidence.push_back(
      Metric("lock_wait_max_ns", static_cast<double>(line.LongestWaitNs()), "ns", 0));
  finding.evidence.push_back(Metric("lock_held_mean_ns", line.MeanHeldNs(), "ns", 0));
}

Finding Tell(const MachineView& machine, const ProcessView& process, const Line& line) {
  const bool database = IsMariaDb(process);  // its sessions wait for each other's transactions
  Finding finding =
      Draft(machine, process, database ? "database-lock" : "lock-contention", "handed over");
  const double worth = line.WaitNs() / machine.WindowNs();
  const auto count = static_cast<double>(line.handovers.size());
  const double share = std::min(1.0, worth / static_cast<double>(line.threads.size()));
  finding.severity = worth >= kCriticalThreadsWorth ? Severity::kCritical : Severity::kWarning;
  finding.confidence = 0.85;
  finding.impact = {static_cast<uint64_t>(line.WaitNs()), share};
  NameThreads(finding, line.threads);
  finding.summary = absl::StrCat(
      Plural(line.threads.size(), "thread"), " of ", NameOf(process), " spent ", ShareText(share),
      " of their time in line for ",
      database ? "rows or tables that the one before had locked" : "a lock that they hand on", ": ",
      TimeText(line.WaitNs()), " in ", TimeText(machine.WindowNs()), ", ",
      TimeText(line.WaitNs() / count), " each time; it was kept for ", TimeText(line.MeanHeldNs()));
  finding.advice =
      database ? "shorter transactions: no waiting for the client or for others inside one, and "
                 "the hot rows last"
               : "hold the lock for less: no sleeping, I/O or long computation under it; split it "
                 "up or use one per shard";
  if (const WaitSite* site = line.Site()) {
    finding.evidence.push_back(StackEvidence(machine, *site, line.WaitNs(), count));
  }
  AddLockHolder(
      machine, line.LongestHolder(),
      [](const WaitSite& site) { return site.nature == Nature::kLock; }, finding);
  AddMetrics(machine, line, finding);
  finding.evidence.push_back(
      database ? Check("mariadb -e 'select * from information_schema.innodb_lock_waits'")
               : LookAt(line.threads.front()->key()));
  return finding;
}

}  // namespace

Findings LockHandover(const MachineView& machine) {
  Findings findings;
  for (const auto& [pid, process] : machine.processes()) {
    for (const Line& line : LinesIn(machine, process)) {
      if (!IsLock(line)) continue;
      findings.push_back(Tell(machine, process, line));
      break;
    }
  }
  return findings;
}

}  // namespace waitscope
