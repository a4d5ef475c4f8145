"""Code that a run time compiles has the names it puts into its perf map: read in the process's own
namespaces, and again when the map has grown."""

import collections
import shutil
import subprocess
import tempfile
import time
import unittest

import test_stacks
import waitscope

# A /tmp, and a process id, that mean something else outside.
INSIDE = "mount -t tmpfs tmpfs /tmp && exec {program} --seconds {seconds}"
SECONDS = 5


class PerfMaps(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.agent = waitscope.Agent("--window", "60s")
        cls.agent.__enter__()
        cls.addClassCleanup(cls.agent.__exit__)
        # Wherever it was built, it is seen inside.
        folder = tempfile.TemporaryDirectory(prefix="waitscope-work-", dir=waitscope.SCRATCH)
        cls.addClassCleanup(folder.cleanup)
        program = shutil.copy(waitscope.WORKLOADS / "jit", folder.name)
        begin = time.monotonic()
        namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
        with subprocess.Popen(
                [*namespaces, "sh", "-c", INSIDE.format(program=program, seconds=SECONDS)],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            time.sleep(SECONDS - 1)
            # While it lives: who has exited takes names along that nobody had asked for.
            cls.profile = waitscope.query("flame", "--kind", "off-cpu", "--comm", "jit", "--since",
                                          f"{time.monotonic() - begin:.3f}s",
                                          endpoint=cls.agent.endpoint)
            if process.wait(60) != 0:
                raise AssertionError("the program did not run in namespaces of its own")

    def shares(self):
        """The share of the time asleep below each function of the map, and in what classes."""
        times, classes, total = {}, collections.Counter(), 0
        for sample in test_stacks.samples_of(self.profile, "jit"):
            if sample["class"] != "sleep" or sample.get("open"):
                continue
            names, trust, _ = test_stacks.stack_of(self.profile, sample)
            total += waitscope.number(sample, "ns")
            classes[trust] += waitscope.number(sample, "ns")
            for wanted in ("jit_first", "jit_second"):
                if test_stacks.contains_in_order(["wait_below", wanted, "main"], names):
                    times[wanted] = times.get(wanted, 0) + waitscope.number(sample, "ns")
        return {name: ns / total for name, ns in times.items()}, classes

    def test_both_functions_are_named_the_later_one_too(self):
        shares, _ = self.shares()
        self.assertGreaterEqual(sum(shares.values()), 0.99, shares)
        self.assertGreater(min(shares.get("jit_first", 0), shares.get("jit_second", 0)), 0.2, shares)

    def test_such_stacks_are_not_told_to_be_exact(self):
        classes = self.shares()[1]
        total = sum(classes.values())
        self.assertGreaterEqual(classes.pop("heuristic", 0), 0.99 * total)
        classes.pop("none", 0)  # a wait whose end the kernel skipped
        self.assertEqual(classes, {})


if __name__ == "__main__":
    unittest.main()
