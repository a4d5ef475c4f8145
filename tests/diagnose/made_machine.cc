#include "tests/diagnose/made_machine.h"

#include <algorithm>

#include "agent/core/objects.h"
#include "agent/core/wire_text.h"
#include "agent/diagnose/diagnose.h"

namespace waitscope {

wait_object Futex(uint64_t word, uint32_t op) {
  wait_object object{};
  object.kind = OBJECT_futex;
  object.fd = -1;
  object.id = word;
  object.futex_op = op;
  return object;
}

wait_object Connection(uint16_t local_port, uint16_t peer_port) {
  wait_object object{};
  object.kind = OBJECT_socket;
  object.family = 2;
  object.fd = 5;
  object.local_port = local_port;
  object.peer_port = peer_port;
  object.local_addr[0] = object.peer_addr[0] = 10;
  object.local_addr[3] = 1;
  object.peer_addr[3] = 5;
  return object;
}

wait_object FileNamed(const std::string& name) {
  wait_object object{};
  object.kind = OBJECT_file;
  object.fd = 3;
  SetText(object.name, name);
  return object;
}

MadeMachine::MadeMachine() {
  snapshot_.host.cpus = 2;
  snapshot_.begin_ns = 100 * kSecond;
  snapshot_.end_ns = snapshot_.begin_ns + kWindow;
  snapshot_.period_ns = kMillisecond;
}

ThreadKey MadeMachine::AddThread(uint32_t pid, uint32_t tid, const std::string& comm) {
  const ThreadKey key{pid, tid, kSecond};
  ThreadWindow& thread = snapshot_.threads[key];
  thread.key = key;
  thread.comm = comm;
  thread.totals.wall_ns = kWindow;
  snapshot_.processes.try_emplace(pid);
  return key;
}

StackId MadeMachine::Stack(const std::vector<std::string>& frames) {
  if (frames.empty()) return 0;
  waitscope::Stack stack;
  for (const std::string& symbol : frames) {
    Frame frame;
    frame.symbol = symbol;
    stack.frames.push_back(frame);
  }
  for (const auto& [id, known] : snapshot_.stacks) {
    if (known == stack) return id;
  }
  const StackId id = snapshot_.stacks.size() + 1;
  snapshot_.stacks[id] = stack;
  return id;
}

void MadeMachine::AddWait(const ThreadKey& thread, const MadeWait& wait) {
  ThreadWindow& window = snapshot_.threads.at(thread);
  window.totals.waits[wait.cls].ns += wait.ns;
  window.totals.waits[wait.cls].count += static_cast<uint64_t>(wait.count);
  window.totals.switches_voluntary += static_cast<uint64_t>(wait.count);
  ObjectInterner objects(std::move(snapshot_.objects));
  SampleKey key{.open = wait.count == 0,
                .thread = thread,
                .cls = wait.cls,
                .syscall = wait.syscall,
                .waker = wait.waker,
                .context = wait.waker.tid != 0 ? WAKER_task : WAKER_interrupt,
                .object = objects.Intern(wait.object),
                .device = wait.device};
  snapshot_.objects = std::move(objects).Take();
  key.kernel_stack = Stack(wait.kernel_frames);
  key.user_stack = Stack(wait.user_frames);
  const double mean_ns = static_cast<double>(wait.ns) / std::max(wait.count, 1.0);
  const uint64_t longest_ns =
      wait.longest_ns != 0 ? wait.longest_ns : static_cast<uint64_t>(mean_ns);
  snapshot_.samples[key] += {static_cast<double>(wait.ns), wait.count, longest_ns};
}

void MadeMachine::AddRunning(const ThreadKey& thread, uint64_t ns,
                             const std::vector<std::string>& user_frames) {
  snapshot_.threads.at(thread).totals.running_ns += ns;
  if (user_frames.empty()) return;
  const SampleKey key{
      .thread = thread, .state = SampleState::kRunning, .user_stack = Stack(user_frames)};
  const uint64_t whole_ms = ns / kMillisecond;  // one sample each
  snapshot_.samples[key] += {static_cast<double>(ns), static_cast<double>(whole_ms)};
}

void MadeMachine::AddRunnable(const ThreadKey& thread, uint64_t ns, uint64_t turn_ns) {
  ThreadWindow& window = snapshot_.threads.at(thread);
  window.totals.preempted_ns += ns;
  window.run_queue.Add(turn_ns, ns / turn_ns);
}

void MadeMachine::AddCalls(const ThreadKey& thread, int32_t syscall, uint64_t count,
                           uint64_t ns_each) {
  SyscallWindow& window = snapshot_.syscalls[{thread, syscall}];
  window.count += count;
  window.total_ns += count * ns_each;
  window.max_ns = ns_each;
  window.latency.Add(ns_each, count);
}

void MadeMachine::AddLoop(const ThreadKey& thread, uint64_t gap_ns, uint64_t gaps) {
  LoopWindow& loop = snapshot_.loops[thread];
  loop.polls += gaps;
  loop.ready += gaps;
  loop.gap_ns += gap_ns * gaps;
  loop.gap_max_ns = std::max(loop.gap_max_ns, gap_ns);
  loop.gap.Add(gap_ns, gaps);
}

void MadeMachine::AddDevice(uint32_t dev, const std::string& name, uint64_t requests,
                            uint64_t device_ns_each, uint64_t queue_ns_each) {
  DeviceWindow& device = snapshot_.devices[dev];
  device.dev = dev;
  device.name = name;
  device.ops[BLOCK_read] = {requests, requests * 4096, requests * queue_ns_each,
                            requests * device_ns_each};
  device.busy_ns = std::min(kWindow, requests * device_ns_each);
}

Findings MadeMachine::Diagnosed() const {
  return Diagnose(snapshot_, [](uint32_t) { return true; });
}

std::vector<std::string> MadeMachine::Conditions() const {
  std::vector<std::string> names;
  for (const Finding& finding : Diagnosed()) names.push_back(finding.condition);
  return names;
}

}  // namespace waitscope
