#include "tests/core/debug_string.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "agent/core/wire_text.h"

namespace waitscope {
namespace {

constexpr std::array<const char*, WAIT_CLASS_COUNT> kClasses{
    "other", "disk",       "network", "lock",   "sleep", "poll",
    "pipe",  "page-fault", "reclaim", "commit", "child"};
constexpr std::array<const char*, 4> kStates{"running", "woken", "preempted", "blocked"};

using Lines = std::vector<std::string>;

std::string Id(const ThreadKey& key) {
  return absl::StrFormat("%d/%d@%d", key.pid, key.tid, key.start_ns);
}

std::string Value(std::string_view name, uint64_t value) {
  return value == 0 ? "" : absl::StrCat(" ", std::string(name), "=", value);
}

std::string Object(const wait_object& object) {
  if (object.kind == OBJECT_none) return "";
  return absl::StrFormat(" object=%d:%d:%x:%s:%d", object.kind, object.fd, object.id,
                         std::string(Text(object.name)), object.peer_port);
}

std::string Text(const Histogram& histogram) {
  return absl::StrJoin(histogram.Used(), ",", [](std::string* out, const auto& bucket) {
    absl::StrAppend(out, hist_floor_ns(bucket.index), "x", bucket.count);
  });
}

std::string Totals(const StateTotals& totals) {
  std::string text = absl::StrCat(
      Value("wall", totals.wall_ns), Value("running", totals.running_ns),
      Value("woken", totals.woken_ns), Value("preempted", totals.preempted_ns),
      Value("unsplit", totals.unsplit_ns), Value("voluntary", totals.switches_voluntary),
      Value("involuntary", totals.switches_involuntary));
  for (size_t cls = 0; cls < WAIT_CLASS_COUNT; ++cls) {
    const WaitTotal& wait = totals.waits[cls];
    if (wait == WaitTotal{}) continue;
    absl::StrAppend(&text, " ", kClasses[cls], "=", wait.ns, "x", wait.count);
  }
  absl::StrAppend(&text, " residual=", totals.ResidualNs());
  return text;
}

std::string Open(const OpenWait& wait) {
  return absl::StrCat(" open=", kClasses[wait.cls], ":", wait.ns, Object(wait.object),
                      wait.since_before_agent ? ":seeded" : "",
                      Value("open_stack", wait.kernel_stack), Value("open_user", wait.user_stack));
}

void AddThreads(const Snapshot& snapshot, Lines& lines) {
  for (const auto& [key, thread] : snapshot.threads) {
    lines.push_back(absl::StrCat("thread ", Id(key), " ", thread.comm, thread.born ? " born" : "",
                                 thread.exited ? " exited" : "",
                                 thread.kernel_thread ? " kernel" : "", Totals(thread.totals),
                                 Value("runtime", thread.kernel_runtime_ns),
                                 Value("parent", thread.parent_pid),
                                 thread.run_queue.Empty() ? "" : " runq=" + Text(thread.run_queue),
                                 Value("runq_max", thread.run_queue_max_ns),
                                 thread.open_wait ? Open(*thread.open_wait) : ""));
  }
}

std::string Key(const Snapshot& snapshot, const SampleKey& key) {
  const bool blocked = key.state == SampleState::kBlocked;
  return absl::StrCat(
      Id(key.thread), " ", kStates[static_cast<size_t>(key.state)],
      blocked ? absl::StrCat(":", kClasses[key.cls]) : "", key.open ? " open" : "",
      " syscall=", key.syscall, Value("kernel", key.kernel_stack), Value("user", key.user_stack),
      key.waker == ThreadKey{} ? "" : " waker=" + Id(key.waker), Value("context", key.context),
      Value("waker_kernel", key.waker_kernel_stack), Value("waker_user", key.waker_user_stack),
      Object(snapshot.objects.at(key.object)), Value("device", key.device));
}

void AddSamples(const Snapshot& snapshot, Lines& lines) {
  for (const auto& [key, value] : snapshot.samples) {
    lines.push_back(absl::StrFormat(
        "sample %s ns=%.0f count=%.3f longest=%d%s%s", Key(snapshot, key), value.ns, value.count,
        value.longest_ns, Value("device_ns", value.device_ns), Value("queue_ns", value.queue_ns)));
  }
}

void AddDevices(const Snapshot& snapshot, Lines& lines) {
  for (const auto& [dev, device] : snapshot.devices) {
    std::string line =
        absl::StrCat("device ", dev, " ", device.name, Value("busy", device.busy_ns),
                     Value("in_flight", device.in_flight), Value("errors", device.errors));
    for (size_t op = 0; op < BLOCK_OP_COUNT; ++op) {
      const device_op_totals& totals = device.ops[op];
      if (totals.requests == 0) continue;
      absl::StrAppend(&line, " op", op, "=", totals.requests, ":", totals.bytes, ":",
                      totals.queue_ns, ":", totals.device_ns);
    }
    lines.push_back(absl::StrCat(line, " queue=", Text(device.queue_time), " read=",
                                 Text(device.read_time), " write=", Text(device.write_time)));
  }
  for (const block_event& request : snapshot.requests) {
    lines.push_back(absl::StrFormat("request %d op%d sector=%d bytes=%d %d..%d..%d", request.dev,
                                    request.op, request.sector, request.bytes, request.insert_ns,
                                    request.issue_ns, request.complete_ns));
  }
}

void AddSyscalls(const Snapshot& snapshot, Lines& lines) {
  for (const auto& [key, window] : snapshot.syscalls) {
    lines.push_back(absl::StrFormat("syscall %s %d count=%d errors=%d total=%d max=%d %s",
                                    Id(key.thread), key.syscall, window.count, window.errors,
                                    window.total_ns, window.max_ns, Text(window.latency)));
  }
  for (const auto& [key, count] : snapshot.errnos) {
    lines.push_back(
        absl::StrFormat("errno %d %d %d count=%d", key.pid, key.syscall, key.error, count));
  }
  for (const auto& [key, loop] : snapshot.loops) {
    lines.push_back(absl::StrFormat("loop %s polls=%d ready=%d poll=%d gap=%d max=%d %s", Id(key),
                                    loop.polls, loop.ready, loop.poll_ns, loop.gap_ns,
                                    loop.gap_max_ns, Text(loop.gap)));
  }
}

void AddUnread(const Snapshot& snapshot, Lines& lines) {
  for (const auto& [key, window] : snapshot.unread) {
    lines.push_back(absl::StrFormat("unread %d :%d reads=%d age=%d max=%d %s open=%s oldest=%d",
                                    key.pid, key.port, window.reads, window.age_ns,
                                    window.age_max_ns, Text(window.ages), Text(window.open),
                                    window.open_oldest_ns));
  }
}

void AddSides(const Snapshot& snapshot, Lines& lines) {
  for (const auto& [key, sides] : snapshot.sides) {
    lines.push_back(absl::StrFormat("sides %d epoll %d: %#x", key.pid, key.epoll, sides));
  }
}

void AddKernelLocks(const Snapshot& snapshot, Lines& lines) {
  for (const auto& [key, window] : snapshot.kernel_locks) {
    lines.push_back(
        absl::StrFormat("kernel lock %d %x kind=%d role=%d owner=%s waits=%d ns=%d "
                        "max=%d",
                        key.pid, key.lock, key.kind, key.role, Id(key.owner), window.waits,
                        window.wait_ns, window.wait_max_ns));
  }
}

void AddFacts(const Snapshot& snapshot, Lines& lines) {
  for (const auto& [pid, facts] : snapshot.processes) {
    lines.push_back(absl::StrFormat("process %d parent=%d cgroup=%s container=%s command=%s", pid,
                                    facts.parent_pid, facts.cgroup, facts.container,
                                    facts.command));
  }
  for (const auto& [key, comm] : snapshot.comms) {
    lines.push_back(absl::StrCat("comm ", Id(key), " ", comm));
  }
  for (const auto& [key, waits] : snapshot.lock_waits) {
    lines.push_back(absl::StrFormat("lock %d %x waits=%s", key.pid, key.word, Text(waits)));
  }
  for (const Unpark& unpark : snapshot.unparks) {
    lines.push_back(absl::StrFormat("unpark %d/%d by %d at %x stack=%d %d..%d..%d", unpark.pid,
                                    unpark.waiter, unpark.waker, unpark.word, unpark.user_stack,
                                    unpark.off_ns, unpark.wake_ns, unpark.on_ns));
  }
  for (const auto& [key, count] : snapshot.creations) {
    lines.push_back(absl::StrFormat("creation %s kernel=%d user=%d count=%d", Id(key.creator),
                                    key.kernel_stack, key.user_stack, count));
  }
  for (size_t reason = 0; reason < LOST_REASON_COUNT; ++reason) {
    if (snapshot.losses[reason] == 0) continue;
    lines.push_back(absl::StrCat("lost ", reason, " count=", snapshot.losses[reason]));
  }
}

void AddStacks(const Snapshot& snapshot, Lines& lines) {
  for (const auto& [id, stack] : snapshot.stacks) {
    lines.push_back(absl::StrCat(
        "stack ", id, " ",
        absl::StrJoin(stack.frames, ";",
                      [](std::string* out, const Frame& frame) {
                        absl::StrAppend(
                            out, frame.symbol.empty() ? absl::StrCat(frame.address) : frame.symbol);
                      }),
        stack.truncated.empty() ? "" : " truncated: " + stack.truncated));
  }
}

}  // namespace

std::string DebugString(const Snapshot& snapshot) {
  Lines lines;
  AddThreads(snapshot, lines);
  AddSamples(snapshot, lines);
  AddDevices(snapshot, lines);
  AddSyscalls(snapshot, lines);
  AddUnread(snapshot, lines);
  AddSides(snapshot, lines);
  AddKernelLocks(snapshot, lines);
  AddFacts(snapshot, lines);
  AddStacks(snapshot, lines);
  std::ranges::sort(lines);
  return absl::StrFormat("window %d..%d windows=%d T=%d host=%s cpu=%d rss=%d bpf=%d:%d\n%s\n",
                         snapshot.begin_ns, snapshot.end_ns, snapshot.windows, snapshot.period_ns,
                         snapshot.host.hostname, snapshot.cost.agent_cpu_ns,
                         snapshot.cost.agent_rss_bytes, snapshot.cost.bpf_run_ns,
                         snapshot.cost.bpf_run_count, absl::StrJoin(lines, "\n"));
}

}  // namespace waitscope
