"""Real processes over real sockets: what the end-to-end tests share."""

import contextlib
import os
import pathlib
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "kernel"))
import waitscope  # noqa: E402  (needs the path above)

# As `waitscope --help` and `waitscoped --help` document them.
FAILURE, USAGE, NO_PRIVILEGE, NO_AGENT, NOTHING_MATCHED, BAD_FILE = 1, 2, 3, 4, 5, 6
AGENT_KERNEL, AGENT_IN_USE = 4, 5


class EndToEnd(unittest.TestCase):
    def assert_fails(self, done, code, *words):
        """A documented exit code, and a sentence for a person instead of a stack trace."""
        said = f"exit code {done.returncode}\nstdout: {done.stdout}\nstderr: {done.stderr}"
        self.assertEqual(done.returncode, code, said)
        self.assertTrue(done.stderr.strip(), f"it said nothing: {said}")
        for noise in ("Sanitizer", "terminate called", "Check failed", "core dumped"):
            self.assertNotIn(noise, done.stderr)
        for word in words:
            self.assertIn(str(word).lower(), done.stderr.lower(), said)

    def assert_works(self, done):
        self.assertEqual(done.returncode, 0, f"stdout: {done.stdout}\nstderr: {done.stderr}")
        return done.stdout

    def shared_agent(self, *flags):
        agent = waitscope.Agent(*flags)
        agent.__enter__()
        self.addCleanup(agent.__exit__)
        return agent


@contextlib.contextmanager
def environment(**variables):
    """For the processes that are started within."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def run_agent(*flags, prefix=(), timeout=30):
    """A waitscoped that is expected to end by itself."""
    return subprocess.run([*prefix, str(waitscope.BIN / "waitscoped"), *map(str, flags)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=timeout, check=False)


def bpf_ids(pid):
    """The ids of the programs and maps a living process holds, from its descriptors."""
    programs, maps = set(), set()
    for entry in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir():
        try:
            for line in entry.read_text().splitlines():
                key, _, value = line.partition(":")
                if key == "prog_id":
                    programs.add(int(value))
                elif key == "map_id":
                    maps.add(int(value))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return programs, maps


def still_loaded(kind, ids, within=3.0):
    """Which of the ids the kernel still has, after giving it time to free them."""
    deadline = time.monotonic() + within
    while True:
        left = {i for i in ids if subprocess.run(
            ["bpftool", kind, "show", "id", str(i)], capture_output=True,
            check=False).returncode == 0}
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.1)


def agents_of(parent):
    """Living waitscoped processes that descend from `parent` (zombies do not count)."""
    found = []
    for status in pathlib.Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines()
                          if ":\t" in line)
        except (FileNotFoundError, ProcessLookupError):
            continue
        if fields["Name"].startswith("waitscoped") and int(fields["PPid"]) == parent \
                and not fields["State"].startswith("Z"):
            found.append(int(fields["Pid"]))
    return found


def wait_until(condition, timeout=10.0):
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def unused_pid():
    highest = int(pathlib.Path("/proc/sys/kernel/pid_max").read_text())
    return next(pid for pid in range(highest - 1, 1, -1) if not os.path.exists(f"/proc/{pid}"))
