"""What the lab runs: programs with a known sickness, and healthy ones that look like it."""

import dataclasses
import pathlib
import shutil
import subprocess

PROGRAMS = pathlib.Path(__file__).resolve().parent / "programs"


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    command: tuple          # words; {bin} is the folder of compiled programs, {scratch} a folder on disk
    expect: tuple = ()      # conditions of which one must be told; empty: healthy
    culprit: tuple = ()     # words of which one must stand in the evidence
    needs: str = ""         # a program that must be installed, or "python:MODULE"
    quota: float = 0        # CPUs its cgroup may use
    memory: int = 0         # bytes its cgroup may use
    pids: int = 0           # threads its cgroup may have
    iops: int = 0           # reads a second its cgroup may do
    file: int = 0           # size of a file "{scratch}/data" made before
    target: tuple = ()      # as flags, when it is not the process that says it is ready
    loop: bool = False      # a loop device "{loop}" of 256 MiB, whose own reads and writes `iops` limits
    strict: bool = False    # that device may have hardly anything unwritten
    settle: float = 2.0     # seconds from ready to the first look
    smoke: bool = False     # part of the short slice

    def installed(self):
        kind, _, module = self.needs.partition(":")
        if kind == "python":
            done = subprocess.run(["/usr/bin/python3", "-c", f"import {module}"], check=False,
                                  stderr=subprocess.DEVNULL)
            return done.returncode == 0
        return not self.needs or shutil.which(self.needs) is not None


def python(program, *arguments):
    return ("/usr/bin/python3", str(PROGRAMS / program), *map(str, arguments))


def with_company(delay, clients, think, *command):
    return python("company.py", delay, clients, think, *command)


def java(kind, *flags):
    return "java", *flags, PROGRAMS / "Kinds.java", kind


def compiled(program, *arguments):
    return (f"{{bin}}/{program}", *map(str, arguments))


SICK = [
    Case("asyncio-sync-call", python("aio.py", "sync"), ("event-loop-blocked",), ("nanosleep",), smoke=True),
    Case("asyncio-cpu-callback", python("aio.py", "cpu"), ("event-loop-blocked",)),
    Case("asyncio-child", python("aio.py", "child"), ("event-loop-blocked",), ("wait4", "poll", "wait")),
    Case("asyncio-fsync", python("aio.py", "fsync"), ("event-loop-blocked", "fsync-stall"), ("sync",)),
    Case("pool-slow-backend", python("pool_server.py", 4, 0.7, 12, 0.01),
         ("thread-pool-starvation",), ("127.0.0.1",), smoke=True),
    Case("leaking-pool", python("leaking_pool.py", 6, 4, 8, 0.02, "leaks"),
         ("thread-pool-starvation", "connection-pool-exhaustion"), ("park", "futex")),
    Case("slow-readers", python("slow_readers.py", 4, 12), ("thread-pool-starvation",), ("sendto",)),
    Case("pool-jobs", python("pool_jobs.py"), ("thread-pool-starvation",), ("127.0.0.1",)),
    Case("pool-sleep", python("pool_sleep.py"), ("thread-pool-starvation", "blocking-sleep"), ("nanosleep",)),
    Case("sleep-in-request", python("sleep_server.py", 0.15), ("blocking-sleep",), ("nanosleep",)),
    Case("sleep-in-short-request", python("sleep_server.py", 0.15, "short"), ("blocking-sleep",),
         ("nanosleep",)),
    Case("select-in-request", python("sleep_server.py", 0.15, "long", 0.05, "select"),
         ("blocking-sleep",), ("select",)),
    Case("select-loop-sleep", python("select_loop.py", "sleep"), ("blocking-sleep", "event-loop-blocked"),
         ("nanosleep",)),
    Case("handed-requests", python("select_loop.py", "handed"), ("thread-pool-starvation",), ("wait4",)),
    Case("sleep-without-rest", python("sleep_server.py", 0.2, "long", 0), ("blocking-sleep",),
         ("nanosleep",)),
    Case("backend-wait", python("backend_client.py", 1, 0.35, 0.02), ("backend-wait",), ("127.0.0.1",)),
    Case("backend-wait-timeout", python("backend_client.py", 3, 0.25, 0, 5), ("backend-wait",),
         ("127.0.0.1",)),
    Case("connect-in-vain", python("connect_in_vain.py"), ("backend-wait",), ("127.0.0.1",)),
    Case("backend-wait-http", python("http_client.py", 0.3, 0.02), ("backend-wait",), ("127.0.0.1",)),
    Case("connection-pool", python("connection_pool.py"), ("connection-pool-exhaustion",), ("127.0.0.1",)),
    Case("cpp-connections", with_company(0.12, 0, 0, *compiled("borrow")), ("connection-pool-exhaustion",),
         ("127.0.0.1",)),
    Case("gil", python("gil.py"), ("lock-contention",), ("GIL",)),
    Case("system-v-lock", python("system_v.py", "lock", 6, 0.04, 0.005), ("lock-contention",), ("System V",)),
    Case("process-lock", python("process_lock.py", 4, 0.08, 0.005), ("lock-contention",), ("lock holder",)),
    Case("python-lock", python("python_lock.py"), ("lock-contention",), ("lock 0x",)),
    Case("mutex-convoy", compiled("locks", "convoy"), ("lock-contention",), ("lock holder",), smoke=True),
    Case("address-space-lock", compiled("kernel_locks", "map"), ("lock-contention",), ("mmap_lock",)),
    Case("inode-lock", compiled("kernel_locks", "append", "{scratch}/log"), ("lock-contention",), ("inode lock",)),
    Case("inode-lock-held", compiled("kernel_locks", "hold", "{scratch}/log"), ("hung-threads",),
         ("inode lock",), settle=33),
    Case("lock-around-request", python("lock_around.py"), ("lock-contention",), ("lock 0x",)),
    Case("deadlock", compiled("locks", "deadlock"), ("hung-threads",), ("waits for lock",)),
    Case("rust-deadlock", python("rust.py", "{scratch}", "deadlock"), ("hung-threads",), ("transfer",),
         needs="rustc"),
    Case("rust-pair", python("rust.py", "{scratch}", "pair"), ("lock-contention",), ("lock 0x",), needs="rustc"),
    Case("rust-readers", python("rust.py", "{scratch}", "readers"), ("lock-contention",), ("lock 0x",),
         needs="rustc"),
    Case("stopped-server", python("stopped_server.py", "clients"), ("hung-threads",), ("do_signal_stop", "get_signal")),
    Case("python-deadlock", python("python_deadlock.py", "deadlock"), ("hung-threads",), ("transfer",)),
    Case("thread-leak", python("thread_leak.py"), ("thread-exhaustion",)),
    Case("thread-limit", python("thread_limit.py", "{group}"), ("thread-exhaustion",), pids=30),
    Case("sqlite-lock", python("sqlite_lock.py", "{scratch}"), ("database-lock",)),
    Case("fork-stall", python("fork_stall.py"), ("fork-stall",), settle=4),
    Case("fsync-loop", compiled("disk", "fsync", "{scratch}/log"), ("fsync-stall",), ("sync",), smoke=True),
    Case("direct-reads", compiled("disk", "direct", "{scratch}/data", 24), ("disk-saturation",),
         ("vd", "sd", "nvme"), file=1 << 30),
    Case("cpu-hogs", compiled("hogs", 6), ("cpu-saturation",), ("compute",), smoke=True),
    Case("cpu-quota", compiled("hogs", 2), ("cpu-throttling",), ("cgroup",), quota=0.3),
    Case("memory-limit", compiled("disk", "map", "{scratch}/data"), ("memory-stall",), file=1 << 29,
         memory=48 << 20),
    Case("io-limit", compiled("disk", "direct", "{scratch}/data", 2), ("io-throttled",), file=1 << 28,
         iops=20),
    Case("node-cpu", with_company(0, 5, 0.2, "node", PROGRAMS / "server.js", "cpu"),
         ("event-loop-blocked",), needs="node"),
    Case("node-child", with_company(0, 5, 0.2, "node", PROGRAMS / "server.js", "child"),
         ("event-loop-blocked",), needs="node"),
    Case("java-pool-slow-backend", with_company(0.6, 12, 0.01, "java", PROGRAMS / "Server.java", 5),
         ("thread-pool-starvation",), ("127.0.0.1",), needs="java", settle=3),
    Case("postgres-row-lock", python("database.py", "lock", "{scratch}"), ("database-lock",), ("lock holder",),
         needs="psql"),
    Case("postgres-table-lock", python("database.py", "table", "{scratch}"), ("database-lock",), ("postgres",),
         needs="psql"),
    Case("postgres-advisory-lock", python("database.py", "advisory", "{scratch}"), ("database-lock",),
         needs="psql"),
    Case("mariadb-row-lock", python("mariadb.py", "lock", "{scratch}"), ("database-lock",), ("lock holder",),
         needs="mariadbd"),
    Case("sqlite-writers", python("sqlite_writers.py", "{scratch}"), ("database-lock",)),
    Case("file-lock", python("file_lock.py", "{scratch}"), ("lock-contention",), ("orders.lock",)),
    Case("gil-two", python("gil_server.py", 2, 0.2, 0), ("lock-contention",), ("GIL",)),
    Case("gil-server", python("gil_server.py", 8, 0.05, 0.02), ("lock-contention",), ("GIL",)),
    Case("asyncio-starved", python("aio.py", "starved"), ("event-loop-blocked",), ("starved",)),
    Case("uvloop-sync-call", python("aio.py", "sync", "uvloop"), ("event-loop-blocked",), ("nanosleep",),
         needs="python:uvloop"),
    Case("to-thread-full", python("to_thread.py", 0.8, 24, 0.01), ("thread-pool-starvation",), ("nanosleep",)),
    Case("nested-pool", python("nested_pool.py", 4, 12), ("thread-pool-starvation", "hung-threads")),
    Case("unix-pool-slow-backend", compiled("pool", "{scratch}", 4, 500, 12, 5), ("thread-pool-starvation",),
         ("unix:",)),
    Case("redis-sleep", python("redis.py", "sleep", "{scratch}"), ("event-loop-blocked",), ("nanosleep",),
         needs="redis-server"),
    Case("redis-lua", python("redis.py", "lua", "{scratch}"), ("event-loop-blocked",), ("CPU-bound",),
         needs="redis-server"),
    Case("mono-sleep", python("mono.py", "sleep", "{scratch}"), ("thread-pool-starvation",), needs="mcs"),
    Case("mono-wait", python("mono.py", "wait", "{scratch}"), ("thread-pool-starvation",), needs="mcs"),
    Case("node-crypto", with_company(0, 5, 0.2, "node", PROGRAMS / "server.js", "crypto"),
         ("event-loop-blocked",), ("CPU-bound",), needs="node"),
    Case("node-fsync", with_company(0, 5, 0.1, "node", PROGRAMS / "server.js", "fs"),
         ("event-loop-blocked", "fsync-stall"), ("sync",), needs="node"),
    Case("node-fifo", with_company(0, 3, -1, "node", PROGRAMS / "server.js", "fifo"),
         ("thread-pool-starvation",), ("libuv",), needs="node"),
    Case("java-convoy", java("convoy"), ("lock-contention",), ("Kinds.report",), needs="java", settle=4),
    Case("java-deadlock", java("deadlock"), ("hung-threads",), ("monitor",), needs="java", settle=4),
    Case("java-deadlock-beside", java("deadlock-beside"), ("hung-threads",), ("Kinds.transfer", "Kinds.collect"),
         needs="java", settle=4),
    Case("http-lock", python("http_lock.py"), ("lock-contention",), ("lock 0x",)),
    Case("kept-connections", python("kept_connections.py"), ("thread-pool-starvation",), ("child",)),
    Case("java-connections", with_company(0.12, 0, 0, *java("connections")),
         ("connection-pool-exhaustion",), ("127.0.0.1",), needs="java", settle=4),
    Case("java-lock", with_company(0, -10, 0.03, *java("lock")), ("lock-contention",), ("lock holder",),
         needs="java", settle=4),
    Case("java-stamped-lock", java("stamped"), ("lock-contention",), ("lock holder",), needs="java", settle=4),
    Case("java-connections-server", with_company(0.12, -10, 0.02, *java("borrow")),
         ("connection-pool-exhaustion",), ("127.0.0.1",), needs="java", settle=4),
    Case("java-sleep", with_company(0, -12, 0.01, *java("sleep")),
         ("thread-pool-starvation", "blocking-sleep"), ("Kinds.slowly",), needs="java", settle=4),
    Case("java-nested", with_company(0, 12, -0.1, *java("nested")),
         ("thread-pool-starvation", "hung-threads"), ("FutureTask.get",), needs="java", settle=4),
    Case("java-delegated-to-own-pool", java("delegated"), ("thread-pool-starvation", "hung-threads"),
         ("FutureTask.get",), needs="java", settle=4),
    Case("java-common-pool", with_company(0, -12, 0.01, *java("common",
         "-Djava.util.concurrent.ForkJoinPool.common.parallelism=4")),
         ("thread-pool-starvation", "blocking-sleep"), needs="java", settle=4),
    Case("workers-sync-call", python("inherited.py", "workers"), ("event-loop-blocked",), ("nanosleep",)),
    Case("activated-sync-call", python("inherited.py", "activated"), ("event-loop-blocked",), ("nanosleep",)),
    Case("datagram-sync-call", python("inherited.py", "datagrams"), ("event-loop-blocked",), ("nanosleep",)),
    Case("unix-sync-call", python("inherited.py", "unix", "{scratch}"), ("event-loop-blocked",), ("nanosleep",)),
    Case("mutex-pair", compiled("locks", "pair"), ("lock-contention",), ("keep_long",)),
    Case("readers-before-writer", compiled("locks", "readers"), ("hung-threads", "lock-contention"), ("rwlock",)),
    Case("java-fair-lock", java("fair"), ("lock-contention",), ("ReentrantLock.lock",), needs="java", settle=4),
    Case("java-lock-kept", java("kept"), ("hung-threads",), ("ReentrantLock.lock",), needs="java", settle=4),
    Case("mariadb-idle-transaction", python("mariadb.py", "idle", "{scratch}"), ("database-lock",), ("handler::",),
         needs="mariadbd"),
    Case("lock-never-released", compiled("locks", "stuck"), ("hung-threads",), ("lock holder",)),
    Case("slow-device", compiled("disk", "direct", "{loop}", 1), ("disk-latency",), ("loop",), loop=True, iops=30),
    Case("dirty-limit", compiled("disk", "dirty", "{loop}"), ("dirty-throttling",), ("balance_dirty_pages",),
         loop=True, strict=True),
]

HEALTHY = [
    Case("idle-pool-64", python("idle_pool.py"), smoke=True),
    Case("idle-condition-64", compiled("locks", "idle")),
    Case("light-pool", python("light_pool.py")),
    Case("light-pool-server", python("pool_server.py", 8, 0.004, 4, 0.05)),
    Case("pool-server-with-room", python("pool_server.py", 16, 0.1, 4, 0.1)),
    Case("asyncio-idle", python("aio.py", "idle")),
    Case("asyncio-light", python("aio.py", "light"), smoke=True),
    Case("asyncio-busy", python("aio.py", "busy")),
    Case("thread-per-connection-idle", python("connections.py", 0)),
    Case("thread-per-connection-light", python("connections.py", 0.1)),
    Case("producer-consumer", python("producer_consumer.py")),
    Case("producer-consumer-c", compiled("locks", "queue")),
    Case("barrier", compiled("locks", "barrier")),
    Case("batch-job", python("batch.py"), smoke=True),
    Case("cpu-one-thread", compiled("hogs", 1)),
    Case("cpu-light", compiled("hogs", 4, 15)),
    Case("cron-sleeper", python("sleepers.py", 0)),
    Case("cron-sleepers", python("sleepers.py", 5), smoke=True),
    Case("message-consumers", python("consumers.py")),
    Case("acknowledged-pushes", python("pushes.py", "plain", 0.4)),
    Case("acknowledged-subscription", python("pushes.py", "subscribed", 0.25)),
    Case("leaking-pool-tight", python("leaking_pool.py", 6, 4, 8, 0.02, "tight")),
    Case("slow-readers-own-threads", python("slow_readers.py", 0, 6)),
    Case("process-pool", python("process_lock.py", "pool")),
    Case("system-v-queue", python("system_v.py", "queue")),
    Case("system-v-lock-light", python("system_v.py", "lock", 3, 0.002, 0.1)),
    Case("process-lock-light", python("process_lock.py", 3, 0.002, 0.1)),
    Case("fast-backend", python("backend_client.py", 4, 0.003, 0.05)),
    Case("direct-reads-light", compiled("disk", "direct", "{scratch}/data", 1, 20000), file=1 << 28),
    Case("address-space-light", compiled("kernel_locks", "map-light")),
    Case("appenders-light", compiled("kernel_locks", "append-light", "{scratch}/log")),
    Case("fsync-now-and-then", compiled("disk", "fsync", "{scratch}/log", 1, 500000)),
    Case("node-idle", with_company(0, 0, 1, "node", PROGRAMS / "server.js", "idle"), needs="node"),
    Case("node-light", with_company(0, 4, 0.1, "node", PROGRAMS / "server.js", "light"), needs="node"),
    Case("java-idle-pool-64", with_company(0, 0, 1, "java", PROGRAMS / "Server.java", 64), needs="java"),
    Case("java-light", with_company(0.003, 4, 0.1, "java", PROGRAMS / "Server.java", 8), needs="java"),
    Case("postgres-idle", python("database.py", "idle", "{scratch}"), needs="psql", target=("--comm", "postgres")),
    Case("mariadb-light", python("mariadb.py", "light", "{scratch}"), needs="mariadbd"),
    Case("housekeeping", python("housekeeping.py")),
    Case("compute-pool", python("compute_pool.py")),
    Case("copy", python("copy_file.py", "{scratch}/data"), file=1 << 30),
    Case("timetable-server", python("timetable_server.py")),
    Case("go-light", python("golang.py", "goserver", "{scratch}"), needs="go"),
    Case("to-thread-with-room", python("to_thread.py", 0.02, 4, 0.2)),
    Case("uvloop-light", python("aio.py", "light", "uvloop"), needs="python:uvloop"),
    Case("unix-pool-light", compiled("pool", "{scratch}", 4, 3, 4, 40)),
    Case("cpp-semaphore", compiled("pool", "semaphore")),
    Case("gil-light", python("gil_server.py", 4, 0.002, 0.05)),
    Case("redis-light", python("redis.py", "light", "{scratch}"), needs="redis-server"),
    Case("redis-idle", python("redis.py", "idle", "{scratch}"), needs="redis-server"),
    Case("nginx-light", python("nginx.py", "light", "{scratch}"), needs="nginx"),
    Case("nginx-idle", python("nginx.py", "idle", "{scratch}"), needs="nginx"),
    Case("mono-light", python("mono.py", "light", "{scratch}"), needs="mcs"),
    Case("mono-idle", python("mono.py", "idle", "{scratch}"), needs="mcs"),
    Case("node-workers", with_company(0, 2, 0.05, "node", PROGRAMS / "server.js", "worker"), needs="node"),
    Case("node-fifo-with-room", with_company(0, 3, -1, "node", PROGRAMS / "server.js", "fifo-room"), needs="node"),
    Case("java-queue", java("queue"), needs="java", settle=4),
    Case("java-timers", java("timers"), needs="java", settle=4),
    Case("queue-time-limit", python("job_queue.py", "limit")),
    Case("queue-short-limit", python("job_queue.py", "limit", 0.5)),
    Case("queue-jobs", python("job_queue.py", "jobs")),
    Case("queue-loop", python("job_queue.py", "loop")),
    Case("relay", python("relay.py")),
    Case("rust-workers", python("rust.py", "{scratch}", "workers"), needs="rustc"),
    Case("rust-idle", python("rust.py", "{scratch}", "idle"), needs="rustc"),
    Case("stopped-program", python("stopped_server.py", "nobody")),
    Case("python-waits", python("python_deadlock.py", "idle")),
    Case("select-loop-light", python("select_loop.py", "light")),
    Case("handed-requests-with-room", python("select_loop.py", "room")),
    Case("java-acceptors", with_company(0, -3, 0.1, *java("acceptors")), needs="java", settle=4),
    Case("timer-loop", python("lonely_loop.py", "timer")),
    Case("client-loop", python("lonely_loop.py", "client")),
    Case("editor-loop", python("lonely_loop.py", "editor")),
    Case("node-build", ("node", PROGRAMS / "build.js", "{scratch}"), needs="node"),
    Case("pollers-beside-server", python("beside_server.py", "poll")),
    Case("beats-beside-server", python("beside_server.py", "beat")),
    Case("mutexes-passed", compiled("locks", "pass")),
    Case("gate", compiled("locks", "gate")),
    Case("turns", compiled("locks", "turns")),
    Case("java-delegated-to-other-pool", (*java("delegated"), "other"), needs="java", settle=4),
    Case("java-bursts", java("bursts"), needs="java", settle=4),
    Case("java-barrier", java("barrier"), needs="java", settle=4),
    Case("java-limit", java("limit"), needs="java", settle=4),
    Case("java-chain", java("chain"), needs="java", settle=4),
    Case("java-borrow-with-room", with_company(0.02, -2, 0.05, *java("borrow")), needs="java", settle=4),
    Case("java-lock-light", with_company(0, -2, 0.5, *java("lock")), needs="java", settle=4),
    Case("quota-with-room", compiled("hogs", 1, 20), quota=1.5),
]

ALL = SICK + HEALTHY

# What can run side by side on two CPUs and one disk without making the others sick.
TOGETHER = ("asyncio-sync-call", "pool-slow-backend", "sleep-in-request", "backend-wait", "connection-pool",
            "mutex-convoy", "deadlock", "sqlite-lock", "cpu-quota",
            "idle-pool-64", "asyncio-light", "light-pool", "cron-sleepers", "message-consumers", "barrier",
            "unix-pool-light")
