"""Python functions stand in user stacks by name, file and line, in order, in the place of the
interpreter's own functions."""

import json
import os
import pathlib
import subprocess
import tempfile
import time
import unittest

import waitscope

# Of any version from 3.11 to 3.13; Debian 12 has 3.11.
PYTHON = os.environ.get("WAITSCOPE_PYTHON", "/usr/bin/python3")
PROGRAM = pathlib.Path(__file__).with_name("python_threads.py")
INTERPRETER = "_PyEval_EvalFrameDefault"
LEAST = 0.99

THREAD = ["main.<locals>.run", "Thread.run", "Thread._bootstrap_inner", "Thread._bootstrap"]
LOOP = ["BaseEventLoop._run_once", "BaseEventLoop.run_forever", "BaseEventLoop.run_until_complete",
        "Runner.run", "run", "looper"]

# By thread: the classes of its waits, and the functions from the leaf to the root, in order; others
# may stand between.
CHAINS = {
    "sleeper": ("sleep", ["sleep_here", "repeat", "sleeper", *THREAD]),
    "nester": ("sleep", ["sleep_here", *["inner"] * 4, "Handler.step", "Handler.handle", "repeat",
                         "nester", *THREAD]),
    "locker": ("lock", ["wait_on_lock", "locker.<locals>.<lambda>", "repeat", "locker", *THREAD]),
    "getter": ("lock", ["Condition.wait", "Queue.get", "wait_on_queue",
                        "getter.<locals>.<lambda>", "repeat", "getter", *THREAD]),
    "generator": ("sleep", ["sleep_here", "generate", "generator.<locals>.<lambda>", "repeat",
                            "generator", *THREAD]),
    # A coroutine that runs is on its thread's stack.
    "looper": ("sleep", ["blocking_handler", "serve", "Handle._run", *LOOP, *THREAD]),
}


class PythonWorkload:
    """As waitscope.Workload is for the programs in C."""

    def __init__(self, seconds):
        self.seconds = seconds
        self._process = subprocess.Popen([PYTHON, str(PROGRAM), str(seconds)], text=True,
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=subprocess.PIPE, start_new_session=True)
        self.pid = self._process.pid
        if self._process.stderr.readline() != "ready\n":
            raise AssertionError(self._process.stderr.read())

    def release(self):
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def truth(self):
        return json.loads(self._process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._process.kill()
        self._process.communicate()


def frames_of(profile, sample):
    """The frames of a sample's user stack, leaf first."""
    stack = profile["stacks"][waitscope.number(sample, "user_stack")]
    return [profile["frames"][frame] for frame in stack.get("frames", [])]


def names_of(profile, sample):
    return [frame.get("symbol", "?") for frame in frames_of(profile, sample)]


def contains_in_order(wanted, names):
    left = iter(names)
    return all(name in left for name in wanted)


def waits_of(profile, comm, wait_class=None):
    threads = profile["threads"]
    return [s for s in profile.get("samples", [])
            if threads[waitscope.number(s, "thread")]["comm"] == comm and not s.get("open") and
            (s["class"] == wait_class if wait_class else s["class"] not in ("woken", "preempted"))]


def share(samples, holds):
    total = sum(waitscope.number(s, "ns") for s in samples)
    return sum(waitscope.number(s, "ns") for s in samples if holds(s)) / max(1, total)


def line_of(text):
    lines = PROGRAM.read_text(encoding="utf-8").splitlines()
    return next(i for i, line in enumerate(lines, 1) if text in line)


class Python(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.agent = waitscope.Agent("--window", "60s")
        cls.agent.__enter__()
        cls.addClassCleanup(cls.agent.__exit__)
        with PythonWorkload(seconds=4) as workload:
            cls.truth, cls.profile = waitscope.observe(cls.agent, workload, "flame", "--kind",
                                                       "off-cpu")

    def test_every_chain_is_in_order(self):
        for comm, (wait_class, chain) in CHAINS.items():
            samples = waits_of(self.profile, comm, wait_class)
            with self.subTest(comm):
                self.assertGreater(len(samples), 0)
                in_order = share(samples, lambda s, chain=chain: contains_in_order(
                    chain, names_of(self.profile, s)))
                longest = max((names_of(self.profile, s) for s in samples), key=len)
                self.assertGreaterEqual(in_order, LEAST, longest)

    def test_all_of_the_time_off_the_processor_has_its_function(self):
        for comm in CHAINS:
            samples = waits_of(self.profile, comm)
            with self.subTest(comm):
                named = share(samples, lambda s, comm=comm: comm in names_of(self.profile, s))
                others = [names_of(self.profile, s) for s in samples
                          if comm not in names_of(self.profile, s)]
                self.assertGreaterEqual(named, LEAST, others[:4])

    def test_no_call_of_the_interpreter_is_left(self):
        samples = [s for comm in CHAINS for s in waits_of(self.profile, comm)]
        left = share(samples, lambda s: INTERPRETER in names_of(self.profile, s))
        self.assertLess(left, 1 - LEAST)

    def test_frames_have_file_and_line(self):
        wanted = ("sleep_here", str(PROGRAM), line_of("time.sleep(LENGTH)"))
        samples = waits_of(self.profile, "sleeper", "sleep")
        placed = share(samples, lambda s: wanted in [
            (f.get("symbol"), f.get("file"), f.get("line")) for f in frames_of(self.profile, s)])
        self.assertGreaterEqual(placed, LEAST)

    def test_a_recursion_too_deep_says_so(self):
        samples = waits_of(self.profile, "deep", "sleep")
        self.assertGreater(len(samples), 0)
        marked = share(samples, lambda s: "[python frames missing: more than 128 frames]"
                       in names_of(self.profile, s))
        self.assertGreaterEqual(marked, LEAST, names_of(self.profile, samples[0]))

    def test_folded_stacks_show_the_source(self):
        since = f"{time.monotonic() - self.truth['begin_ns'] / 1e9 + 3:.3f}s"
        done = waitscope.run("flame", "--output", "folded", "--since", since, "--comm", "sleeper",
                             endpoint=self.agent.endpoint)
        line = line_of("time.sleep(LENGTH)")
        self.assertIn(f";sleep_here (python_threads.py:{line});", done.stdout, done.stderr)

    def test_a_wait_that_is_not_over_has_its_functions(self):
        with PythonWorkload(seconds=20) as workload:
            workload.release()
            time.sleep(1)
            profile = waitscope.query("flame", "--kind", "off-cpu", "--duration", "2s", "--pid",
                                      workload.pid, endpoint=self.agent.endpoint)
        threads = profile["threads"]
        samples = [s for s in profile["samples"] if s.get("open") and
                   threads[waitscope.number(s, "thread")]["comm"] == "hung"]
        self.assertGreater(len(samples), 0)
        for sample in samples:
            names = names_of(profile, sample)
            self.assertTrue(contains_in_order(["Condition.wait", "Event.wait", "hung", *THREAD],
                                              names), names)

    def test_a_program_that_is_over_at_once_has_its_functions(self):
        program = "import time\ndef over_soon(): time.sleep(0.005)\nover_soon()"
        begin = time.monotonic()
        pids = set()
        for _ in range(40):
            with subprocess.Popen([PYTHON, "-S", "-c", program]) as process:
                pids.add(process.pid)
        since = time.monotonic() - begin + waitscope.MARGIN_SECONDS
        profile = waitscope.query("flame", "--kind", "off-cpu", "--since", f"{since:.3f}s",
                                  endpoint=self.agent.endpoint)
        # Without any frame of Python's: it began before the agent knew that it runs Python.
        samples = [s for s in waits_of(profile, pathlib.Path(PYTHON).name, "sleep")
                   if waitscope.number(profile["threads"][waitscope.number(s, "thread")], "pid") in pids
                   and INTERPRETER not in names_of(profile, s)]
        self.assertGreater(len(samples), 20)
        named = share(samples, lambda s: contains_in_order(["over_soon", "<module>"],
                                                           names_of(profile, s)))
        self.assertGreaterEqual(named, 0.95, [names_of(profile, s) for s in samples
                                              if "over_soon" not in names_of(profile, s)][:3])

    def test_a_recording_keeps_the_names(self):
        with tempfile.TemporaryDirectory(dir=waitscope.SCRATCH) as directory:
            path = pathlib.Path(directory) / "python.wslog"
            with PythonWorkload(seconds=4) as workload:
                workload.release()
                done = waitscope.run("record", "--pid", workload.pid, "--duration", "2s", "-o",
                                     path, endpoint=self.agent.endpoint)
                self.assertEqual(done.returncode, 0, done.stderr)
            done = waitscope.run("replay", path, "flame", "--output", "json")
            self.assertEqual(done.returncode, 0, done.stderr)
        profile = json.loads(done.stdout)
        wait_class, chain = CHAINS["nester"]
        samples = waits_of(profile, "nester", wait_class)
        self.assertGreater(len(samples), 0)
        kept = share(samples, lambda s: contains_in_order(chain, names_of(profile, s)))
        self.assertGreaterEqual(kept, LEAST)


class HostilePython(unittest.TestCase):
    """What a process keeps in its memory can neither hold up the walk nor spoil the stack."""

    MARKS = {
        "cycle": "[python frames missing: more than 128 frames]",
        "garbage": "[python frames unavailable: memory could not be read]",
        "stranger": "[python frames unavailable: no thread state of Python's]",
    }

    def test_lists_without_end_and_without_sense_are_told(self):
        with waitscope.Agent("--window", "60s") as agent:
            with waitscope.Workload("hostile/python3.11", seconds=2) as workload:
                profile = waitscope.observe(agent, workload, "flame", "--kind", "off-cpu")[1]
        for comm, mark in self.MARKS.items():
            samples = waits_of(profile, comm, "sleep")
            with self.subTest(comm):
                self.assertGreater(len(samples), 0)
                told = share(samples, lambda s, mark=mark: contains_in_order(
                    [mark, "work"], names_of(profile, s)))
                self.assertGreaterEqual(told, LEAST, names_of(profile, samples[0]))


if __name__ == "__main__":
    unittest.main()
