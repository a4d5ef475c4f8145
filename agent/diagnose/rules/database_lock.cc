// Does a client of a database wait for a row or table that another one has locked?
//
// PostgreSQL: a backend whose title says "waiting" (it waits in epoll like an idle one), for
// a quarter of the window. MariaDB: a session as long at a condition variable inside a table's
// engine (while sessions hand the rows on, that is told instead: lines.h). SQLite: sleeps inside
// its own library, which are its busy handler, for 20 % of a thread's time. False positives: titles
// are as old as the last look at them, so the wait must be seen too; InnoDB waits at condition
// variables for free pages, too, but not for 100 ms each time.
#include <algorithm>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/diagnose/databases.h"
#include "agent/diagnose/draft.h"
#include "agent/diagnose/lines.h"
#include "agent/diagnose/rules.h"
#include "agent/diagnose/text.h"

namespace waitscope {
namespace {

constexpr double kBackendShare = 0.25;
constexpr double kBusyHandlerShare = 0.2;
constexpr double kShortestHeldUpNs = 100e6;

bool IsWaitingBackend(const MachineView& machine, const ProcessView& process) {
  if (!IsPostgres(process)) return false;
  const bool titled = absl::EndsWith(process.facts->command, " waiting");
  for (const ThreadView& thread : process.threads) {
    double ns = 0;
    for (const WaitSite& site : thread.sites) {
      const bool locked = titled || machine.HasFrame(site.user_stack, "ProcSleep");
      ns += locked && site.nature == Nature::kPoll ? site.ns : 0;
    }
    if (ns >= kBackendShare * thread.WallNs() && ns > 0) return true;
  }
  return false;
}

// Who may hold it: a backend of the same server that is inside a transaction.
std::vector<const ProcessView*> PossibleHolders(const MachineView& machine,
                                                const ProcessView& waiter) {
  std::vector<const ProcessView*> holders;
  for (const auto& [pid, process] : machine.processes()) {
    const bool sibling = IsPostgres(process) && pid != waiter.pid &&
                         process.facts->parent_pid == waiter.facts->parent_pid;
    if (sibling && absl::StrContains(process.facts->command, "in transaction")) {
      holders.push_back(&process);
    }
  }
  return holders;
}

Finding TellBackend(const MachineView& machine, const ProcessView& process) {
  Finding finding = Draft(machine, process, "database-lock");
  const ThreadView& thread = process.threads.front();
  finding.severity = Severity::kCritical;
  finding.confidence = 0.93;
  NameThreads(finding, std::vector{&thread});
  const double ns = thread.NsOf(Nature::kPoll);
  finding.impact = {static_cast<uint64_t>(ns), std::min(1.0, ns / std::max(1.0, thread.WallNs()))};
  finding.summary =
      absl::StrCat("a PostgreSQL backend (pid ", process.pid, ", \"", process.facts->command,
                   "\") waited ", TimeText(ns), " for a lock another transaction holds");
  for (const ProcessView* holder : PossibleHolders(machine, process)) {
    finding.evidence.push_back(
        ThreadEvidence(holder->threads.front().key(), holder->facts->command, "lock holder"));
    absl::StrAppend(&finding.summary, "; pid ", holder->pid, " is idle in one");
  }
  for (const WaitSite& site : thread.sites) {
    for (const auto& [waker, count] : site.wakers) {
      if (waker.pid == process.pid || machine.CommOf(waker) != "postgres") continue;
      finding.evidence.push_back(ThreadEvidence(waker, machine.CommOf(waker), "lock holder"));
      break;
    }
  }
  finding.advice =
      "end transactions sooner (idle_in_transaction_session_timeout), lock rows in one "
      "order, or give up early (lock_timeout)";
  if (!thread.sites.empty())
    finding.evidence.push_back(StackEvidence(machine, thread.sites.front()));
  finding.evidence.push_back(
      Check("psql -c 'select pid, pg_blocking_pids(pid), state, query from pg_stat_activity'"));
  return finding;
}

// A session of MariaDB or MySQL that waits at a condition variable inside a table's engine, or for
// a table's definition: for whoever holds the row or table, should that one idle.
const WaitSite* HeldUp(const MachineView& machine, const ThreadView& thread) {
  for (const WaitSite& site : thread.sites) {
    const bool waits =
        site.nature == Nature::kPark && machine.HasFrame(site.user_stack, "pthread_cond_");
    const bool inside = machine.HasFrame(site.user_stack, "handler::ha_") ||
                        machine.HasFrame(site.user_stack, "MDL_wait::");
    // GET_LOCK() may be how a standby waits for its leader's end.
    const bool by_name = machine.HasFrame(site.user_stack, "Item_func_get_lock");
    const bool long_ones = site.MeanNs() >= kShortestHeldUpNs;
    if (waits && inside && !by_name && long_ones && site.ns >= kBackendShare * thread.WallNs())
      return &site;
  }
  return nullptr;
}

std::vector<const ThreadView*> HeldUpIn(const MachineView& machine, const ProcessView& process) {
  std::vector<const ThreadView*> sessions;
  if (!IsMariaDb(process)) return sessions;
  for (const ThreadView& thread : process.threads) {
    if (HeldUp(machine, thread) != nullptr) sessions.push_back(&thread);
  }
  return sessions;
}

// Who ended most of the waits had what the others waited for.
void AddHolderOf(const MachineView& machine, const std::vector<const ThreadView*>& sessions,
                 Finding& finding) {
  std::map<ThreadKey, double> wakers;
  for (const ThreadView* session : sessions) {
    for (const auto& [waker, count] : HeldUp(machine, *session)->wakers) wakers[waker] += count;
  }
  const auto most =
      std::ranges::max_element(wakers, {}, [](const auto& row) { return row.second; });
  if (most == wakers.end()) return;
  finding.evidence.push_back(
      ThreadEvidence(most->first, machine.CommOf(most->first), "lock holder"));
}

Finding TellSessions(const MachineView& machine, const ProcessView& process,
                     const std::vector<const ThreadView*>& sessions) {
  Finding finding = Draft(machine, process, "database-lock", "sessions");
  double ns = 0;
  for (const ThreadView* session : sessions) ns += HeldUp(machine, *session)->ns;
  finding.severity = Severity::kCritical;
  finding.confidence = 0.85;
  NameThreads(finding, sessions);
  const double wall_ns = machine.WindowNs() * static_cast<double>(sessions.size());
  finding.impact = {static_cast<uint64_t>(ns), std::min(1.0, ns / wall_ns)};
  finding.summary =
      absl::StrCat(Plural(sessions.size(), "session"), " of ", NameOf(process), " waited ",
                   TimeText(ns), " in all for rows or tables that another transaction holds");
  finding.advice =
      "end transactions sooner, also those that idle (idle_transaction_timeout), lock rows in one "
      "order, or give up early (innodb_lock_wait_timeout)";
  finding.evidence.push_back(StackEvidence(machine, *HeldUp(machine, *sessions.front())));
  AddHolderOf(machine, sessions, finding);
  finding.evidence.push_back(
      Check("mariadb -e 'select * from information_schema.innodb_lock_waits; show processlist'"));
  return finding;
}

const WaitSite* BusyHandler(const MachineView& machine, const ThreadView& thread) {
  for (const WaitSite& site : thread.sites) {
    const bool inside =
        site.nature == Nature::kSleep && (machine.HasModule(site.user_stack, "libsqlite3") ||
                                          machine.HasFrame(site.user_stack, "sqlite3"));
    if (inside && site.ns >= kBusyHandlerShare * thread.WallNs()) return &site;
  }
  return nullptr;
}

Finding TellSqlite(const MachineView& machine, const ProcessView& process, const ThreadView& thread,
                   const WaitSite& site) {
  Finding finding = Draft(machine, process, "database-lock", absl::StrCat(thread.key().tid));
  finding.severity = Severity::kWarning;
  finding.confidence = 0.9;
  NameThreads(finding, std::vector{&thread});
  finding.impact = {static_cast<uint64_t>(site.ns),
                    std::min(1.0, site.ns / std::max(1.0, thread.WallNs()))};
  finding.summary = absl::StrCat(NameOf(process), " waited ", TimeText(site.ns),
                                 " for an SQLite database that another connection has locked (",
                                 static_cast<uint64_t>(site.count), " retries)");
  finding.advice =
      "shorter write transactions, write-ahead logging (PRAGMA journal_mode=WAL), or one "
      "writer for all";
  finding.evidence.push_back(StackEvidence(machine, site));
  finding.evidence.push_back(Check(absl::StrCat("grep -E 'POSIX|FLOCK' /proc/locks")));
  return finding;
}

}  // namespace

Findings DatabaseLock(const MachineView& machine) {
  Findings findings;
  for (const auto& [pid, process] : machine.processes()) {
    if (IsWaitingBackend(machine, process)) findings.push_back(TellBackend(machine, process));
    const std::vector<const ThreadView*> sessions = HeldUpIn(machine, process);
    if (!sessions.empty() && LinesIn(machine, process).empty()) {
      findings.push_back(TellSessions(machine, process, sessions));
    }
    for (const ThreadView& thread : process.threads) {
      const WaitSite* site = BusyHandler(machine, thread);
      if (site == nullptr) continue;
      findings.push_back(TellSqlite(machine, process, thread, *site));
      break;
    }
  }
  return findings;
}

}  // namespace waitscope
