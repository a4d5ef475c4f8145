"""Judges the serial console of one guest: whether every scenario answered, and rightly."""

import dataclasses
import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tests" / "kernel"))
import ledger_checks  # noqa: E402  (the same checks judge the running kernel)

BLOCK = re.compile(r"^@@BEGIN (\S+)\n(.*?)^@@END \1 (-?\d+)$", re.M | re.S)
BOOT = re.compile(r"^@@BOOT (\S+) (\S+)$", re.M)
# The wall clock's time of day, and the monotonic clock, at one moment.
CLOCK = re.compile(r"^@@CLOCK (\S+) (\S+)$", re.M)
DONE = re.compile(r"^@@DONE blocks=(\d+) uptime=(\S+)$", re.M)
KERNEL_TROUBLE = re.compile(r"BUG:|WARNING:|Oops|soft lockup|blocked for more than|rcu.*stall")
# The losses of docs/definitions.md that take from totals. The others cost details only.
TOTALS_LOSSES = {"no-ledger", "ledger-create", "ledger-torn", "exit-detail", "request-untracked",
                 "recursion", "device-table"}
DEVICE = "nvme0n1"
TICK_NS = 10_000_000  # of /proc/stat
# Both emulated CPUs share one thread: a waking that must tell the other CPU waits for its turn.
TURN_NS = 150_000
# The way of a thread from its last stamp to its last switch, 12 us on a real machine.
DEATH_NS = 500_000
# An interrupt or a preemption that falls into a program may cost the events it would have seen, and
# an emulated program lasts a hundred times as long as a real one: so many in a thousand switches are
# forgiven. A request whose issue or completion was skipped so is untracked.
MISSED_PER_THOUSAND = 3
FORGIVEN_LOSSES = {"recursion", "request-untracked"}
# What a request may take less than its program waited for it beyond its own processor time: the
# way down to the driver and, after the interrupt, up to the waking.
REQUEST_SHARE_LEAST = 0.90
# Of the time in waits. A wait that an interrupt or a preemption hid from a program has no stack.
STACKS_WHOLE_LEAST = 0.95
# Emulated, the tables of a program that has just begun are there after a second or so. Until then
# its stacks say this, and at least so much of its waiting comes after.
TABLE_AWAITED = "no unwind information for an address"
STACKS_AFTER_TABLES_LEAST = 0.3
# Since when a kernel can tell of unread requests, and for how long the scenario leaves each unread.
UNREAD_SINCE = (5, 11)
UNREAD_NS = 50_000_000
HISTOGRAM_ERROR = 0.0625
# Of the time on a CPU that has just come: the agent looks for one four times a second.
SAMPLED_SHARE_LEAST = 0.5


@dataclasses.dataclass
class Scenario:
    name: str
    truths: list = dataclasses.field(default_factory=list)
    views: list = dataclasses.field(default_factory=list)


def scenarios():
    """What the guest runs, from the file its init sources."""
    found = []
    for row in (HERE / "scenarios").read_text().splitlines():
        verb, *words = row.split() or [""]
        if verb == "begin":
            found.append(Scenario(words[0]))
        elif verb in ("start", "measure"):
            found[-1].truths.append(words[0])
        if verb in ("ask", "watch"):
            found[-1].views.append(words[0])
        elif verb == "measure":
            found[-1].views.append("threads")
    return found


@dataclasses.dataclass
class Verdict:
    checks: int = 0
    problems: list = dataclasses.field(default_factory=list)
    boot_seconds: str = "?"
    guest_seconds: str = "?"
    threads: int = 0
    worst_residual: float = 0.0

    def add(self, problems):
        self.checks += 1
        self.problems += problems


def seconds_of_day(time):
    hours, minutes, seconds = time.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


class Missing(Exception):
    """An answer that did not come, or is none."""


class Console:
    """The blocks of one guest by name."""

    def __init__(self, text):
        text = text.replace("\r", "")
        self.blocks = {name: (body, int(code)) for name, body, code in BLOCK.findall(text)}
        self.boot = BOOT.search(text)
        self.done = DONE.search(text)
        clock = CLOCK.search(text)
        self.clock_offset = seconds_of_day(clock[1]) - float(clock[2]) if clock else 0.0

    def text(self, name):
        if name not in self.blocks:
            raise Missing(f"{name}: no answer")
        body, code = self.blocks[name]
        if code != 0:
            said = self.blocks.get(name + ".stderr", ("", 0))[0].strip() or body.strip()
            raise Missing(f"{name}: exit code {code}: {said[-400:]}")
        return body

    def json(self, name):
        body = self.text(name)
        try:
            return json.loads(body)
        except json.JSONDecodeError as error:
            raise Missing(f"{name}: not JSON ({error})") from None


def check_whole(console):
    if console.boot is None:
        return ["the guest never reached its first line"]
    if console.done is None:
        return ["the guest did not finish: no closing count on the console"]
    if int(console.done[1]) != len(console.blocks):
        return [f"the guest printed {console.done[1]} blocks, {len(console.blocks)} arrived"]
    return []


def check_exit(console, name):
    console.text(name)
    return []


def check_kernel_log(console):
    lines = console.text("kernel.warnings").splitlines()
    return [f"kernel log: {line}" for line in lines if KERNEL_TROUBLE.search(line)]


def check_records(console):
    """The scenarios bear thousands of threads: their records must have gone with them."""
    records, threads = map(int, console.text("records").split())
    return [f"{records} records of {threads} threads"] if records > threads + 200 else []


def check_leftovers(console):
    names = sorted(program.get("name", "?") for program in console.json("leftovers"))
    return [f"BPF programs left behind: {' '.join(names)}"] if names else []


def check_losses(console, name):
    """Totals are folded in the kernel: nothing that takes from them may be lost."""
    answer = console.json(name)
    switches = sum(ledger_checks.number(row, f"switches_{kind}") for row in answer["threads"]
                   for kind in ("voluntary", "involuntary"))
    forgiven = MISSED_PER_THOUSAND * switches / 1000
    return [f"{name}: {loss['count']} lost: {loss['reason']} ({loss.get('meaning', '')})"
            for loss in answer["header"].get("losses", []) if loss["reason"] in TOTALS_LOSSES
            and int(loss["count"]) > (forgiven if loss["reason"] in FORGIVEN_LOSSES else 0)]


def check_conservation(console, name, verdict):
    rows = console.json(name).get("threads", [])
    shares = [abs(ledger_checks.number(row, "residual_ns")) / ledger_checks.number(row, "wall_ns")
              for row in rows if ledger_checks.number(row, "wall_ns")]
    verdict.threads += len(rows)
    verdict.worst_residual = max([verdict.worst_residual, *shares])
    if not rows:
        return [f"{name}: no thread in the answer"]
    return [f"{name}: {problem}" for row in rows
            for problem in ledger_checks.check_conservation(row)]


def check_bracket(console, scenario, truth):
    """Without it a difference would be the harness's fault and look like the agent's."""
    header = console.json(f"{scenario}.threads")["header"]
    program = console.json(f"{scenario}.{truth}.truth")
    time_of_day = header["begin"].rstrip("Z").split("T")[1]
    begin = (seconds_of_day(time_of_day) - console.clock_offset) % 86400
    end = begin + float(header["duration"].rstrip("s"))
    if begin <= program["begin_ns"] / 1e9 and program["end_ns"] / 1e9 <= end:
        return []
    return [f"{scenario}.{truth}: ran from {program['begin_ns'] / 1e9:.2f} to "
            f"{program['end_ns'] / 1e9:.2f} s, outside the window from {begin:.2f} to {end:.2f} s: "
            f"the machine is too busy to judge it"]


def wait_ns(console):
    """By how much the kernel's account of a wait and ours may part here. The kernel stamps a waking
    after our program on it, and a switch before: their average cost, by the kernel's own clock."""
    average = {program.get("name", ""): program["run_time_ns"] / program["run_cnt"]
               for program in console.json("programs") if program.get("run_cnt")}
    switch = average.get("sched_switch") or average["sched_switch_v5_10"]
    return average["sched_waking"] + 2 * switch + TURN_NS


def interrupts_ns(console, scenario):
    """Time in interrupts, of all CPUs: the kernel leaves it out of a thread's processor time
    (CONFIG_IRQ_TIME_ACCOUNTING), the ledger charges it to the thread it fell on."""
    before, after = ([int(ticks) for ticks in row.split()[6:8]]
                     for row in console.text(f"{scenario}.processors").split("\n")[:2])
    return (sum(after) - sum(before)) * TICK_NS


def with_emulation(console, scenario, truth):
    """The truth of a program, with what the emulation may take from a thread as stolen time."""
    waits = max(thread["voluntary"] + thread["involuntary"] for thread in truth["threads"])
    taken = (waits * wait_ns(console) + truth.get("born", 0) * DEATH_NS
             + interrupts_ns(console, scenario))
    return {**truth, "steal_ns": truth["steal_ns"] + int(taken)}


def check_truth(console, scenario, truth):
    outside = check_bracket(console, scenario, truth)
    if outside:
        return outside
    judge_one = check_blocked_throughout if truth == "long_block" else ledger_checks.check
    own = with_emulation(console, scenario, console.json(f"{scenario}.{truth}.truth"))
    problems = judge_one(own, console.json(f"{scenario}.threads"))
    return [f"{scenario}.{truth}: {problem}" for problem in problems]


def check_blocked_throughout(truth, answer):
    """Threads that blocked before the window began, and left the wait inside it."""
    rows = {ledger_checks.number(row, "tid"): row for row in answer.get("threads", [])}
    problems = []
    for thread in truth["threads"]:
        row = rows.get(thread["tid"], {})
        piped, wall = ledger_checks.waits_of(row).get("pipe", 0), ledger_checks.number(row, "wall_ns")
        awake = thread["cpu_ns"] + thread["run_delay_ns"]
        if not wall or wall - piped > ledger_checks.slack_ns(truth, thread, wall) + awake:
            problems.append(f"{thread['role']} {thread['tid']}: pipe is {piped / 1e6:.3f} ms of a "
                            f"wall time of {wall / 1e6:.3f} ms, but it was awake for "
                            f"{awake / 1e6:.3f} ms")
    return problems


def check_io(console, scenario):
    """Requests and their time at the device, against the program's own count and clock."""
    truth = console.json(f"{scenario}.direct_reads.truth")
    view = console.json(f"{scenario}.io")
    device = next((d for d in view.get("devices", []) if d["name"] == DEVICE), None)
    if device is None:
        return [f"{scenario}.io: no device {DEVICE}"]
    reads = [thread["ops"]["read"] for thread in truth["threads"]]
    count, most = sum(op["count"] for op in reads), sum(op["ns"] for op in reads)
    busy = sum(thread["cpu_ns"] + thread["run_delay_ns"] for thread in truth["threads"])
    requests = ledger_checks.number(device["read"], "requests")
    spent = sum(ledger_checks.number(device["read"], part) for part in ("queue_ns", "device_ns"))
    problems = [] if requests == count else [f"{requests} reads, the program made {count}"]
    if not REQUEST_SHARE_LEAST * (most - busy) <= spent <= most:
        problems.append(f"the reads took {spent / 1e6:.1f} ms, the program waited between "
                        f"{(most - busy) / 1e6:.1f} and {most / 1e6:.1f} ms for them")
    return [f"{scenario}.io: {problem}" for problem in problems]


def check_calls(console, scenario):
    """The sleeps of known length, by the entry and the exit of their system call."""
    truth = console.json(f"{scenario}.sleeps.truth")
    calls = [row for row in console.json(f"{scenario}.syscalls").get("syscalls", [])
             if row["name"] == "clock_nanosleep" and ledger_checks.number(row, "pid") == truth["pid"]]
    if len(calls) != 1:
        return [f"{scenario}.syscalls: {len(calls)} rows of clock_nanosleep, not one"]
    asked, count = truth["length_ns"], ledger_checks.number(calls[0], "count")
    slept = [thread["ops"]["sleep"] for thread in truth["threads"]]
    most = sum(op["ns"] for op in slept) / sum(op["count"] for op in slept)
    mean = ledger_checks.number(calls[0], "total_ns") / max(1, count)
    if count and asked <= mean <= 1.2 * most:
        return []
    return [f"{scenario}.syscalls: {count} calls of clock_nanosleep of {mean / 1e6:.3f} ms, the "
            f"program slept for {asked / 1e6:.3f} to {most / 1e6:.3f} ms"]


def check_stacks(console, scenario):
    """Every chain of calls from its wait to `work`, where the kernel gives whole user stacks; the
    kernel's own frames, by name, everywhere."""
    profile = console.json(f"{scenario}.flame")
    whole = re.search(r"^ *yes +whole user stacks ", console.text("check"), re.M)
    problems = []
    if re.search(r"^ *no +kernel symbols ", console.text("check"), re.M):
        problems.append("--check says that the kernel hides its symbols")
    for thread in console.json(f"{scenario}.nested_waits.truth")["threads"]:
        stacks = stacks_of(profile, thread["role"])
        if not any("do_syscall_64" in kernel for _, kernel, _, _ in stacks):
            problems.append(f"{thread['role']}: no kernel stack that begins with a system call")
        good = sum(ns for user, _, ns, _ in stacks if user.count("work") == 1)
        total = sum(ns for _, _, ns, _ in stacks)
        after = sum(ns for _, _, ns, truncated in stacks if truncated != TABLE_AWAITED)
        if whole and (good < STACKS_WHOLE_LEAST * after
                      or after < STACKS_AFTER_TABLES_LEAST * total):
            problems.append(f"{thread['role']}: {good / 1e6:.1f} of {total / 1e6:.1f} ms have stacks "
                            "that reach the thread's function")
    return [f"{scenario}.flame: {problem}" for problem in problems]


def check_sampled(console, scenario):
    """What a program computed, from the samples of its CPU, which came after the agent."""
    profile, truth = console.json(f"{scenario}.flame"), console.json(f"{scenario}.hogs.truth")
    number = ledger_checks.number
    tids = {thread["tid"] for thread in truth["threads"]}
    sampled = sum(number(sample, "ns") for sample in profile.get("samples", [])
                  if number(profile["threads"][number(sample, "thread")], "tid") in tids)
    ran = sum(thread["cpu_ns"] for thread in truth["threads"])
    if sampled >= SAMPLED_SHARE_LEAST * ran:
        return []
    return [f"{scenario}.flame: {sampled / 1e6:.0f} ms of samples of a program that ran for "
            f"{ran / 1e6:.0f} ms"]


def check_flame(console, scenario):
    check = check_stacks if "nested_waits" in scenario.truths else check_sampled
    return check(console, scenario.name)


def stacks_of(profile, comm):
    """[(functions of the user stack, functions of the kernel stack, ns, why the user stack is cut)]
    of a thread's waits."""
    def names(stack):
        frames = profile["stacks"][stack].get("frames", [])
        return [profile["frames"][frame].get("symbol", "?") for frame in frames]

    number = ledger_checks.number
    return [(names(number(sample, "user_stack")), names(number(sample, "kernel_stack")),
             number(sample, "ns"),
             profile["stacks"][number(sample, "user_stack")].get("truncated", ""))
            for sample in profile.get("samples", [])
            if profile["threads"][number(sample, "thread")]["comm"] == comm
            and sample["class"] not in ("woken", "preempted")]


def check_unread(console, scenario):
    """How long requests lay unread, within the histogram's error; or that the kernel cannot tell."""
    release = tuple(int(part) for part in re.findall(r"\d+", console.boot[1])[:2])
    known = re.search(r"^ *yes +unread requests ", console.text("check"), re.M) is not None
    if known != (release >= UNREAD_SINCE):
        return [f"--check says that unread requests are {'known' if known else 'unknown'}"]
    pools = [pool for pool in console.json(f"{scenario}.pools").get("pools", [])
             if pool["comm"] == "unread_requests"]
    ages = [ledger_checks.number(port["age"], "p50_ns") for pool in pools
            for port in pool.get("unread", [])]
    if not pools or bool(ages) != known:
        return [f"{scenario}.pools: {len(pools)} pools, ages {ages}"]
    return [f"{scenario}.pools: a median of {age / 1e6:.1f} ms" for age in ages
            if not (1 - HISTOGRAM_ERROR) * UNREAD_NS <= age <= 2 * UNREAD_NS]


def checks_of(scenario, console, verdict):
    """Every check of a scenario, as functions without arguments."""
    name = scenario.name
    if "threads" in scenario.views:
        yield lambda: check_losses(console, f"{name}.threads")
        yield lambda: check_conservation(console, f"{name}.threads", verdict)
        for truth in scenario.truths:
            yield lambda truth=truth: check_truth(console, name, truth)
    for view, check in (("io", check_io), ("syscalls", check_calls), ("pools", check_unread)):
        if view in scenario.views:
            yield lambda check=check: check(console, name)
    if "flame" in scenario.views:
        yield lambda: check_flame(console, scenario)


def all_checks(console, verdict):
    for name in ("check", "status", "agent"):
        yield lambda name=name: check_exit(console, name)
    yield lambda: check_records(console)
    yield lambda: check_leftovers(console)
    yield lambda: check_kernel_log(console)
    for scenario in scenarios():
        yield from checks_of(scenario, console, verdict)


def judge(text):
    console = Console(text)
    verdict = Verdict()
    verdict.add(check_whole(console))
    if console.boot is None:
        return verdict
    verdict.boot_seconds = console.boot[2]
    verdict.guest_seconds = console.done[2] if console.done else "?"
    for run in all_checks(console, verdict):
        try:
            verdict.add(run())
        except Missing as missing:
            verdict.add([str(missing)])
        except (KeyError, StopIteration, TypeError, ValueError) as error:
            verdict.add([f"an answer has not the shape it should have: {error!r}"])
    verdict.problems = list(dict.fromkeys(verdict.problems))
    return verdict


if __name__ == "__main__":
    found = judge(pathlib.Path(sys.argv[1]).read_text(errors="replace"))
    print(*found.problems, f"{found.checks} checks, {len(found.problems)} problems", sep="\n")
    sys.exit(1 if found.problems else 0)
