"""A diagnosis now, and one of a recording of the same seconds, say the same."""

import json
import pathlib
import select
import subprocess
import sys
import tempfile
import time
import unittest

import waitscope

LAB = pathlib.Path(__file__).resolve().parents[1] / "lab" / "programs"
SECONDS = 6
FOUND = 10
# The two begin and end within this of each other: each is a client that has to start.
APART_NS = 300_000_000


def told(answer):
    """What the findings say but for numbers: whom, what, where, what to do."""
    return {(f["condition"], f["process"]["pid"], f["severity"], f["advice"],
             tuple(sorted(t["tid"] for t in f["threads"])),
             tuple((e["kind"], e.get("object", ""), tuple(e.get("frames", [])))
                   for e in f["evidence"] if e["kind"] in ("stack", "wait_object", "peer")))
            for f in answer["findings"]}


def stalled_ns(answer):
    return [waitscope.number(f["impact"], "stalled_ns") for f in answer["findings"]]


class Replay(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.agent = waitscope.Agent()
        cls.agent.__enter__()
        cls.addClassCleanup(cls.agent.__exit__)

    def start(self, program, *arguments):
        """The pid of a program of the lab that is ready."""
        process = subprocess.Popen([sys.executable, str(LAB / program), *map(str, arguments)],
                                   text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   start_new_session=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(lambda: subprocess.run(["kill", "--", f"-{process.pid}"], check=False))
        ready, _, _ = select.select([process.stdout], [], [], 30)
        self.assertTrue(ready, f"{program} is not ready")
        time.sleep(1)
        return int(process.stdout.readline().split()[1])

    def diagnose_twice(self, pid):
        """Live, and from a recording of the process made at the same time."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        log = f"{folder.name}/x.wslog"
        length = f"{SECONDS}s"
        recording = waitscope.Pending("record", "--pid", pid, "--syscalls", "--duration", length,
                                      "-o", log, endpoint=self.agent.endpoint, timeout=60)
        live = waitscope.run(*waitscope.PATIENCE, "diagnose", "--pid", pid, "--duration", length,
                             "--output", "json", endpoint=self.agent.endpoint)
        recording.text()
        replayed = waitscope.run("replay", log, "diagnose", "--pid", pid, "--output", "json")
        self.assertEqual((live.returncode, replayed.returncode), (FOUND, FOUND),
                         live.stderr + replayed.stderr)
        return json.loads(live.stdout), json.loads(replayed.stdout)

    def require_agreement(self, pid):
        """Returns what both say of unread requests."""
        live, replayed = self.diagnose_twice(pid)
        self.assertEqual(told(live), told(replayed))
        for now, then in zip(stalled_ns(live), stalled_ns(replayed)):
            self.assertLessEqual(abs(now - then), 2 * APART_NS + 0.05 * now)
        return [waitscope.number(f["impact"], "unread_request_age_p99_ns")
                for answer in (live, replayed) for f in answer["findings"]]

    def test_a_blocked_event_loop(self):
        ages = self.require_agreement(self.start("aio.py", "sync"))
        if waitscope.is_present(self.agent, "unread requests"):
            self.assertGreater(min(ages), 0)
            self.assertLessEqual(max(ages), 1.25 * min(ages))

    def test_sleeps_in_requests(self):
        self.require_agreement(self.start("sleep_server.py", 0.15))


if __name__ == "__main__":
    unittest.main()
