"""User stacks reach the thread's root without frame pointers, with every function on the way, and
what does not says so."""

import collections
import contextlib
import pathlib
import subprocess
import sys
import time
import unittest

import waitscope

WHOLE = ("exact", "exec", "late", "late-live")
# Of the time off the CPU, in whole stacks: of C programs.
LEAST_WHOLE = 0.999
LINKS = [f"link_{i:02}" for i in range(20, 0, -1)]
ROOT = ["work", "start_thread"]

# By thread: the functions from the leaf to the root, in order; others may stand between.
CHAINS = {
    "sleep": ["sleep_here", "wait_in_sleep", *LINKS, *ROOT],
    "futex": ["wait_on_futex", *LINKS, *ROOT],
    "read": ["wait_in_read", *LINKS, *ROOT],
    "alloca": ["sleep_here", "wait_under_alloca", *LINKS, *ROOT],
    "noreturn": ["sleep_here", "never_returns", "calls_what_never_returns", "wait_without_return",
                 *LINKS, *ROOT],
    "handler": ["sleep_here", "handler_waits", "on_signal", "wait_in_handler", *LINKS, *ROOT],
    "altstack": ["sleep_here", "handler_waits", "on_signal", "wait_on_other_stack", *LINKS, *ROOT],
    "deep": ["sleep_here", *["descend"] * 151, *ROOT],
}
# Without the C library's debug file its inner functions have no names.
NAMELESS = {"start_thread"}


# As of C libraries without restartable sequences, and of Go: no hook is passed after a wait.
WITHOUT_RSEQ = {"GLIBC_TUNABLES": "glibc.pthread.rseq=0"}


def contains_in_order(wanted, names):
    left = iter(names)
    return all(name in left for name in wanted)


def samples_of(profile, comm):
    threads = profile["threads"]
    return [s for s in profile.get("samples", [])
            if threads[waitscope.number(s, "thread")]["comm"] == comm]


def process_of(profile, sample):
    return waitscope.number(profile["threads"][waitscope.number(sample, "thread")], "pid")


def living_processes():
    return {int(entry.name) for entry in pathlib.Path("/proc").glob("[0-9]*")}


def stack_of(profile, sample):
    """(names from the leaf on, class, reason) of a sample's user stack."""
    stack = profile["stacks"][waitscope.number(sample, "user_stack")]
    names = [profile["frames"][f].get("symbol", "?") for f in stack.get("frames", [])]
    names = [name.split(".isra.")[0] for name in names]
    return names, stack.get("class") or "none", stack.get("truncated", "")


def time_by_class(profile, samples):
    times = collections.Counter()
    for sample in samples:
        times[stack_of(profile, sample)[1]] += waitscope.number(sample, "ns")
    return times


def why_truncated(profile, samples):
    """Time of truncated stacks by reason and innermost function."""
    times = collections.Counter()
    for sample in samples:
        names, trust, reason = stack_of(profile, sample)
        if trust == "truncated":
            times[reason, names[0] if names else "?"] += waitscope.number(sample, "ns")
    return times.most_common(8)


def whole_share(times):
    return sum(times[word] for word in WHOLE) / max(1, sum(times.values()))


class Stacks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # Waits open at a window's end have no user stack yet: few windows, few of those.
        cls.agent = waitscope.Agent("--window", "60s")
        cls.agent.__enter__()
        cls.addClassCleanup(cls.agent.__exit__)

    def observe(self, *knobs, seconds=3):
        with waitscope.Workload("nested_waits", *knobs, seconds=seconds) as workload:
            return waitscope.observe(self.agent, workload, "flame", "--kind", "off-cpu")[1]

    def test_every_chain_is_whole_and_in_order(self):
        profile = self.observe()
        for comm, chain in CHAINS.items():
            wanted = [name for name in chain if name not in NAMELESS]
            samples = [s for s in samples_of(profile, comm) if s["class"] not in
                       ("woken", "preempted")]
            with self.subTest(comm):
                self.assertGreater(len(samples), 0)
                times = time_by_class(profile, samples)
                # Of the thread's birth and death, and of the wait that was open when asked.
                self.assertLess(times.pop("none", 0), 0.01 * sum(times.values()))
                self.assertGreaterEqual(whole_share(times), LEAST_WHOLE, times)
                in_order = sum(waitscope.number(s, "ns") for s in samples
                               if contains_in_order(wanted, stack_of(profile, s)[0]))
                total = sum(waitscope.number(s, "ns") for s in samples)
                longest = max((stack_of(profile, s)[0] for s in samples), key=len)
                self.assertGreaterEqual(in_order / total, 0.99, longest)

    def test_answer_says_how_much_is_whole(self):
        profile = self.observe()
        times = {row["class"]: waitscope.number(row, "ns")
                 for row in waitscope.header(profile)["stack_time"]}
        told = time_by_class(profile, [s for s in profile["samples"]
                                       if not s.get("open") or waitscope.number(s, "user_stack")])
        for word, ns in told.items():
            self.assertAlmostEqual(times.get(word, 0), ns, delta=1e6, msg=word)
        self.assertGreater(times["exact"], 0.8 * sum(times.values()), times)

    def test_a_stack_too_deep_says_so_at_its_root(self):
        profile = self.observe("--depth", 1000, seconds=2)
        stacks = [stack_of(profile, s) for s in samples_of(profile, "deep")
                  if s["class"] == "sleep" and not s.get("open")]
        # A wait whose end the kernel skipped is put back without stacks.
        stacks = [stack for stack in stacks if stack[1] != "none"]
        self.assertTrue(stacks)
        for names, trust, reason in stacks:
            self.assertEqual((len(names), trust, reason),
                             (256, "truncated", "more than 256 frames"))

    def test_a_thread_that_waits_all_the_time_is_read_where_it_waits(self):
        with waitscope.Workload("long_block", seconds=60) as workload:
            workload.release()
            profile = waitscope.query("flame", "--kind", "off-cpu", "--pid", workload.pid,
                                      "--duration", "2s", endpoint=self.agent.endpoint)
        samples = [s for s in profile["samples"] if s["class"] == "pipe"]
        self.assertEqual(len(samples), 3, "threads that never left their first wait")
        for sample in samples:
            names, trust, _ = stack_of(profile, sample)
            self.assertTrue(contains_in_order(["read", "block", "start_thread"], names), names)
            self.assertEqual(trust, "late-live")
            self.assertTrue(sample["open"])
            self.assertGreater(waitscope.number(sample, "ns"), 1.9e9)

    def test_a_storm_of_short_programs_is_whole(self):
        script = ("for i in $(seq 100); do ls / | sort >/dev/null; sleep 0.005; "
                  f"{sys.executable} -c 'import time; time.sleep(0.005)' & "
                  "perl -e 'select(undef,undef,undef,.01)'; done; wait")
        others = living_processes()  # this machine's own shells, which may wait at anything
        begin = time.monotonic()
        subprocess.run(["bash", "-c", script], timeout=120, check=True)
        since = time.monotonic() - begin + waitscope.MARGIN_SECONDS
        profile = waitscope.query("flame", "--kind", "off-cpu", "--since", f"{since:.3f}s",
                                  endpoint=self.agent.endpoint)
        samples = [s for comm in ("bash", "ls", "sort", "sleep", "python3", "perl")
                   for s in samples_of(profile, comm) if process_of(profile, s) not in others]
        times = time_by_class(profile, samples)
        times.pop("none", 0)  # of threads that are exiting
        self.assertGreaterEqual(whole_share(times), 0.995,
                                (times, why_truncated(profile, samples), waitscope.losses(profile)))

    def test_between_two_programs_there_is_no_stack_to_go_astray(self):
        spawner = ["--count", 0, "--child-sleep-us", 0]
        with contextlib.ExitStack() as storm:
            others = living_processes()
            # More than processors, so that some are preempted in execve.
            workloads = [storm.enter_context(waitscope.Workload("exec_storm", *spawner, seconds=3))
                         for _ in range(8)]
            begin = time.monotonic()
            for workload in workloads:
                workload.release()
            for workload in workloads:
                workload.truth()
            since = time.monotonic() - begin + waitscope.MARGIN_SECONDS
            profile = waitscope.query("flame", "--kind", "off-cpu", "--since", f"{since:.3f}s",
                                      endpoint=self.agent.endpoint)
        samples = [s for s in profile["samples"] if process_of(profile, s) not in others]
        times = time_by_class(profile, samples)
        astray = sum(ns for (reason, _), ns in why_truncated(profile, samples)
                     if reason == "an address outside all known code")
        self.assertGreater(times["exec"], 0)
        self.assertLess(astray, 0.05 * times["exec"], (times, why_truncated(profile, samples)))


class EarlyStacks(unittest.TestCase):
    """Of threads that pass no hook after a wait: taken before it, and not before each one."""

    @classmethod
    def setUpClass(cls):
        cls.agent = waitscope.Agent("--window", "60s", "--period", "1ms", "--max-samples", 0)
        cls.agent.__enter__()
        cls.addClassCleanup(cls.agent.__exit__)

    def times(self, name, *knobs):
        """The time asleep by class of stack."""
        with waitscope.Workload(name, *knobs, seconds=3, environment=WITHOUT_RSEQ) as workload:
            profile = waitscope.observe(self.agent, workload, "flame", "--kind", "off-cpu")[1]
        return time_by_class(profile, [s for s in profile["samples"]
                                       if s["class"] == "sleep" and not s.get("open")])

    def test_a_thread_that_naps_without_end_has_them(self):
        for length_us in (20, 100):
            times = self.times("sleeps", "--threads", 2, "--length-us", length_us)
            with self.subTest(length_us=length_us):
                self.assertGreaterEqual(whole_share(times), 0.995, times)

    def test_a_long_wait_behind_many_short_ones_has_one(self):
        times = self.times("mixed_waits")
        self.assertGreaterEqual(whole_share(times), 0.995, times)


if __name__ == "__main__":
    unittest.main()
