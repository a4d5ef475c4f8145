#include "tests/cli/samples.h"

#include <google/protobuf/text_format.h>

#include <string>

namespace waitscope::cli {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

template <typename Message>
Message Parse(const std::string& text) {
  Message message;
  if (!google::protobuf::TextFormat::ParseFromString(text, &message)) abort();
  return message;
}

v1::Thread ThreadOf(uint32_t tid, const std::string& comm) {
  v1::Thread thread;
  thread.set_pid(4711);
  thread.set_tid(tid);
  thread.set_comm(comm);
  thread.set_wall_ns(10 * kSecond);
  return thread;
}

void AddWait(v1::Thread* thread, const std::string& wait_class, uint64_t ns, uint64_t count) {
  v1::Wait* wait = thread->add_waits();
  wait->set_class_(wait_class);
  wait->set_ns(ns);
  wait->set_count(count);
  thread->set_blocked_ns(thread->blocked_ns() + ns);
}

v1::Thread PoolThread(uint32_t tid, int number) {
  v1::Thread thread = ThreadOf(tid, "pool-1-thread-" + std::to_string(number));
  thread.set_running_ns(200'000'000);
  thread.set_runnable_ns(10'000'000);
  thread.set_woken_ns(10'000'000);
  AddWait(&thread, "network", 9'690'000'000, 41);
  AddWait(&thread, "lock", 100'000'000, 3);
  thread.mutable_run_queue()->set_p99_ns(200'000);
  *thread.mutable_open_wait() = Parse<v1::OpenWait>(
      "class: 'network' ns: 8000000000 syscall: 'read' "
      "object { kind: 'socket' fd: 31 peer_address: '10.0.0.5:5432' }");
  return thread;
}

v1::Thread ParkedThread(uint32_t tid) {
  v1::Thread thread = ThreadOf(tid, "pool-2-thread-1");
  AddWait(&thread, "lock", 10 * kSecond, 0);
  thread.mutable_open_wait()->set_class_("lock");
  thread.mutable_open_wait()->set_ns(40 * kSecond);
  thread.mutable_open_wait()->set_since_before_agent(true);
  return thread;
}

v1::Thread PollingThread(uint32_t tid) {
  v1::Thread thread = ThreadOf(tid, "acceptor");
  thread.set_running_ns(10'000'000);
  AddWait(&thread, "poll", 9'990'000'000, 12);
  return thread;
}

}  // namespace

v1::Header SampleHeader() {
  return Parse<v1::Header>(R"(
    schema: 'waitscope.sample/v1' host: 'web-17' kernel: '6.1.0-56' agent_version: '0.1.0'
    begin { seconds: 1790000000 } duration { seconds: 10 } windows: 1 cpus: 4
    cost { agent_cpu_ns: 20000000 agent_rss_bytes: 63963136 bpf_run_ns: 10000000
           bpf_run_count: 40000 }
    period_ns: 1000000)");
}

v1::Header SampleHeaderWithLosses() {
  v1::Header header = SampleHeader();
  *header.add_losses() = Parse<v1::Loss>(
      "reason: 'ring-full' count: 1214 meaning: 'records did not fit in the ring buffer: samples "
      "and requests are lower bounds, totals stay exact'");
  header.set_period_ns(64'000'000);
  header.add_notes("history is shorter than asked for: this covers the last 10.0 s of 600.0 s");
  return header;
}

v1::ThreadsResponse SampleThreads() {
  v1::ThreadsResponse response;
  *response.mutable_header() = SampleHeader();
  *response.add_processes() = Parse<v1::Process>(R"(
    pid: 4711 comm: 'orders-api' parent_pid: 1 command: 'java -jar orders.jar' threads: 5
    totals { wall_ns: 50000000000 running_ns: 410000000 runnable_ns: 20000000
             blocked_ns: 49570000000 residual_ns: 1000 })");
  *response.add_threads() = PollingThread(4712);
  *response.add_threads() = PoolThread(4731, 1);
  *response.add_threads() = PoolThread(4732, 2);
  *response.add_threads() = ParkedThread(4740);
  v1::Thread* hung = response.add_threads();
  *hung = ThreadOf(4750, "evil\x1b[31mname");
  AddWait(hung, "commit", 10 * kSecond, 0);
  *hung->mutable_open_wait() = Parse<v1::OpenWait>(
      "class: 'commit' ns: 12000000000 syscall: 'fsync' "
      "object { kind: 'file' name: 'orders.db' fd: 7 }");
  return response;
}

v1::ProcessesResponse SampleProcesses() {
  auto response = Parse<v1::ProcessesResponse>(R"(
    processes { pid: 4711 comm: 'orders-api' command: 'java -jar orders.jar' threads: 38
      totals { wall_ns: 380000000000 running_ns: 4000000000 runnable_ns: 100000000
               waits { class: 'network' ns: 140000000000 } waits { class: 'lock' ns: 20000000000 }
               waits { class: 'poll' ns: 200000000000 } } }
    processes { pid: 912 comm: 'postgres' threads: 14
      totals { wall_ns: 140000000000 running_ns: 2000000000
               waits { class: 'commit' ns: 31000000000 } waits { class: 'poll' ns: 101000000000 } } }
    processes { pid: 1 comm: 'systemd' threads: 1
      totals { wall_ns: 10000000000 running_ns: 1000000 waits { class: 'poll' ns: 9999000000 } } }
    processes { pid: 14 comm: 'ksoftirqd/0' threads: 1 kernel_thread: true
      totals { wall_ns: 10000000000 running_ns: 20000000 waits { class: 'other' ns: 9980000000 } } }
    processes { pid: 15 comm: 'kworker/0:1' threads: 1 kernel_thread: true
      totals { wall_ns: 10000000000 running_ns: 3000000 waits { class: 'other' ns: 9997000000 } } })");
  *response.mutable_header() = SampleHeader();
  return response;
}

v1::ProfileResponse SampleProfile() {
  auto profile = Parse<v1::ProfileResponse>(R"(
    kind: 'off-cpu'
    threads { pid: 4711 tid: 4711 comm: 'orders-api' }
    threads { pid: 4711 tid: 4731 comm: 'pool-1-thread-1' }
    frames { symbol: 'main' module: 'orders' address: 4198400 file_offset: 1024 build_id: 'c0ffee' }
    frames { symbol: 'OrderRepo::load<int>(a;b)' module: 'orders' address: 4198500 file_offset: 1124
             build_id: 'c0ffee' }
    frames { symbol: '__read' module: 'libc.so.6' address: 139637976727552 file_offset: 913664
             build_id: 'abcdef' }
    frames { symbol: 'schedule' module: '[kernel]' address: 18446744071580000000 }
    frames { symbol: 'futex_wait_queue' module: '[kernel]' address: 18446744071580000100 }
    frames { module: 'libfoo.so' address: 139637976000000 file_offset: 4660 }
    frames { symbol: 'epoll_wait' module: 'libc.so.6' address: 139637976727999 file_offset: 914111
             build_id: 'abcdef' }
    stacks { }
    stacks { frames: 2 frames: 1 frames: 0 }
    stacks { frames: 3 }
    stacks { frames: 5 truncated: 'no unwind table for libfoo.so' }
    stacks { frames: 3 frames: 4 }
    stacks { frames: 6 frames: 0 }
    samples { thread: 1 class: 'network' ns: 9690000000 count: 41 user_stack: 1 kernel_stack: 2
      syscall: 'read' longest_ns: 2300000000 waker_context: 'softirq'
      object { kind: 'socket' fd: 31 peer_address: '10.0.0.5:5432' } }
    samples { thread: 1 class: 'lock' ns: 1500000000 count: 3 user_stack: 3 kernel_stack: 4
      syscall: 'futex' longest_ns: 700000000 object { kind: 'futex' name: '0x7f3c0a10' fd: -1 }
      waker { pid: 4711 tid: 4711 comm: 'orders-api' } waker_context: 'task' waker_user_stack: 1 }
    samples { thread: 0 class: 'poll' ns: 9990000000 count: 12 user_stack: 5 kernel_stack: 2
      syscall: 'epoll_wait' longest_ns: 1000000000 }
    samples { thread: 0 class: 'other' ns: 1000000 count: 1 })");
  *profile.mutable_header() = SampleHeader();
  for (const v1::Sample& sample : profile.samples()) {
    profile.set_total_ns(profile.total_ns() + sample.ns());
  }
  profile.set_exact_total_ns(profile.total_ns() + 2'000'000);
  return profile;
}

v1::ProfileResponse SampleWakerProfile() {
  v1::ProfileResponse profile = SampleProfile();
  profile.set_kind("waker");
  return profile;
}

v1::Status SampleStatus() {
  auto status = Parse<v1::Status>(R"(
    pid: 300 up { seconds: 1050000 } window { seconds: 10 } history_windows: 360
    history_bytes: 20971520 history_limit_bytes: 268435456 threads: 1234
    capabilities { name: 'task storage' present: true detail: 'ledgers live in the task' }
    capabilities { name: 'rseq hook' present: false
      detail: 'user stacks cost more: they are taken at the next system call instead' }
    programs { name: 'on_switch' attach: 'tp_btf/sched_switch' attached: true run_count: 1234567
               run_ns: 234567890 }
    programs { name: 'on_enter' attach: 'raw_tp/sys_enter' attached: false }
    programs { name: 'on_waking' attach: 'tp_btf/sched_waking' attached: true run_count: 1000000
               run_ns: 150000000 recursion_misses: 12 })");
  *status.mutable_header() = SampleHeader();
  *status.mutable_header()->add_stack_time() =
      Parse<v1::StackTime>("class: 'exact' ns: 61250000000");
  *status.mutable_header()->add_stack_time() =
      Parse<v1::StackTime>("class: 'truncated' ns: 12000000");
  return status;
}

v1::IoResponse SampleIo() {
  auto response = Parse<v1::IoResponse>(R"(
    devices { name: 'vda' reads_per_s: 12.4 writes_per_s: 200.15 read_kb_per_s: 800.5
      write_kb_per_s: 12000 read_await_ms: 0.42 write_await_ms: 62.1 queue_size: 12.4
      utilization: 97.25 errors: 2
      read_time { count: 124 max_ns: 3000000 } write_time { count: 2001 max_ns: 812000000 } }
    devices { name: 'vdb' }
    threads { thread { pid: 912 tid: 915 comm: 'walwriter' } blocked_ns: 6100000000 count: 99
      longest_ns: 812000000 objects: '000000010000000000000042' devices: 'vda'
      device_ns: 5900000000 queue_ns: 100000000 }
    threads { thread { pid: 912 tid: 920 comm: 'idle' } }
    slowest { device: 'vda' op: 'write' flags: 'sync' flags: 'fua' bytes: 16384 queue_ns: 9000000
      device_ns: 812000000 issuer { pid: 912 tid: 915 comm: 'walwriter' } })");
  *response.mutable_header() = SampleHeader();
  return response;
}

v1::RunQueueResponse SampleRunQueue() {
  auto response = Parse<v1::RunQueueResponse>(R"(
    latency { count: 40000 p50_ns: 4000 p90_ns: 21000 p99_ns: 1800000 max_ns: 9100000
      buckets { floor_ns: 2048 count: 21000 } buckets { floor_ns: 3072 count: 9000 }
      buckets { floor_ns: 16384 count: 9500 } buckets { floor_ns: 1048576 count: 500 } }
    threads { pid: 7 tid: 7 comm: 'hog' wall_ns: 10000000000 running_ns: 5000000000
      runnable_ns: 5000000000 woken_ns: 10000000 preempted_ns: 4990000000
      run_queue { p50_ns: 4000000 p99_ns: 8000000 max_ns: 9100000 } switches_voluntary: 12
      switches_involuntary: 1250 }
    threads { pid: 8 tid: 8 comm: 'quiet' wall_ns: 10000000000 })");
  *response.mutable_header() = SampleHeader();
  return response;
}

v1::SyscallsResponse SampleSyscalls() {
  auto response = Parse<v1::SyscallsResponse>(R"(
    syscalls { pid: 4711 comm: 'orders-api' name: 'read' count: 4100 errors: 7 total_ns: 9690000000
      max_ns: 2300000000 latency { p50_ns: 90000 p99_ns: 1900000000 }
      errnos { name: 'EAGAIN' count: 6 } errnos { name: 'EINTR' count: 1 } }
    syscalls { pid: 4711 comm: 'orders-api' name: 'getpid' count: 1000000 total_ns: 90000000
      max_ns: 40000 latency { p50_ns: 80 p99_ns: 120 } }
    threads { pid: 4711 tid: 4731 comm: 'pool-1-thread-1' name: 'read' count: 2050
      total_ns: 4845000000 max_ns: 2300000000 latency { p50_ns: 90000 p99_ns: 1900000000 } }
    loops { pid: 4711 tid: 4712 comm: 'event-loop' polls: 1200 ready: 3400 poll_ns: 9100000000
      gap { p50_ns: 40000 p99_ns: 2000000 max_ns: 480000000 } })");
  *response.mutable_header() = SampleHeader();
  return response;
}

v1::WakersResponse SampleWakers() {
  auto response = Parse<v1::WakersResponse>(R"(
    edges { waker { } waker_context: 'softirq' wakee { pid: 4711 tid: 4731 comm: 'pool-1-thread-1' }
      class: 'network' blocked_ns: 9690000000 count: 41 waker_kernel_stack: 1 }
    edges { waker { pid: 4711 tid: 4711 comm: 'orders-api' } waker_context: 'task'
      wakee { pid: 4711 tid: 4731 comm: 'pool-1-thread-1' } class: 'lock' blocked_ns: 1500000000
      count: 3 waker_user_stack: 2 }
    edges { waker { } waker_context: 'hardirq' wakee { pid: 1 tid: 1 comm: 'systemd' }
      class: 'poll' blocked_ns: 99000000000 count: 2 }
    stacks { } stacks { frames: 0 } stacks { frames: 1 }
    frames { symbol: 'sock_def_readable' module: '[kernel]' } frames { symbol: 'Cache::refresh' })");
  *response.mutable_header() = SampleHeader();
  return response;
}

}  // namespace waitscope::cli
