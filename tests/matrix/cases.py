"""What the matrix runs: real programs, the functions their stacks must show, and how much of the
time off the processor must have whole stacks."""

import dataclasses
import pathlib
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "kernel"))
import test_python  # noqa: E402
import test_stacks  # noqa: E402

PROGRAMS = HERE / "programs"
WORKLOADS = HERE.parent / "workloads"
NATIVE = 0.999
OTHERS = 0.995


@dataclasses.dataclass(frozen=True)
class Chain:
    """Functions from the leaf to the root, in order; others may stand between."""
    comm: str               # of the thread
    call: tuple             # system calls it waits in, in this way
    functions: tuple
    main: bool = False      # only of the process's first thread
    within: str = ""        # counts only waits below this function


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    command: tuple          # words; {out} is a folder of its own, where it also runs
    build: tuple = ()       # words of a command that makes it there
    needs: tuple = ()       # programs that must be installed
    chains: tuple = ()
    whole: float = OTHERS   # least share of the time in stacks that are whole
    rooted: float = OTHERS  # the same, with those that a guess took to a root
    in_order: float = 0.99  # least share of the time at a chain's waits that shows the chain
    prepare: tuple = ()     # a command after it has settled; {pid} is the program's
    company: tuple = ()     # a command that runs beside it and is not measured
    settle: float = 1.0     # seconds from its start to where measuring begins; 0: all is measured
    seconds: float = 4.0
    ends: bool = False      # by itself, and is measured to its end
    smoke: bool = False     # part of the short slice

    def installed(self):
        return all(shutil.which(program) for program in self.needs)


SLEEP = ("nanosleep", "clock_nanosleep")
FUTEX = ("futex",)
EPOLL = ("epoll_wait", "epoll_pwait")


def c_chains():
    """Those of nested_waits, by thread."""
    calls = {"futex": FUTEX, "read": ("read",)}
    return tuple(
        Chain(comm, calls.get(comm, SLEEP),
              tuple(name for name in names if name not in test_stacks.NAMELESS))
        for comm, names in test_stacks.CHAINS.items())


def c_program(name, compiler, *flags, smoke=False):
    sources = (str(WORKLOADS / "nested_waits.c"), str(WORKLOADS / "truth.c"))
    return Case(name, ("{out}/waits", "--seconds", "600"),
                build=(compiler, *flags, "-fomit-frame-pointer", "-pthread", "-I", str(WORKLOADS),
                       *sources, "-o", "waits"),
                needs=(compiler,), chains=c_chains(), whole=NATIVE, smoke=smoke)


# By thread.
THROWING = {
    "destructor": ("Guard", "holds_guard", "wait_in_destructor"),
    "nested": ("BusyGuard", "holds_busy_guard", "wait_in_nested_handler"),
    "handler": ("wait_in_handler",),
    "rethrow": ("wait_after_rethrow",),
    "function": ("Wait", "wait_through_function"),
    "terminate": ("on_terminate", "__cxa_throw", "throws", "must_not_throw", "wait_in_terminate"),
}


# clang++ ends a noexcept function by a call of its own, g++ from within the throw.
CLANG_THROWING = THROWING | {
    "terminate": ("on_terminate", "__clang_call_terminate", "must_not_throw", "wait_in_terminate"),
}


def cxx_chains(compiler):
    throwing = CLANG_THROWING if compiler == "clang++" else THROWING
    return (*(Chain(comm, SLEEP, ("sleep_here", *names, "RunForever")) for comm, names in throwing.items()),
            Chain("condition", FUTEX, ("wait_on_condition", "RunForever")))


def cxx_program(name, compiler, *flags, smoke=False):
    return Case(name, ("{out}/waits",),
                build=(compiler, *flags, "-std=c++20", "-fomit-frame-pointer", "-pthread",
                       str(PROGRAMS / "waits.cc"), "-o", "waits"),
                needs=(compiler,), chains=cxx_chains(compiler), whole=NATIVE, smoke=smoke)


RUST = (
    Chain("drop", SLEEP, ("sleep_here", "drop", "holds_guard", "wait_in_drop")),
    Chain("trait", SLEEP, ("sleep_here", *["wait"] * 21, "wait_behind_trait")),
    Chain("channel", FUTEX, ("wait_on_channel",)),
    Chain("condition", FUTEX, ("wait_on_condition",)),
)

GO = (
    Chain("sleeper", SLEEP, ("syscall.Nanosleep", "main.sleepHere", *["main.descend"] * 21,
                             "main.recursion.wait", "main.repeat")),
    Chain("reader", ("read",), ("main.waitInRead", "main.pipe.wait", "main.repeat")),
    Chain("deep", SLEEP, ("main.sleepHere", *["main.descend"] * 151, "main.repeat")),
)

HARDENED = ("-O2", "-D_FORTIFY_SOURCE=2", "-fstack-protector-strong", "-fstack-clash-protection",
            "-fcf-protection=full")

NATIVE_CASES = [
    c_program("c-gcc-O2", "gcc", "-O2"),
    c_program("c-gcc-O3", "gcc", "-O3", smoke=True),
    c_program("c-gcc-hardened", "gcc", *HARDENED),
    c_program("c-gcc-realigned", "gcc", "-O2", "-mstackrealign"),
    c_program("c-gcc-static", "gcc", "-O2", "-static"),
    c_program("c-clang-O2", "clang", "-O2", smoke=True),
    c_program("c-clang-O3", "clang", "-O3"),
    cxx_program("c++-gcc-O2", "g++", "-O2", smoke=True),
    cxx_program("c++-gcc-O3", "g++", "-O3"),
    cxx_program("c++-clang-O2", "clang++", "-O2"),
    cxx_program("c++-gcc-static", "g++", "-O2", "-static"),
    Case("rust-O", ("{out}/waits",), build=("rustc", "-O", str(PROGRAMS / "waits.rs")),
         # The libraries of the compiler, which has just run, are large: their tables come first.
         needs=("rustc",), chains=RUST, whole=NATIVE, settle=6),
    Case("go", ("{out}/waits",), build=("go", "build", "-o", "waits", str(PROGRAMS / "waits.go")),
         needs=("go",), chains=GO),
    Case("go-stripped", ("{out}/waits",), needs=("go",), chains=GO,
         build=("go", "build", "-ldflags=-s -w", "-o", "waits", str(PROGRAMS / "waits.go"))),
    # With the C compiler's linker, whose own code comes before Go's.
    Case("go-pie-stripped", ("{out}/waits",), needs=("go", "gcc"), chains=GO,
         build=("go", "build", "-buildmode=pie", "-ldflags=-s -w -linkmode=external", "-o", "waits",
                str(PROGRAMS / "waits.go"))),
]


def python_chains():
    calls = {"locker": FUTEX, "getter": FUTEX}
    return tuple(Chain(comm, calls.get(comm, SLEEP), tuple(names))
                 for comm, (_, names) in test_python.CHAINS.items())


ASYNC = ("BaseEventLoop._run_once", "BaseEventLoop.run_forever", "BaseEventLoop.run_until_complete",
         "Runner.run", "run", "run")

PYTHON_CASES = [
    Case("python-threads", ("/usr/bin/python3", str(test_python.PROGRAM), "600"),
         chains=python_chains(), smoke=True),
    Case("python-asyncio", ("/usr/bin/python3", str(PROGRAMS / "aio.py")), chains=(
        Chain("poller", EPOLL, ("EpollSelector.select", *ASYNC, "main", "<module>")),
        Chain("blocker", SLEEP, ("sleep_here", "handler", "blocks", "Handle._run", *ASYNC,
                                 "Thread.run", "Thread._bootstrap"))), smoke=True),
]


# By frame marks that V8 sets itself. A thread that was stopped while it computed is a guess.
def node(name, *flags, program="waits.js", **more):
    return Case(name, ("node", *flags, str(PROGRAMS / program)), needs=("node",), settle=3, **more)


NAMED = ("--perf-basic-prof", "--interpreted-frames-native-stack")


def script(*functions):
    return (Chain("node", FUTEX, ("sleepHere", *functions), within="WaitJs32"),)


# V8 inlines the outermost calls into their caller.
INLINED = script(*["descend"] * 9)
DESCENT = script(*["descend"] * 11, "turn")
THROUGH = script("generates", "Made", "gets", "compares", "revives", "replaces", "applies", "runs",
                 "turn")
METHODS = tuple(Chain(comm, FUTEX, (leaf, *["Waits.descend"] * 11, "Waits.repeat", "java.lang.Thread.run"),
                      within=leaf)
                for comm, leaf in (("sleeper", "java.lang.Thread.sleep"),
                                   ("parker", "java.util.concurrent.locks.LockSupport.parkNanos"),
                                   ("monitor", "java.lang.Object.wait")))
COMPILED = ("-Xcomp", "-XX:CompileCommand=quiet", "-XX:CompileCommand=compileonly,Waits.*",
            "-XX:CompileCommand=dontinline,Waits.*")


# HotSpot knows how large the frames of its code are, and what was inlined there: with any flags.
def java(name, *flags, **more):
    return Case(name, ("java", "-Xshare:auto", "-XX:+UseSerialGC", *flags, "-cp", "{out}", "Waits"),
                build=("javac", "-d", ".", str(PROGRAMS / "Waits.java")), needs=("java", "javac"),
                settle=5, chains=METHODS, **more)


# Mono's frames have none either, and its map of names is written in blocks: the last are missing.
def mono(name, *flags):
    return Case(name, ("mono", *flags, "{out}/waits.exe"), needs=("mono", "mcs"), whole=0.4,
                build=("mcs", "-out:waits.exe", str(PROGRAMS / "Waits.cs")), settle=2,
                chains=(Chain("sleeper", (*FUTEX, *SLEEP),
                              ("SleepHere", *["Descend"] * 21, "Repeat")),), in_order=0)


RUNTIME_CASES = [
    node("node"),
    node("node-named", *NAMED, chains=INLINED),
    node("node-not-inlined", *NAMED, "--no-turbo-inlining", chains=DESCENT),
    node("node-interpreted", *NAMED, "--no-opt", "--no-sparkplug", chains=DESCENT),
    node("node-baseline", *NAMED, "--always-sparkplug", "--no-opt", chains=DESCENT),
    node("node-optimized", *NAMED, "--always-turbofan", "--no-turbo-inlining", chains=DESCENT),
    node("node-through", *NAMED, "--no-turbo-inlining", program="through.js", chains=THROUGH),
    java("java-default", smoke=True),
    java("java-interpreted", "-Xint"),
    java("java-compiled", *COMPILED),
    java("java-frame-pointers", "-XX:+PreserveFramePointer", *COMPILED),
    mono("mono"),
    mono("mono-jitmap", "--jitmap"),
]

CLIENT = ("/usr/bin/python3", str(PROGRAMS / "client.py"))

SERVER_CASES = [
    Case("redis", ("redis-server", "--port", "0", "--unixsocket", "{out}/redis.sock", "--dir",
                   "{out}", "--appendonly", "yes", "--appendfsync", "always"),
         needs=("redis-server",), company=(*CLIENT, "{out}/redis.sock", "set key value\\r\\n"),
         # Its event loop's own functions are inlined into nameless ones.
         chains=(Chain("redis-server", EPOLL, ("aeMain", "main")),
                 Chain("redis-server", ("fdatasync",), ("fdatasync", "flushAppendOnlyFile",
                                                        "beforeSleep", "aeMain", "main"), within="aeMain"))),
    Case("nginx", ("nginx", "-p", "{out}", "-c", str(PROGRAMS / "nginx.conf")), needs=("nginx",),
         company=(*CLIENT, "{out}/http.sock", "GET / HTTP/1.1\\r\\nHost: here\\r\\n\\r\\n"),
         chains=(Chain("nginx", EPOLL, ("ngx_process_events_and_timers", "ngx_spawn_process",
                                        "ngx_master_process_cycle", "main")),)),
    Case("postgres", ("runuser", "-u", "postgres", "--", str(PROGRAMS / "postgres.sh"), "{out}"),
         needs=("runuser", "psql"), settle=8,
         chains=(Chain("postgres", EPOLL, ("WaitEventSetWait", "PostmasterMain", "main")),)),
]

SHORT_CASES = [
    Case("storm", (str(PROGRAMS / "storm.sh"), "40"), settle=0, ends=True, smoke=True),
    Case("g++-build", ("g++", "-O2", "-std=c++20", "-pthread", str(PROGRAMS / "waits.cc"), "-o",
                       "waits"), needs=("g++",), settle=0, ends=True, smoke=True),
]

ALL = NATIVE_CASES + PYTHON_CASES + RUNTIME_CASES + SERVER_CASES + SHORT_CASES
