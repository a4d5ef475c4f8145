"""Compares user stacks with other tools' on programs of the matrix that run and wait: frame for frame
with gdb, names with libbpfcc, depth with perf record --call-graph dwarf.

stack_check.py [gdb|names|depth]... [--program NAME]...
"""

import argparse
import collections
import json
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

import cases
import matrix
import waitscope

GDB_PROGRAM = pathlib.Path(__file__).with_name("gdb_stacks.py")
NAMES_CHECK = waitscope.BIN / "names_check"
PROGRAMS = ("c-gcc-O2", "c-gcc-O3", "c-clang-O2", "c++-gcc-O2", "rust-O", "python-threads", "redis",
            "nginx", "bash", "perl")
DEPTH_PROGRAMS = ("c-gcc-O2", "c++-gcc-O2", "rust-O")
NAMES_PROGRAMS = ("c++-gcc-O2", "python-threads", "redis", "node", "java-default")
SHELLS = [
    cases.Case("bash", ("bash", "-c", "while :; do sleep 0.01; done")),
    cases.Case("perl", ("perl", "-e", "sub down {{ my $n = shift; $n ? down($n - 1) : "
                        "select(undef, undef, undef, .005) }} down(5) while 1"), needs=("perl",)),
]
INTERPRETER = "_PyEval_EvalFrameDefault"
LOOKS = 4


def case_named(name):
    return next(case for case in [*cases.ALL, *SHELLS] if case.name == name)


class Running:
    """A program of the matrix, settled."""

    def __init__(self, name):
        self.case = case_named(name)
        self._scratch = tempfile.TemporaryDirectory(prefix="waitscope-check-", dir=waitscope.SCRATCH)

    def __enter__(self):
        out = pathlib.Path(self._scratch.name)
        out.chmod(0o777)
        self.program = matrix.Program(self.case, out)
        self.program.settle()
        return self.program

    def __exit__(self, *exception):
        self.program.stop()
        self._scratch.cleanup()


def gdb_stacks(pid):
    """{tid: (frames from the leaf on, whether it is in a system call)}, the process standing still."""
    done = subprocess.run(["gdb", "-nx", "-batch", "-p", str(pid), "-x", str(GDB_PROGRAM)],
                          capture_output=True, text=True, timeout=120, check=False)
    line = next((one for one in done.stdout.splitlines() if one.startswith("STACKS ")), None)
    if line is None:
        raise matrix.NotRun(f"gdb: {done.stderr[-300:]}")
    return {int(tid): stack for tid, stack in json.loads(line.removeprefix("STACKS ")).items()}


def our_stacks(agent, pid, length):
    """{tid: set of stacks as tuples of addresses}. The interpreter's calls have given way."""
    profile = waitscope.query("flame", "--kind", "off-cpu", "--all-frames", "--pid", pid, "--since",
                              f"{length:.3f}s", endpoint=agent.endpoint)
    found = collections.defaultdict(set)
    for sample in profile.get("samples", []):
        stack = profile["stacks"][waitscope.number(sample, "user_stack")]
        if not stack.get("frames") or stack.get("class") not in matrix.WHOLE:
            continue
        frames = [profile["frames"][frame] for frame in stack["frames"]]
        thread = profile["threads"][waitscope.number(sample, "thread")]
        found[waitscope.number(thread, "tid")].add(tuple(
            waitscope.number(frame, "address") for frame in frames
            if frame.get("module") != "[python]" and frame.get("symbol") != INTERPRETER))
    return found


def gdb_addresses(frames):
    """As ours are shown: what a signal interrupted one above, the interpreter's calls left out."""
    addresses = []
    for index, frame in enumerate(frames):
        if frame["name"] == INTERPRETER:
            continue
        interrupted = index > 0 and frames[index - 1]["signal"]
        addresses.append(frame["pc"] + interrupted)
    return tuple(addresses)


def difference(wanted, found):
    """Where the most alike of ours parts from gdb's, as text."""
    def alike(one):
        return sum(a == b for a, b in zip(reversed(one), reversed(wanted)))
    best = max(found, key=alike, default=())
    own = len(best) - alike(best)
    return (f"gdb {len(wanted)} frames, the nearest of our {len(found)} stacks {len(best)}, "
            f"{alike(best)} alike from the root; gdb {[hex(one) for one in wanted[:own + 1]]}, "
            f"ours {[hex(one) for one in best[:own + 1]]}")


def agree_with_gdb(agent, name):
    """(stacks of gdb's in system calls, those among ours, their frames, examples of others)."""
    total = same = frames = 0
    examples = []
    with Running(name) as program:
        begin = time.monotonic()
        time.sleep(2)
        looks = []
        for _ in range(LOOKS):
            looks.append(gdb_stacks(program.pid))
            time.sleep(0.3)
        ours = our_stacks(agent, program.pid, time.monotonic() - begin)
    for look in looks:
        for tid, stack in look.items():
            if not stack["in_call"] or tid not in ours:
                continue
            wanted = gdb_addresses(stack["frames"])
            total += 1
            frames += len(wanted)
            if wanted in ours[tid]:
                same += 1
            else:
                examples.append(f"{stack['frames'][0]['name']}: {difference(wanted, ours[tid])}")
    return total, same, frames, examples


def check_gdb(names):
    print(f"{'PROGRAM':18} {'GDB STACKS':>10} {'AMONG OURS':>10} {'FRAMES':>7}", flush=True)
    good = True
    with waitscope.Agent("--window", "60s") as agent:
        for name in names:
            if not case_named(name).installed():
                continue
            total, same, frames, examples = agree_with_gdb(agent, name)
            print(f"{name:18} {total:10} {same:10} {frames:7}", flush=True)
            for example in examples[:3]:
                print(f"    {example}")
            good = good and total > 0 and same >= 0.95 * total
    return good


def perf_depths(pid, folder, length):
    """{comm: depths of the user stacks at its switches}, unwound by perf itself."""
    data = folder / "perf.data"
    subprocess.run(["perf", "record", "-q", "-e", "sched:sched_switch", "--call-graph", "dwarf,16384",
                    "-p", str(pid), "-o", str(data), "--", "sleep", str(length)],
                   capture_output=True, timeout=120, check=True)
    done = subprocess.run(["perf", "script", "--no-inline", "-i", str(data), "-F", "comm,tid,ip"],
                          capture_output=True, text=True, timeout=300, check=True)
    depths = collections.defaultdict(list)
    for block in done.stdout.split("\n\n"):
        head, *lines = [line.strip() for line in block.strip().splitlines()] or [""]
        comm = re.sub(r"\s+\d+\s*$", "", head)
        user = [line for line in lines if not line.startswith("ffff")]
        if comm and user:
            depths[comm].append(len(user))
    return depths


def our_depths(agent, pid, length):
    profile = waitscope.query("flame", "--kind", "off-cpu", "--all-frames", "--pid", pid, "--since",
                              f"{length:.3f}s", endpoint=agent.endpoint)
    depths = collections.defaultdict(list)
    for sample in profile.get("samples", []):
        if sample["class"] in matrix.STATES or sample.get("open"):
            continue
        frames = profile["stacks"][waitscope.number(sample, "user_stack")].get("frames", [])
        comm = profile["threads"][waitscope.number(sample, "thread")]["comm"]
        if frames:
            depths[comm] += [len(frames)] * max(1, waitscope.number(sample, "count"))
    return depths


def check_depth(names):
    print(f"{'PROGRAM':14} {'THREAD':12} {'OURS':>6} {'PERF':>6}  (medians; perf copies 16 KiB of each stack)")
    good = True
    with waitscope.Agent("--window", "60s") as agent:
        for name in names:
            with Running(name) as program:
                begin = time.monotonic()
                theirs = perf_depths(program.pid, program.out, 2)
                ours = our_depths(agent, program.pid, time.monotonic() - begin)
            for comm in sorted(set(ours) & set(theirs)):
                mine, perf = statistics.median(ours[comm]), statistics.median(theirs[comm])
                print(f"{name:14} {comm:12} {mine:6.0f} {perf:6.0f}", flush=True)
                good = good and mine >= perf
    return good


def check_names(names):
    if not NAMES_CHECK.exists():
        sys.exit("stack_check: names_check is not built: it needs libbpfcc-dev")
    columns = ("same", "alias", "only_ours", "only_theirs", "neither", "different")
    print(f"{'PROGRAM':16} " + " ".join(f"{column:>11}" for column in columns) +
          f" {'NAMES/s':>10} {'bcc':>10} {'FIRST ms':>9} {'bcc':>7}", flush=True)
    good = True
    for name in names:
        if not case_named(name).installed():
            continue
        with Running(name) as program:
            done = subprocess.run([NAMES_CHECK, str(program.pid)], capture_output=True, text=True,
                                  timeout=300, check=True)
        row = json.loads(done.stdout)
        print(f"{name:16} " + " ".join(f"{row[column]:11}" for column in columns) +
              f" {row['addresses'] / row['ours_again_s']:10,.0f}"
              f" {row['addresses'] / row['theirs_again_s']:10,.0f}"
              f" {1e3 * row['ours_first_s']:9.1f} {1e3 * row['theirs_first_s']:7.1f}", flush=True)
        print(done.stderr, end="")
        named = row["same"] + row["alias"] + row["different"] + row["only_theirs"]
        good = good and row["same"] + row["alias"] >= 0.99 * named
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checks", nargs="*", default=[], help="gdb, names or depth; all without any")
    parser.add_argument("--program", action="append", help="of the matrix; more than once for more")
    arguments = parser.parse_args()
    checks = {"gdb": (check_gdb, PROGRAMS), "names": (check_names, NAMES_PROGRAMS),
              "depth": (check_depth, DEPTH_PROGRAMS)}
    results = [checks[name][0](arguments.program or checks[name][1])
               for name in arguments.checks or checks]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
