// The pools, loops, locks and findings of the invented machine.
#include <google/protobuf/text_format.h>

#include <string>

#include "tests/cli/samples.h"

namespace waitscope::cli {
namespace {

template <typename Message>
Message Parse(const std::string& text) {
  Message message;
  if (!google::protobuf::TextFormat::ParseFromString(text, &message)) abort();
  return message;
}

constexpr char kStuckPool[] = R"(
  pid: 4711 comm: 'orders-api' name: 'pool-*-thread-*' threads: 16 threads_begin: 12 created: 4
  creator { thread { pid: 4711 tid: 4720 comm: 'http-acceptor' } threads: 16
            frames: 'kernel_clone' frames: '__x64_sys_clone3' frames: 'clone3'
            frames: 'ThreadPoolExecutor.addWorker' frames: 'Executor.execute' }
  home { nature: 'park' class: 'lock' syscall: 'futex' object { kind: 'futex' name: '0x7f3c0a10' }
         ns: 3000000000 count: 40 longest_ns: 200000000 threads: 12
         frames: 'futex_wait' frames: 'LinkedBlockingQueue.take' }
  wall_ns: 150000000000 running_ns: 1500000000 runnable_ns: 300000000 home_ns: 3000000000
  task_ns: 145000000000 unclear_ns: 200000000
  away { nature: 'backend' ns: 128000000000 } away { nature: 'mutex' ns: 17000000000 }
  away { nature: 'other' ns: 200000000 }
  nobody_home_min_ns: 7000000000 nobody_home_max_ns: 9700000000 open_home: 0 open_task: 16
  worst { nature: 'backend' class: 'network' syscall: 'recvfrom' ns: 128000000000 count: 180
          longest_ns: 2300000000 threads: 14 open: true
          object { kind: 'socket' fd: 31 peer_address: '10.0.0.5:5432' }
          frames: 'sk_wait_data' frames: 'recv' frames: 'OrderRepo.load' frames: 'OrderHandler.get' }
  serves_requests: true trouble_ns: 101500000000
  unread { pid: 4711 comm: 'orders-api' port: 8080 reads: 1834 age_ns: 900000000000
           age { count: 1834 p50_ns: 310000000 p99_ns: 2100000000 max_ns: 2600000000 }
           open: 12 open_oldest_ns: 2400000000 })";

constexpr char kIdlePool[] = R"(
  pid: 912 comm: 'postgres' name: 'idler' threads: 14 threads_begin: 14 wall_ns: 140000000000
  home_ns: 139900000000 nobody_home_max_ns: 100000000)";

}  // namespace

v1::PoolsResponse SamplePools() {
  v1::PoolsResponse response;
  *response.mutable_header() = SampleHeader();
  *response.add_pools() = Parse<v1::Pool>(kStuckPool);
  *response.add_pools() = Parse<v1::Pool>(R"(
    pid: 77 comm: 'cron\x1b[31mlike' name: 'sleeper' threads: 2 threads_begin: 2
    wall_ns: 20000000000 task_ns: 20000000000 away { nature: 'sleep' ns: 20000000000 }
    nobody_home_min_ns: 10000000000 nobody_home_max_ns: 10000000000 )");
  *response.add_pools() = Parse<v1::Pool>(kIdlePool);
  return response;
}

v1::LoopsResponse SampleLoops() {
  auto response = Parse<v1::LoopsResponse>(R"(
    loops { thread { pid: 4711 tid: 4712 comm: 'event-loop' } process: 'orders-api'
      serves_sockets: true counted: true polls: 1200 polls_per_s: 120 ready: 1100 ready_share: 0.917
      poll_ns: 5000000000 turn { count: 1199 p50_ns: 40000 p99_ns: 310000000 max_ns: 480000000 }
      turns_ns: 4900000000 long_turns: 12 stalled_ns: 3600000000 running_ns: 900000000
      runnable_ns: 20000000 blocked_ns: 4000000000
      blocked { class: 'sleep' ns: 3600000000 } blocked { class: 'disk' ns: 400000000 }
      worst { nature: 'sleep' class: 'sleep' syscall: 'clock_nanosleep' ns: 3600000000 count: 12
              longest_ns: 301000000 frames: 'do_nanosleep' frames: 'clock_nanosleep'
              frames: 'time_sleep' frames: 'handle' }
      in_progress_ns: 220000000
      in_progress { nature: 'disk' class: 'disk' syscall: 'read' open: true
                    object { kind: 'file' name: 'orders.db' } }
      unread { pid: 4711 comm: 'orders-api' port: 8080 reads: 1100
               age { count: 1100 p50_ns: 90000 p99_ns: 295000000 max_ns: 470000000 } } }
    loops { thread { pid: 912 tid: 915 comm: 'nginx' } process: 'nginx' serves_sockets: true
      polls: 300 polls_per_s: 30 poll_ns: 9900000000 running_ns: 80000000 }
    loops { thread { pid: 1 tid: 1 comm: 'systemd' } process: 'systemd' counted: true polls: 12
      polls_per_s: 1.2 ready: 12 ready_share: 1 turn { count: 11 p50_ns: 90000 p99_ns: 200000
      max_ns: 210000 } })");
  *response.mutable_header() = SampleHeader();
  return response;
}

v1::LocksResponse SampleLocks() {
  auto response = Parse<v1::LocksResponse>(R"(
    locks { pid: 4711 comm: 'orders-api' name: '0x7f3c0a10' word: 139896000000016 kind: 'mutex'
      waiters: 6 waits: 812 wait_ns: 41000000000 p50_ns: 40000000 p99_ns: 210000000
      max_ns: 302000000
      holder { thread { pid: 4711 tid: 4740 comm: 'reporter' } known_by: 'owner word' seen: 44
        looks: 60 held_at_most_ns: 9400000000 running_ns: 120000000
        waits { nature: 'commit' class: 'commit' syscall: 'fsync' ns: 8100000000 count: 130
                longest_ns: 300000000 object { kind: 'file' name: 'report.log' }
                frames: 'jbd2_log_wait_commit' frames: 'fsync' frames: 'write_report' }
        run_frames: 'format' run_frames: 'write_report' }
      where { nature: 'mutex' class: 'lock' syscall: 'futex' ns: 30000000000
              frames: 'futex_wait' frames: '__lll_lock_wait' frames: 'Cache::get' } }
    locks { pid: 80 comm: 'python3' name: '0xa5b740' word: 10860352 kind: 'interpreter' waiters: 3
      waits: 2900 wait_ns: 15000000000 p50_ns: 5000000 p99_ns: 5200000 max_ns: 9000000
      holder { thread { pid: 80 tid: 82 comm: 'python3' } known_by: 'waker' seen: 900 looks: 2700
        held_at_most_ns: 5000000000 running_ns: 4900000000 }
      where { nature: 'mutex' ns: 15000000000 } }
    locks { pid: 81 comm: 'sqlite' name: 'file db.sqlite' kind: 'file-lock' waiters: 1 waits: 0
      wait_ns: 10000000000 max_ns: 40000000000 where { nature: 'file-lock' ns: 10000000000 } }
    locks { pid: 912 comm: 'postgres' name: '0x5000' word: 20480 kind: 'park' waiters: 14
      waits: 400 wait_ns: 139000000000 p99_ns: 900000000 max_ns: 2000000000 })");
  *response.mutable_header() = SampleHeader();
  return response;
}

google::protobuf::RepeatedPtrField<v1::Finding> SampleFindings() {
  google::protobuf::RepeatedPtrField<v1::Finding> findings;
  *findings.Add() = Parse<v1::Finding>(R"(
    condition: 'thread-pool-starvation' severity: 'critical' id: '00c0ffee' lasting: true
    process { pid: 4711 comm: 'orders-api' } begin { seconds: 1789999810 }
    end { seconds: 1790000010 } )");
  *findings.Add() = Parse<v1::Finding>(R"(
    condition: 'fsync-stall' severity: 'warning' id: '00000912' process { pid: 912 comm: 'postgres' }
    begin { seconds: 1789999900 } end { seconds: 1789999940 } )");
  return findings;
}

}  // namespace waitscope::cli
