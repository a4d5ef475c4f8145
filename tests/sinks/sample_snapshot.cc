#include "tests/sinks/sample_snapshot.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <cstring>

#include "agent/core/wire_text.h"

namespace waitscope {
namespace {

constexpr uint64_t kMs = 1'000'000;
constexpr uint32_t kDisk = 254U << 20;

ThreadWindow& AddThread(Snapshot& snapshot, const ThreadKey& key, const char* comm) {
  ThreadWindow& thread = snapshot.threads[key];
  thread.key = key;
  thread.comm = comm;
  thread.totals.wall_ns = 1000 * kMs;
  return thread;
}

void AddThreads(Snapshot& snapshot) {
  ThreadWindow& server = AddThread(snapshot, kServer, "server");
  server.parent_pid = 1;
  server.totals.running_ns = 100 * kMs;
  server.totals.woken_ns = 20 * kMs;
  server.totals.preempted_ns = 5 * kMs;
  server.totals.waits[WAIT_network] = {800 * kMs, 40};
  server.totals.waits[WAIT_disk] = {75 * kMs, 3};
  server.totals.switches_voluntary = 43;
  server.run_queue.Add(3 * kMs, 7);
  server.run_queue_max_ns = 3 * kMs + 17;
  ThreadWindow& worker = AddThread(snapshot, kWorker, "worker");
  worker.parent_pid = 1;
  worker.creator = kServer;
  worker.born = true;
  worker.totals.waits[WAIT_fault] = {999 * kMs, 0};
  worker.open_wait = {.cls = WAIT_fault, .ns = 5000 * kMs, .syscall = -1, .kernel_stack = 1};
  ThreadWindow& kernel = AddThread(snapshot, kKernelThread, "kthreadd");
  kernel.kernel_thread = true;
  kernel.totals.waits[WAIT_other] = {1000 * kMs, 1};
  snapshot.processes[100] = {.parent_pid = 1,
                             .cgroup = "/system.slice/server.service",
                             .container = "4fd1c0ffee",
                             .command = "server --port 80"};
}

wait_object Peer() {
  wait_object object{};
  object.kind = OBJECT_socket;
  object.family = AF_INET;
  object.fd = 7;
  inet_pton(AF_INET, "10.0.0.9", object.local_addr);
  inet_pton(AF_INET, "10.0.0.5", object.peer_addr);
  object.local_port = 40000;
  object.peer_port = 5432;
  return object;
}

wait_object File() {
  wait_object object{};
  object.kind = OBJECT_file;
  object.fd = 3;
  object.id = 4711;
  object.dev = kDisk;
  SetText(object.name, "table.db");
  return object;
}

void AddSamples(Snapshot& snapshot) {
  snapshot.objects.push_back(Peer());
  snapshot.objects.push_back(File());
  SampleKey network{.thread = kServer,
                    .cls = WAIT_network,
                    .syscall = 0,
                    .kernel_stack = 1,
                    .user_stack = 2,
                    .context = WAKER_softirq,
                    .object = 1};
  snapshot.samples[network] = {800e6, 40, 90 * kMs};
  SampleKey disk{.thread = kServer,
                 .cls = WAIT_disk,
                 .syscall = 0,
                 .kernel_stack = 1,
                 .user_stack = 3,
                 .waker = kWorker,
                 .context = WAKER_task,
                 .waker_kernel_stack = 1,
                 .object = 2,
                 .device = kDisk};
  snapshot.samples[disk] = {75e6, 3, 40 * kMs, 30 * kMs, 9 * kMs};
  snapshot.samples[{.thread = kServer, .state = SampleState::kWoken, .user_stack = 2}] = {20e6, 40};
  snapshot.samples[{.thread = kServer, .state = SampleState::kRunning, .user_stack = 3}] = {100e6,
                                                                                            5};
  snapshot.stacks[1] = {
      .frames = {{.address = 0xffffffff81000010, .symbol = "schedule", .module = "[kernel]"}}};
  snapshot.stacks[2] = {.frames = {{.address = 0x1010,
                                    .file_offset = 0x10,
                                    .symbol = "read",
                                    .module = "libc.so.6",
                                    .build_id = "ab12"},
                                   {.address = 0x2010, .symbol = "main", .module = "server"}},
                        .truncated = "",
                        .trust = UNWIND_CLASS_exact};
  snapshot.creations[{.creator = kServer, .user_stack = 2}] = 4;
  // Stack 3 never arrived.
  snapshot.losses[LOST_stack_unresolved] = 1;
}

void AddDevice(Snapshot& snapshot) {
  DeviceWindow& device = snapshot.devices[kDisk];
  device.dev = kDisk;
  device.name = "vda";
  device.ops[BLOCK_read] = {100, 409'600, 50 * kMs, 250 * kMs};
  device.ops[BLOCK_write] = {10, 102'400, 0, 40 * kMs};
  device.busy_ns = 280 * kMs;
  device.read_time.Add(2500 * kMs / 1000, 100);
  block_event request{};
  request.dev = kDisk;
  request.op = BLOCK_read;
  request.flags = BLOCK_FLAG_sync | BLOCK_FLAG_meta;
  request.bytes = 4096;
  request.insert_ns = 1500 * kMs;
  request.issue_ns = 1510 * kMs;
  request.complete_ns = 1540 * kMs;
  request.issuer = {100, 100, 5};
  SetText(request.issuer_comm, "server");
  snapshot.requests.push_back(request);
}

void AddSyscalls(Snapshot& snapshot) {
  SyscallWindow& read = snapshot.syscalls[{kServer, 0}];
  read = {.count = 43, .errors = 2, .total_ns = 875 * kMs, .max_ns = 90 * kMs};
  read.latency.Add(20 * kMs, 43);
  snapshot.syscalls[{kWorker, 0}] = {.count = 1, .total_ns = kMs, .max_ns = kMs};
  snapshot.errnos[{100, 0, 11}] = 2;
  LoopWindow& loop = snapshot.loops[kServer];
  loop = {.polls = 40, .ready = 39, .poll_ns = 700 * kMs, .gap_ns = 300 * kMs};
  loop.gap.Add(7 * kMs, 40);
  UnreadWindow& unread = snapshot.unread[{100, 8080}];
  unread = {.reads = 38, .age_ns = 76 * kMs, .age_max_ns = 9 * kMs, .open_oldest_ns = 30 * kMs};
  unread.ages.Add(2 * kMs, 38);
  unread.open.Add(30 * kMs, 1);
}

}  // namespace

Snapshot SampleSnapshot() {
  Snapshot snapshot;
  snapshot.host = {.cpus = 2,
                   .agent_pid = 99,
                   .hostname = "web-17",
                   .kernel = "6.1.0",
                   .agent_version = "0.1.0",
                   .limits = {"rseq: no late user stacks"}};
  snapshot.begin_ns = 1000 * kMs;
  snapshot.end_ns = 2000 * kMs;
  snapshot.wall_clock_end_ns = 1'700'000'000'000 * kMs;
  snapshot.sequence = 7;
  snapshot.period_ns = kMs;
  snapshot.cost = {.agent_cpu_ns = 3 * kMs, .agent_rss_bytes = 50 << 20};
  AddThreads(snapshot);
  AddSamples(snapshot);
  AddDevice(snapshot);
  AddSyscalls(snapshot);
  return snapshot;
}

}  // namespace waitscope
