// Is every thread of a pool stuck in a file that does not answer, while requests go unanswered?
//
// A read from a FIFO, a pipe or a dead mount ends when somebody else wants it to; libuv has four
// threads for all of those, for names and for files. Signature: two threads or more that began at
// the same function have each been in one such call for the whole window, no other that began there
// is idle, at least three connections were accepted, about as many questions read, and hardly
// anything was written. False positives: readers of what children print, in a process that goes on
// answering or is asked for nothing; collectors that never answer (they read much more).
#include <algorithm>
#include <array>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "agent/diagnose/draft.h"
#include "agent/diagnose/pools.h"
#include "agent/diagnose/rules.h"
#include "agent/diagnose/text.h"
#include "bpf/wait_class.h"

namespace waitscope {
namespace {

constexpr double kWholeLife = 0.95;
constexpr uint64_t kFewestRequests = 3;
constexpr uint64_t kMostReadsPerRequest = 3;
constexpr uint64_t kFewestRequestsPerWrite = 4;
constexpr size_t kFewestStuck = 2;

// Calls on files, by name or by number.
bool IsFileCall(int32_t syscall) {
  constexpr std::array<int32_t, 12> kCalls{
      __NR_open,     __NR_openat, __NR_read,       __NR_readv, __NR_pread64, __NR_preadv,
      __NR_getdents, __NR_stat,   __NR_newfstatat, __NR_lstat, __NR_statx,   __NR_getdents64};
  return std::ranges::find(kCalls, syscall) != kCalls.end();
}

bool IsStuck(const ThreadView& thread) {
  const auto& wait = thread.window->open_wait;
  const bool thing =
      wait && (wait->cls == WAIT_pipe || wait->cls == WAIT_other || wait->cls == WAIT_disk);
  return thing && IsFileCall(wait->syscall) &&
         static_cast<double>(wait->ns) >= kWholeLife * thread.WallNs();
}

struct Workers {
  std::vector<const ThreadView*> stuck;
  size_t others = 0;
};

std::map<std::string, Workers> WorkersByEntry(const MachineView& machine,
                                              const ProcessView& process) {
  std::map<std::string, Workers> entries;
  for (const ThreadView& thread : process.threads) {
    const std::string entry = EntryOf(machine, thread);
    if (entry.empty()) continue;
    if (IsStuck(thread)) {
      entries[entry].stuck.push_back(&thread);
    } else {
      ++entries[entry].others;
    }
  }
  return entries;
}

bool GoesUnanswered(const ProcessView& process) {
  uint64_t accepted = 0;
  uint64_t reads = 0;
  uint64_t writes = 0;
  for (const ThreadView& thread : process.threads) {
    accepted += thread.Calls({__NR_accept, __NR_accept4});
    reads += thread.Calls({__NR_recvfrom, __NR_recvmsg, __NR_read, __NR_readv});
    writes += thread.Calls({__NR_sendto, __NR_sendmsg, __NR_sendmmsg, __NR_write, __NR_writev});
  }
  // A runtime's own threads call each other by writing to an eventfd now and then.
  return accepted >= kFewestRequests && reads <= kMostReadsPerRequest * accepted &&
         kFewestRequestsPerWrite * writes <= accepted;
}

Finding Tell(const MachineView& machine, const ProcessView& process, const Workers& workers) {
  Finding finding = Draft(machine, process, "thread-pool-starvation", "stuck");
  const double wall_ns = machine.WindowNs() * static_cast<double>(workers.stuck.size());
  finding.severity = Severity::kCritical;
  finding.confidence = 0.85;
  finding.impact = {static_cast<uint64_t>(wall_ns), 1};
  NameThreads(finding, workers.stuck);
  const ThreadView& example = *workers.stuck.front();
  const OpenWait& wait = *example.window->open_wait;
  const bool known = wait.object.kind != OBJECT_none;
  finding.summary =
      absl::StrCat("all ", workers.stuck.size(), " worker threads of ", NameOf(process),
                   " have been stuck for all of ", TimeText(machine.WindowNs()),
                   " in a call that waits for ", known ? ObjectText(wait.object) : "a file",
                   ", while requests came in that nobody answered: "
                   "none is free for the next task");
  finding.advice =
      "keep what may wait for ever (FIFOs, terminals, network mounts) off the shared pool, or open "
      "it non-blocking; stop-gap: raise the pool's size (UV_THREADPOOL_SIZE for libuv)";
  if (!example.sites.empty()) {
    finding.evidence.push_back(StackEvidence(machine, example.sites.front()));
  }
  finding.evidence.push_back(Metric(
      "pool_threads_blocked", static_cast<double>(workers.stuck.size()), "threads", kFewestStuck));
  finding.evidence.push_back(LookAt(example.key()));
  return finding;
}

}  // namespace

Findings ThreadPoolStuck(const MachineView& machine) {
  Findings findings;
  for (const auto& [pid, process] : machine.processes()) {
    if (!GoesUnanswered(process)) continue;
    for (const auto& [entry, workers] : WorkersByEntry(machine, process)) {
      if (workers.stuck.size() < kFewestStuck || workers.others > 0) continue;
      findings.push_back(Tell(machine, process, workers));
      break;
    }
  }
  return findings;
}

}  // namespace waitscope
