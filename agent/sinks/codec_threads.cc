// Threads and processes: exact totals from the ledgers.
#include <algorithm>

#include "agent/core/processes.h"
#include "agent/sinks/codec.h"
#include "agent/sinks/codec_parts.h"
#include "agent/sinks/words.h"

namespace waitscope {
namespace {

using google::protobuf::RepeatedPtrField;

void AddWaits(const StateTotals& totals, RepeatedPtrField<v1::Wait>* waits) {
  for (unsigned cls = 0; cls < totals.waits.size(); ++cls) {
    const WaitTotal& total = totals.waits[cls];
    if (total.ns == 0 && total.count == 0) continue;
    v1::Wait* wait = waits->Add();
    wait->set_class_(std::string(ClassWord(static_cast<wait_class>(cls))));
    wait->set_ns(total.ns);
    wait->set_count(total.count);
  }
}

// Thread and Totals carry the same columns under the same names.
template <typename Message>
void SetTotals(const StateTotals& totals, Message& out) {
  out.set_wall_ns(totals.wall_ns);
  out.set_running_ns(totals.running_ns);
  out.set_runnable_ns(totals.RunnableNs());
  out.set_blocked_ns(totals.BlockedNs());
  out.set_residual_ns(totals.ResidualNs());
  out.set_woken_ns(totals.woken_ns);
  out.set_preempted_ns(totals.preempted_ns);
  out.set_unsplit_ns(totals.unsplit_ns);
  out.set_switches_voluntary(totals.switches_voluntary);
  out.set_switches_involuntary(totals.switches_involuntary);
  AddWaits(totals, out.mutable_waits());
}

v1::OpenWait EncodeOpenWait(const Snapshot& snapshot, const OpenWait& wait,
                            StackInterner& interner) {
  v1::OpenWait out;
  out.set_class_(std::string(ClassWord(wait.cls)));
  out.set_ns(wait.ns);
  out.set_since_before_agent(wait.since_before_agent);
  out.set_syscall(SyscallName(wait.syscall));
  if (wait.object.kind != OBJECT_none) *out.mutable_object() = EncodeObject(snapshot, wait.object);
  out.set_stack(interner.Index(wait.kernel_stack));
  out.set_user_stack(interner.Index(wait.user_stack));
  return out;
}

void SetFacts(const Snapshot& snapshot, uint32_t pid, v1::Process& process) {
  const auto facts = snapshot.processes.find(pid);
  if (facts == snapshot.processes.end()) return;
  process.set_command(facts->second.command);
  process.set_cgroup(facts->second.cgroup);
  process.set_container(facts->second.container);
}

v1::Process EncodeProcess(const Snapshot& snapshot, const ProcessWindow& window) {
  v1::Process process;
  process.set_pid(window.pid);
  process.set_comm(window.comm);
  process.set_parent_pid(window.parent_pid);
  process.set_threads(window.threads);
  process.set_threads_created(window.created);
  process.set_threads_exited(window.exited);
  process.set_kernel_thread(window.kernel_thread);
  SetTotals(window.totals, *process.mutable_totals());
  SetFacts(snapshot, window.pid, process);
  return process;
}

}  // namespace

v1::Thread EncodeThread(const Snapshot& snapshot, const ThreadWindow& thread,
                        StackInterner& interner) {
  v1::Thread out;
  out.set_pid(thread.key.pid);
  out.set_tid(thread.key.tid);
  out.set_start_ns(thread.key.start_ns);
  out.set_comm(thread.comm);
  SetTotals(thread.totals, out);
  *out.mutable_run_queue() = EncodeHistogram(thread.run_queue, thread.run_queue_max_ns);
  if (thread.open_wait) {
    *out.mutable_open_wait() = EncodeOpenWait(snapshot, *thread.open_wait, interner);
  }
  out.set_exited(thread.exited);
  out.set_kernel_thread(thread.kernel_thread);
  if (thread.creator.pid != 0) *out.mutable_creator() = EncodeThreadRef(snapshot, thread.creator);
  out.set_kernel_runtime_ns(thread.kernel_runtime_ns);
  return out;
}

RepeatedPtrField<v1::Process> EncodeProcessList(const Snapshot& snapshot) {
  RepeatedPtrField<v1::Process> processes;
  const std::map<uint32_t, TrustedTime> stack_times = StackTimeByProcess(snapshot);
  for (const ProcessWindow& window : Processes(snapshot)) {
    v1::Process* process = processes.Add();
    *process = EncodeProcess(snapshot, window);
    const auto time = stack_times.find(process->pid());
    if (time != stack_times.end()) *process->mutable_stack_time() = EncodeStackTime(time->second);
  }
  return processes;
}

v1::ProcessesResponse EncodeProcesses(const Snapshot& snapshot) {
  v1::ProcessesResponse response;
  *response.mutable_header() = EncodeHeader(snapshot, "processes");
  *response.mutable_processes() = EncodeProcessList(snapshot);
  return response;
}

v1::ThreadsResponse EncodeThreads(const Snapshot& snapshot) {
  v1::ThreadsResponse response;
  *response.mutable_header() = EncodeHeader(snapshot, "threads");
  *response.mutable_processes() = EncodeProcessList(snapshot);
  StackInterner interner(snapshot, response.mutable_stacks(), response.mutable_frames());
  for (const auto& [key, thread] : snapshot.threads) {
    *response.add_threads() = EncodeThread(snapshot, thread, interner);
  }
  return response;
}

v1::RunQueueResponse EncodeRunQueue(const Snapshot& snapshot) {
  v1::RunQueueResponse response;
  *response.mutable_header() = EncodeHeader(snapshot, "runq");
  Histogram latency;
  uint64_t max_ns = 0;
  // Open waits belong to other views: their stacks stay out of this answer.
  for (const auto& [key, thread] : snapshot.threads) {
    latency.Merge(thread.run_queue);
    max_ns = std::max(max_ns, thread.run_queue_max_ns);
    if (thread.totals.RunnableNs() == 0) continue;
    v1::Thread* out = response.add_threads();
    out->set_pid(key.pid);
    out->set_tid(key.tid);
    out->set_start_ns(key.start_ns);
    out->set_comm(thread.comm);
    SetTotals(thread.totals, *out);
    *out->mutable_run_queue() = EncodeHistogram(thread.run_queue, thread.run_queue_max_ns);
  }
  *response.mutable_latency() = EncodeHistogram(latency, max_ns);
  return response;
}

}  // namespace waitscope
