"""Runs real programs, asks waitscope where their time off the processor went, and prints how much
of it has stacks that are whole, and whether those show the functions they must.

matrix.py [--smoke] [--seconds S] [--keep FOLDER] [NAME...]
"""

import argparse
import collections
import contextlib
import dataclasses
import functools
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

import cases
import waitscope

WHOLE = ("exact", "exec", "late", "late-live")
GUESSED = "heuristic"
COLUMNS = ("exact", "exec", "late", "late-live", "heuristic", "truncated", "lost", "none")
# Of the time in a chain's waits, without the chain, in stacks that are told to be whole.
MOST_FALSE = 0.001
# Of all the time, without a stack: of threads that begin, end, or still wait.
MOST_NONE = {True: 0.15, False: 0.02}
STATES = ("woken", "preempted", "running")


class NotRun(RuntimeError):
    pass


class Program:
    """A case's program, and its company, in sessions of their own."""

    def __init__(self, case, out):
        self.case = case
        self.out = out
        self._log = (out / "log").open("w+")
        if case.build and subprocess.run(self._words(case.build), cwd=out, stdout=self._log,
                                         stderr=self._log, check=False).returncode != 0:
            raise NotRun(f"not built: {self.said()}")
        self.begin = time.monotonic()
        self.process = self._start(case.command)
        self.pid = self.process.pid
        self._all = [self.process]

    def _words(self, command):
        return [word.format(out=self.out, pid=getattr(self, "pid", 0)) for word in command]

    def _start(self, command):
        process = subprocess.Popen(self._words(command), cwd=self.out, stdin=subprocess.PIPE,
                                   stdout=self._log, stderr=self._log, start_new_session=True)
        with contextlib.suppress(BrokenPipeError):  # some begin when a line is read
            process.stdin.write(b"\n")
            process.stdin.flush()
        return process

    def said(self):
        self._log.seek(0)
        return " ".join(self._log.read().split()[-40:])

    def settle(self):
        if self.case.company:
            self._all.append(self._start(self.case.company))
        time.sleep(self.case.settle)
        if self.case.prepare:
            subprocess.run(self._words(self.case.prepare), stdout=self._log, stderr=self._log,
                           timeout=60, check=False)

    def run(self, seconds=None):
        """To where it is to be asked about. Returns for how long it has been measured."""
        self.settle()
        if self.case.ends:
            if self.process.wait(300) != 0:
                raise NotRun(self.said())
            return time.monotonic() - self.begin + waitscope.MARGIN_SECONDS
        begin = time.monotonic()
        time.sleep(seconds or self.case.seconds)
        if self.process.poll() is not None:
            raise NotRun(f"ended by itself: {self.said()}")
        return time.monotonic() - begin

    def stop(self):
        for process in self._all:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        self._log.close()


def family(answer, pid):
    """The process and all that descend from it, of an answer about threads."""
    made = collections.defaultdict(set)
    for thread in answer["threads"]:
        creator = waitscope.number(thread.get("creator", {}), "pid")
        made[creator].add(waitscope.number(thread, "pid"))
    found, new = set(), {pid}
    while new:
        found |= new
        new = set().union(*(made[one] for one in new)) - found
    return found


@dataclasses.dataclass
class Wait:
    """One sample, with what its user stack says."""
    ns: int
    thread: dict
    call: str
    blocked: bool
    trust: str
    reason: str
    names: tuple


def waits_of(profile, pids):
    frames = [frame.get("symbol", "") for frame in profile["frames"]]
    for sample in profile.get("samples", []):
        thread = profile["threads"][waitscope.number(sample, "thread")]
        if waitscope.number(thread, "pid") not in pids or sample["class"] == "running":
            continue
        stack = profile["stacks"][waitscope.number(sample, "user_stack")]
        trust = stack.get("class") or "none"
        if trust == "none" and sample.get("open"):
            continue  # not read, and so in no account
        yield Wait(waitscope.number(sample, "ns"), thread, sample.get("syscall", ""),
                   sample["class"] not in STATES, trust, stack.get("truncated", ""),
                   tuple(frames[frame] for frame in stack.get("frames", [])))


@functools.lru_cache(maxsize=None)
def names_function(symbol, wanted):
    """Whether a symbol, with whatever a compiler or a run time adds, is that function's."""
    return re.search(rf"(?<![\w<]){re.escape(wanted)}(?!\w)", symbol) is not None or symbol == wanted


@functools.lru_cache(maxsize=None)
def shows(names, wanted):
    left = iter(names)
    return all(any(names_function(name, one) for name in left) for one in wanted)


def belongs(wait, chain):
    if not wait.blocked or wait.thread.get("comm") != chain.comm or wait.call not in chain.call:
        return False
    if wait.trust == "none":
        return False  # in an account of its own
    if chain.main and wait.thread.get("pid") != wait.thread.get("tid"):
        return False
    return not chain.within or any(names_function(name, chain.within) for name in wait.names)


@dataclasses.dataclass
class Result:
    times: collections.Counter
    in_order: float = 1.0       # the worst chain's
    false_whole: float = 0.0
    faults: tuple = ()

    @property
    def total(self):
        return max(1, sum(self.times.values()) - self.times["none"])

    def share(self, *classes):
        return sum(self.times[one] for one in classes) / self.total


def judge_chain(chain, case, waits, result, faults):
    mine = [wait for wait in waits if belongs(wait, chain)]
    total = sum(wait.ns for wait in mine)
    if not total:
        faults.append(f"{chain.comm}: no wait in {'/'.join(chain.call)}")
        result.in_order = 0
        return
    without = [wait for wait in mine if not shows(wait.names, chain.functions)]
    in_order = 1 - sum(wait.ns for wait in without) / total
    false_whole = sum(wait.ns for wait in without if wait.trust in WHOLE) / total
    result.in_order = min(result.in_order, in_order)
    result.false_whole = max(result.false_whole, false_whole)
    if in_order < case.in_order or (case.in_order and false_whole > MOST_FALSE):
        longest = max(without, key=lambda wait: wait.ns)
        faults.append(f"{chain.comm}: {in_order:.2%} in order; {longest.trust}: "
                      f"{' < '.join(name[:60] or '?' for name in longest.names)}")
    elif false_whole > MOST_FALSE:
        faults.append(f"{chain.comm}: {false_whole:.2%} told to be whole without its functions")


def judge(case, waits):
    result = Result(collections.Counter())
    for wait in waits:
        result.times[wait.trust] += wait.ns
    faults = []
    for chain in case.chains:
        judge_chain(chain, case, waits, result, faults)
    if result.share(*WHOLE) < case.whole:
        faults.append(f"whole {result.share(*WHOLE):.3%}, not {case.whole:.1%}")
    if result.share(*WHOLE, GUESSED) < case.rooted:
        faults.append(f"rooted {result.share(*WHOLE, GUESSED):.3%}, not {case.rooted:.1%}")
    if result.times["none"] > MOST_NONE[case.ends] * result.total:
        faults.append(f"without a stack: {result.times['none'] / 1e9:.3f} s")
    result.faults = tuple(faults)
    return result


def why_truncated(waits):
    """The time of truncated stacks by reason and innermost function."""
    times = collections.Counter()
    for wait in waits:
        if wait.trust in ("truncated", "lost"):
            names = [name for name in wait.names if name] or ["?"]
            times[wait.thread.get("comm"), wait.reason or "lost", names[0][:40], names[-1][:40]] += wait.ns
    return [(f"{ns / 1e6:.1f} ms", *key) for key, ns in times.most_common(4)]


def run_case(agent, case, keep, seconds):
    with tempfile.TemporaryDirectory(prefix="waitscope-matrix-", dir=waitscope.SCRATCH) as scratch:
        out = pathlib.Path(scratch)
        out.chmod(0o777)
        program = Program(case, out)
        try:
            since = program.run(seconds)
            life = time.monotonic() - program.begin + waitscope.MARGIN_SECONDS
            threads = waitscope.query("threads", "--since", f"{life:.3f}s", endpoint=agent.endpoint)
            profile = waitscope.query("flame", "--kind", "off-cpu", "--all-frames", "--since",
                                      f"{since:.3f}s", endpoint=agent.endpoint)
        finally:
            program.stop()
    if keep:
        (pathlib.Path(keep) / f"{case.name}.json").write_text(json.dumps(profile))
    waits = list(waits_of(profile, family(threads, program.pid)))
    return judge(case, waits), why_truncated(waits)


def print_head():
    print(f"{'PROGRAM':22} {'OFF-CPU s':>9} " + " ".join(f"{word:>9}" for word in COLUMNS) +
          f" {'WHOLE':>8} {'ROOTED':>8} {'IN ORDER':>8} {'FALSE':>7}", flush=True)


def print_row(case, result):
    times = " ".join(f"{result.times[word] / 1e9:9.3f}" if result.times[word] else " " * 8 + "-"
                     for word in COLUMNS)
    chain = f"{result.in_order:8.2%} {result.false_whole:7.2%}" if case.chains else ""
    print(f"{case.name:22} {sum(result.times.values()) / 1e9:9.3f} {times} "
          f"{result.share(*WHOLE):8.3%} {result.share(*WHOLE, GUESSED):8.3%} {chain}", flush=True)


def chosen(arguments):
    some = [c for c in cases.ALL if c.smoke] if arguments.smoke else cases.ALL
    if arguments.names:
        some = [c for c in cases.ALL if any(name in c.name for name in arguments.names)]
    for case in some:
        if not case.installed():
            print(f"{case.name}: needs {' and '.join(case.needs)}")
    return [c for c in some if c.installed()]


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="run the programs whose names hold one of these")
    parser.add_argument("--smoke", action="store_true", help="a short slice of the matrix")
    parser.add_argument("--seconds", type=float, help="how long to measure each program")
    parser.add_argument("--keep", help="a folder for the answers")
    return parser.parse_args()


def main():
    arguments = parse()
    if arguments.keep:
        pathlib.Path(arguments.keep).mkdir(parents=True, exist_ok=True)
    failed = []
    # Few windows: a wait that is open at a window's end is cut, and its stack read from outside.
    with waitscope.Agent("--window", "60s") as agent:
        print_head()
        for case in chosen(arguments):
            try:
                result, truncated = run_case(agent, case, arguments.keep, arguments.seconds)
                print_row(case, result)
                faults = result.faults
            except NotRun as error:
                faults, truncated = (f"not run: {error}",), []
            for line in [*(faults and (f"FAULT {fault}" for fault in faults)), *truncated]:
                print(f"    {line}", flush=True)
            failed += [case.name] if faults else []
    print(f"\nfailed: {', '.join(failed) or 'none'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
