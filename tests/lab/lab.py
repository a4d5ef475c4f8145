"""Runs sick and healthy programs for real, asks waitscope what is wrong, prints the confusion table.

lab.py [--smoke] [--duration 8s] [--keep FOLDER] [--record] [NAME...]
"""

import argparse
import contextlib
import json
import os
import pathlib
import select
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "kernel"))
import cases  # noqa: E402
import record  # noqa: E402
import waitscope  # noqa: E402

FOUND, NOTHING = 10, 0
ACTIONABLE = ("warning", "critical")
GROUP = f"waitscope-lab-{os.getpid()}"


class Cgroup:
    """A cgroup with limits: version 2 where it has the controllers, else version 1."""

    def __init__(self, case):
        self.folders = []
        for controller, files in self._wanted(case).items():
            folder = self._folder(controller)
            if folder is None:
                raise RuntimeError(f"no cgroup controller {controller}")
            folder.mkdir(exist_ok=True)
            if folder not in self.folders:
                self.folders.append(folder)
            for names, value in files:
                target = next(folder / name for name in names if (folder / name).exists())
                target.write_text(str(value))

    @staticmethod
    def _wanted(case):
        wanted = {}
        if case.quota:
            quota = int(case.quota * 100000)
            wanted["cpu"] = [(("cpu.cfs_quota_us", "cpu.max"), quota)]
        if case.memory:
            wanted["memory"] = [(("memory.limit_in_bytes", "memory.max"), case.memory)]
        if case.iops:
            device = os.stat(waitscope.SCRATCH).st_dev
            number = f"{os.major(device)}:{os.minor(device)}"
            wanted["blkio"] = [(("blkio.throttle.read_iops_device",), f"{number} {case.iops}")]
        if case.pids:
            wanted["pids"] = [(("pids.max",), case.pids)]
        return wanted

    @staticmethod
    def _folder(controller):
        for line in pathlib.Path("/proc/mounts").read_text().splitlines():
            _, point, kind, options, *_ = line.split()
            root = pathlib.Path(point)
            if kind == "cgroup" and controller in options.split(","):
                return root / GROUP
            if kind == "cgroup2" and controller in (root / "cgroup.controllers").read_text().split():
                with contextlib.suppress(OSError):
                    (root / "cgroup.subtree_control").write_text(f"+{controller}")
                return root / GROUP
        return None

    def enter(self):
        for folder in self.folders:
            (folder / "cgroup.procs").write_text(str(os.getpid()))

    def remove(self):
        for folder in self.folders:
            for _ in range(50):
                try:
                    folder.rmdir()
                    break
                except OSError:
                    time.sleep(0.1)


class LoopDevice:
    """A loop device above a file, where the case wants one."""

    def __init__(self, case, scratch):
        self.path = ""
        if not case.loop:
            return
        with (scratch / "loop").open("wb") as file:
            file.write(os.urandom(1 << 20) * 256)
        done = subprocess.run(["losetup", "--find", "--show", "--direct-io=on", scratch / "loop"], text=True,
                              stdout=subprocess.PIPE, check=False)
        self.path = done.stdout.strip()
        if not self.path:
            raise RuntimeError("no loop device")
        if case.strict:
            self._allow_little_unwritten()

    def _allow_little_unwritten(self):
        try:
            (self._info() / "strict_limit").write_text("1")
            (self._info() / "max_bytes").write_text(str(16 << 20))
        except OSError as error:
            self.remove()
            raise RuntimeError(f"no limit of its own for a device before Linux 6.2: {error}") from error

    def _info(self):
        return pathlib.Path(f"/sys/class/block/{pathlib.Path(self.path).name}/bdi")

    def remove(self):
        if not self.path:
            return
        if (self._info() / "strict_limit").exists():  # the next user of the device finds it as before
            (self._info() / "strict_limit").write_text("0")
            (self._info() / "max_ratio").write_text("100")
        subprocess.run(["losetup", "--detach", self.path], check=True)


class Program:
    """One program of the lab in a session of its own, from its readiness to its end."""

    def __init__(self, case, scratch):
        self.case = case
        self.device = LoopDevice(case, scratch)
        self.group = Cgroup(case)
        if case.file:
            self._make_file(scratch / "data", case.file)
        group = str(self.group.folders[0]) if self.group.folders else ""
        words = [str(w).format(bin=waitscope.BIN / "lab", scratch=scratch, group=group,
                               loop=self.device.path)
                 for w in case.command]
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, start_new_session=True,
                                        preexec_fn=None if case.pids else self.group.enter)
        self.pid = self._wait_until_ready()

    @staticmethod
    def _make_file(path, size):
        with path.open("wb") as file:
            for _ in range(size >> 20):
                file.write(os.urandom(1 << 20))
            file.flush()
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def _wait_until_ready(self):
        ready, _, _ = select.select([self.process.stdout], [], [], 60)
        line = self.process.stdout.readline() if ready else ""
        if not line.startswith("ready "):
            self.stop()
            raise RuntimeError(f"{self.case.name} is not ready: {line}{self.process.stderr.read()}")
        return int(line.split()[1])

    def stop(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.group.remove()
        self.device.remove()


def diagnose(agent, target, duration):
    done = waitscope.run("--timeout", "60s", "diagnose", *target, "--duration", duration,
                         "--output", "json", endpoint=agent.endpoint, timeout=120)
    return checked(done)


def checked(done):
    if done.returncode not in (FOUND, NOTHING):
        raise RuntimeError(f"diagnose exited with {done.returncode}: {done.stderr}")
    answer = json.loads(done.stdout)
    if (done.returncode == FOUND) != bool(answer["findings"]):
        raise RuntimeError("exit code and findings do not agree")
    return answer


def named_in(finding, words):
    text = json.dumps(finding)
    return not words or any(word in text for word in words)


def verdict(case, answer):
    """(word for the table, conditions told, whether it is right)."""
    told = [f for f in answer["findings"] if f["severity"] in ACTIONABLE]
    names = [f["condition"] for f in told]
    if not case.expect:
        return ("silent" if not told else "FALSE ALARM", names, not told)
    right = [f for f in told if f["condition"] in case.expect]
    if not right:
        return ("MISS" if not told else "WRONG NAME", names, False)
    if len(told) > len(right):
        return ("ALSO " + ",".join(n for n in names if n not in case.expect), names, False)
    if not named_in(right[0], case.culprit):
        return ("NO CULPRIT", names, False)
    return ("named", names, True)


def run_case(agent, case, duration, keep):
    with tempfile.TemporaryDirectory(prefix="waitscope-lab-", dir=waitscope.SCRATCH) as scratch:
        program = Program(case, pathlib.Path(scratch))
        try:
            time.sleep(case.settle)
            answer = diagnose(agent, case.target or ("--pid", program.pid), duration)
        finally:
            program.stop()
    if keep:
        (pathlib.Path(keep) / f"{case.name}.json").write_text(json.dumps(answer, indent=1))
    return verdict(case, answer)


def record_case(agent, case, duration):
    """As run_case, from a recording; one that is named right is kept."""
    with tempfile.TemporaryDirectory(prefix="waitscope-lab-", dir=waitscope.SCRATCH) as folder:
        scratch = pathlib.Path(folder)
        program = Program(case, scratch)
        try:
            time.sleep(case.settle)
            log, target = record.record(agent, case, program, duration, scratch)
        finally:
            program.stop()
        told = verdict(case, checked(waitscope.run("replay", log, "diagnose", *target, "--output",
                                                   "json")))
        kept = record.keep(case, log, target) if told[2] else "not kept"
    print(f"{case.name}: {kept}")
    return told


def chosen(arguments):
    some = [c for c in cases.ALL if c.smoke] if arguments.smoke else cases.ALL
    if arguments.names:
        some = [c for c in cases.ALL if any(name in c.name for name in arguments.names)]
    return [c for c in some if c.installed()]


def print_table(rows):
    print(f"\n{'PROGRAM':28} {'TRUTH':26} {'TOLD':34} VERDICT")
    for case, (word, names, _) in rows:
        truth = case.expect[0] if case.expect else "healthy"
        print(f"{case.name:28} {truth:26} {','.join(names) or '-':34} {word}")
    sick = [(c, r) for c, r in rows if c.expect]
    well = [(c, r) for c, r in rows if not c.expect]
    print(f"\nsick: {sum(r[2] for _, r in sick)} of {len(sick)} named right; "
          f"healthy: {sum(r[2] for _, r in well)} of {len(well)} left alone")


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="run the programs whose names hold one of these")
    parser.add_argument("--smoke", action="store_true", help="a short slice of the lab")
    parser.add_argument("--duration", default="8s")
    parser.add_argument("--keep", help="a folder for the answers")
    parser.add_argument("--record", action="store_true",
                        help="keep recordings for tests/diagnose instead of asking the agent")
    return parser.parse_args()


def main():
    arguments = parse()
    if arguments.keep:
        pathlib.Path(arguments.keep).mkdir(parents=True, exist_ok=True)
    rows = []
    with waitscope.Agent() as agent:
        for case in chosen(arguments):
            try:
                result = (record_case(agent, case, arguments.duration) if arguments.record else
                          run_case(agent, case, arguments.duration, arguments.keep))
            except RuntimeError as error:
                result = (f"NOT RUN: {str(error).strip().splitlines()[-1]}", [], False)
            print(f"{case.name}: {result[0]} {' '.join(result[1])}", flush=True)
            rows.append((case, result))
    print_table(rows)
    return 0 if all(result[2] for _, result in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
