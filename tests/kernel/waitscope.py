"""The one place that knows how to start waitscope, and the workloads, and how to read answers."""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("WAITSCOPE_BIN", ROOT / "build" / "dev" / "bin"))
WORKLOADS = pathlib.Path(os.environ.get("WAITSCOPE_WORKLOADS", BIN / "workloads"))
# The files the disk workloads read must be on a disk, so not on a tmpfs.
SCRATCH = os.environ.get("WAITSCOPE_SCRATCH", "/var/tmp")

# From starting a rival, or a client that measures from now on, to the moment it surely measures: a
# sanitized build needs about half of that on a busy machine.
LEAD_SECONDS = 1.5
# Below the 10 s that gRPC would wait for its poller.
STOP_TIMEOUT = 9
START_TIMEOUT = 60
# From asking for the last so many seconds to the agent's counting them back, on a busy machine.
MARGIN_SECONDS = 3.0
# A machine that is busy with builds delays answers; only tests of silence care how long.
PATIENCE = ("--timeout", "60s")


def number(message, field):
    """An integer of a canonical JSON message: 64-bit ones are strings, zeros are left out."""
    return int(message.get(field, 0))


def seconds(text):
    """A protobuf duration: "10.000s"."""
    return float(text.removesuffix("s"))


def unix_ns(text):
    """A protobuf timestamp as nanoseconds of the epoch, to the microsecond."""
    from datetime import datetime

    whole, _, fraction = text.removesuffix("Z").partition(".")
    base = int(datetime.fromisoformat(whole + "+00:00").timestamp())
    return base * 10**9 + int((fraction or "0").ljust(9, "0"))


def monotonic_to_unix_ns(monotonic_ns):
    return monotonic_ns + time.time_ns() - time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def header(answer):
    return answer.get("header", {})


def window_seconds(answer):
    return seconds(header(answer)["duration"])


def threads_by_tid(answer):
    return {number(thread, "tid"): thread for thread in answer.get("threads", [])}


def process(answer, pid):
    return next((p for p in answer.get("processes", []) if number(p, "pid") == pid), None)


def losses(answer):
    return {loss["reason"]: number(loss, "count") for loss in header(answer).get("losses", [])}


def command(*arguments, endpoint=None):
    at = ["--endpoint", endpoint] if endpoint else []
    return [str(BIN / "waitscope"), *at, *map(str, arguments)]


def run(*arguments, endpoint=None, timeout=60, **options):
    """One client to its end, as (exit code, stdout, stderr)."""
    return subprocess.run(command(*arguments, endpoint=endpoint), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=timeout, check=False, **options)


def query(*arguments, endpoint=None, timeout=120):
    """One view as JSON. A failing client is an error that shows what it said."""
    done = run(*PATIENCE, *arguments, "--output", "json", endpoint=endpoint, timeout=timeout)
    if done.returncode != 0:
        raise AssertionError(f"waitscope {' '.join(map(str, arguments))} exited with "
                             f"{done.returncode}:\n{done.stderr}")
    return json.loads(done.stdout)


class Pending:
    """A view that is being measured in the background."""

    def __init__(self, *arguments, endpoint, timeout):
        self._timeout = timeout
        self._process = subprocess.Popen(command(*PATIENCE, *arguments, endpoint=endpoint),
                                         text=True, stdin=subprocess.DEVNULL,
                                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def text(self):
        try:
            stdout, stderr = self._process.communicate(timeout=self._timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        if self._process.returncode != 0:
            raise AssertionError(f"waitscope exited with {self._process.returncode}:\n{stderr}")
        return stdout

    def answer(self):
        return json.loads(self.text())


class Agent:
    """A waitscoped of our own on a socket of our own; leaves nothing behind. A session of its own
    gives it its own share of the processor (autogroup), as a service has."""

    def __init__(self, *flags, listen=None):
        self.directory = tempfile.mkdtemp(prefix="waitscope-test-")
        self.endpoint = listen or f"unix:{self.directory}/agent.sock"
        self.log = pathlib.Path(self.directory) / "agent.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [str(BIN / "waitscoped"), "--exit-with-parent", "--listen", self.endpoint,
                 *(() if "--window" in flags else ("--window", "1s")), *map(str, flags)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                start_new_session=True)

    def wait_until_ready(self):
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"waitscoped exited with {self.process.returncode}:\n"
                                     f"{self.log.read_text()}")
            if run("status", endpoint=self.endpoint).returncode == 0:
                return self
            time.sleep(0.2)
        raise AssertionError(f"waitscoped does not answer:\n{self.log.read_text()}")

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError(
                    f"waitscoped did not end within {STOP_TIMEOUT} s of SIGTERM") from None
        return self.process.returncode

    def __enter__(self):
        try:
            return self.wait_until_ready()
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise

    def __exit__(self, *exception):
        try:
            self.stop()
        finally:
            shutil.rmtree(self.directory, ignore_errors=True)


class Workload:
    """A truth program, held at its gate until `release`. A session of its own keeps a thousand busy
    threads from starving this harness (autogroup)."""

    def __init__(self, name, *knobs, seconds=5, hold=False, environment=None):
        self.seconds = seconds
        self._directory = tempfile.TemporaryDirectory(prefix="waitscope-work-", dir=SCRATCH)
        self._process = subprocess.Popen(
            [str(WORKLOADS / name), "--gate", *(["--hold"] if hold else []), "--seconds",
             str(seconds), *map(str, knobs)],
            env=os.environ | (environment or {}), cwd=self._directory.name, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, start_new_session=True)
        self.pid = self._process.pid
        ready = self._process.stderr.readline()
        if not ready.startswith("ready "):
            raise AssertionError(f"{name} is not ready: {ready}{self._process.stderr.read()}")

    def release(self):
        self._process.stdin.write("g")
        self._process.stdin.flush()

    def truth(self):
        """What it says it did; waits for it."""
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(f"no truth: {self._process.stderr.read()}")
        return json.loads(line)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.terminate()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._process.stderr.close()
        self._directory.cleanup()


def is_present(agent, capability):
    """Whether the running kernel gives it, as the agent says."""
    rows = query("status", endpoint=agent.endpoint)["capabilities"]
    return any(row["name"] == capability and row.get("present", False) for row in rows)


def observe_from_now(agent, name, *knobs, seconds, view):
    """Runs a workload wholly inside a view of the time to come, for what is watched only while
    somebody asks. Returns its truth and the view's answer."""
    with Workload(name, *knobs, seconds=seconds, hold=True) as workload:
        pending = Pending(view, "--pid", workload.pid, "--duration",
                          f"{seconds + 2 * LEAD_SECONDS}s", "--output", "json",
                          endpoint=agent.endpoint, timeout=120)
        time.sleep(LEAD_SECONDS)
        workload.release()
        truth = workload.truth()
        answer = pending.answer()
    require_bracket(truth, answer)
    return truth, answer


def observe(agent, workload, *view, targeted=True):
    """Runs the workload wholly inside one window. Returns its truth and the view's answer."""
    return observe_all(workload, [(agent, view or ("threads",))], targeted=targeted)


def observe_all(workload, views, targeted=True, beside=()):
    """The same for several views, each an (agent, arguments) pair, over the same stretch of time:
    the agents keep short windows, and the question comes after the workload's end, so that however
    slow the machine is, the answer holds all of it.
    `beside` are functions that start a rival when given that stretch's length in seconds."""
    begin = time.monotonic()
    target = ["--pid", workload.pid] if targeted else []
    length = workload.seconds + 2 * LEAD_SECONDS
    for start in beside:
        start(length)
    if beside:
        time.sleep(LEAD_SECONDS)
    workload.release()
    truth = workload.truth()
    if beside:
        time.sleep(max(0, begin + length - time.monotonic()))
    answers = [query(*view, *target, "--since",
                     f"{time.monotonic() - begin + MARGIN_SECONDS:.3f}s", endpoint=agent.endpoint)
               for agent, view in views]
    for answer in answers:
        require_bracket(truth, answer)
    return truth, *answers


def require_bracket(truth, answer):
    """Without it a difference would be the harness's fault and look like waitscope's."""
    begin = unix_ns(header(answer)["begin"])
    end = begin + int(window_seconds(answer) * 1e9)
    if monotonic_to_unix_ns(truth["begin_ns"]) < begin:
        raise AssertionError("the workload began before the answer's time")
    if monotonic_to_unix_ns(truth["end_ns"]) > end:
        raise AssertionError("the workload ended after the answer's time")
