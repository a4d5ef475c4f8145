"""The same stretch of time seen by waitscope and by the tools people trust now."""

import os
import subprocess
import tempfile
import time
import unittest

import ledger_checks
import rivals
import waitscope


def off_cpu_ns(row):
    return waitscope.number(row, "runnable_ns") + waitscope.number(row, "blocked_ns")


class Agreement(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.agent = waitscope.Agent()
        cls.agent.__enter__()
        cls.addClassCleanup(cls.agent.__exit__)

    def beside(self, workload, view, *command, targeted=True):
        """Runs the rival and one view over the workload's whole life."""
        rival = rivals.Rival(*command)
        self.addCleanup(rival.stop)
        truth, answer = waitscope.observe_all(workload, [(self.agent, view)], targeted=targeted,
                                              beside=[rival.start])
        return truth, answer, rival.text()

    def test_off_cpu_time_agrees_with_offcputime(self):
        with waitscope.Workload("convoy", seconds=4) as workload:
            truth, answer, text = self.beside(workload, ("threads",), "offcputime", "-p",
                                              workload.pid, "SECONDS")
        rows, theirs = waitscope.threads_by_tid(answer), rivals.offcputime_ns_by_tid(text)
        for thread in truth["threads"]:
            # It cuts every interval down to whole microseconds and keeps the one that is open at
            # the thread's death; 2 ms are for its own slowing down of each switch.
            slack = 0.01 * theirs[thread["tid"]] + 1000 * thread["voluntary"] + 2e6
            self.assertAlmostEqual(off_cpu_ns(rows[thread["tid"]]), theirs[thread["tid"]],
                                   delta=slack)

    def test_run_queue_latency_agrees_with_runqlat(self):
        with waitscope.Workload("sleeps", "--threads", 8, "--length-us", 2000,
                                seconds=4) as workload:
            _, answer, text = self.beside(workload, ("runq",), "runqlat", "-p", workload.pid,
                                          "SECONDS", "1")
        theirs = rivals.histogram(text)
        count = sum(row[2] for row in theirs)
        ours = answer["latency"]
        self.assertAlmostEqual(waitscope.number(ours, "count"), count, delta=0.01 * count + 20)
        low_ns, high_ns = rivals.median_bucket_ns(theirs)
        # It starts at sched_wakeup, on the woken side; ours at sched_waking, up to some
        # microseconds (an interrupt to the other CPU) earlier: one bucket up, none down.
        self.assertGreaterEqual(waitscope.number(ours, "p50_ns"), low_ns * 0.8)
        self.assertLessEqual(waitscope.number(ours, "p50_ns"), high_ns * 2)

    def test_device_latency_agrees_with_biolatency(self):
        with waitscope.Workload("direct_reads", seconds=4) as workload:
            truth, answer, text = self.beside(workload, ("io",), "biolatency", "-F", "SECONDS",
                                              "1", targeted=False)
        theirs = rivals.busiest_read_histogram(text)
        device = max(answer["devices"], key=lambda d: waitscope.number(d.get("read", {}),
                                                                      "requests"))
        made = truth["threads"][0]["ops"]["read"]["count"]
        count = sum(row[2] for row in theirs)
        self.assertAlmostEqual(waitscope.number(device["read"], "requests"), made,
                               delta=0.01 * made + 200)
        self.assertAlmostEqual(count, made, delta=0.01 * made + 200)
        low_ns, high_ns = rivals.median_bucket_ns(theirs)
        self.assertGreaterEqual(waitscope.number(device["read_time"], "p50_ns"), low_ns * 0.8)
        self.assertLessEqual(waitscope.number(device["read_time"], "p50_ns"), high_ns * 1.2)

    def start_companions(self, seconds):
        """Keeps every CPU out of its idle thread, at a priority that any other thread preempts.
        On some virtual machines perf gets no event that fires in the idle thread of a CPU other
        than the first, and then charges the idle time to whoever was switched in: without idle
        threads its sums are right."""
        for cpu in range(os.cpu_count()):
            companion = subprocess.Popen(
                ["chrt", "--idle", "0", waitscope.WORKLOADS / "hogs", "--threads", "1", "--cpu",
                 str(cpu), "--seconds", f"{seconds + 5:g}"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.addCleanup(companion.wait)
            self.addCleanup(companion.terminate)

    def test_states_agree_with_perf_sched_timehist(self):
        rivals.need("perf")
        recording = tempfile.NamedTemporaryFile(prefix="waitscope-perf-", dir=waitscope.SCRATCH)
        self.addCleanup(recording.close)
        with waitscope.Workload("convoy", "--spin", 1, seconds=3) as workload:
            self.start_companions(3 + 2 * waitscope.LEAD_SECONDS)
            truth, answer, _ = self.beside(workload, ("threads",), "perf", "sched", "record", "-o",
                                           recording.name, "--", "sleep", "SECONDS")
        text = subprocess.run(["perf", "sched", "timehist", "-i", recording.name, "--tid",
                               ",".join(str(t["tid"]) for t in truth["threads"])],
                              capture_output=True, text=True, timeout=120, check=True).stdout
        rows, theirs = waitscope.threads_by_tid(answer), rivals.timehist_ns_by_tid(text)
        for thread in truth["threads"]:
            row = rows[thread["tid"]]
            off_ns, delay_ns, running_ns = theirs[thread["tid"]]
            # It prints whole microseconds, three to a line; and one of the two reads the clock
            # after the other's work in the same switch, 1 to 4 us with cold caches.
            slack = 2e6 + 6000 * (thread["voluntary"] + thread["involuntary"])
            with self.subTest(tid=thread["tid"]):
                self.assertAlmostEqual(off_cpu_ns(row), off_ns, delta=0.01 * off_ns + slack)
                self.assertAlmostEqual(waitscope.number(row, "running_ns"), running_ns,
                                       delta=0.01 * running_ns + slack)
                self.assertAlmostEqual(waitscope.number(row, "woken_ns"), delay_ns,
                                       delta=0.05 * delay_ns + slack)


class TwoAgents(unittest.TestCase):
    def test_two_agents_on_two_sockets_tell_the_same(self):
        with waitscope.Agent() as first, waitscope.Agent() as second, \
                waitscope.Workload("sleeps", seconds=3) as workload:
            _, one, two = waitscope.observe_all(workload, [(first, ("threads",)),
                                                           (second, ("threads",))])
        ours, theirs = waitscope.threads_by_tid(one), waitscope.threads_by_tid(two)
        self.assertEqual(set(ours), set(theirs))
        # One agent's program runs after the other's: a waking is as much later for it, 7 us on a
        # quiet machine, where the sample with the waker's stack is taken with cold caches.
        for tid in set(ours) - {workload.pid}:
            switches = waitscope.number(ours[tid], "switches_voluntary")
            self.assertAlmostEqual(waitscope.number(ours[tid], "blocked_ns"),
                                   waitscope.number(theirs[tid], "blocked_ns"),
                                   delta=1e6 + ledger_checks.WAKE_NS * switches)


if __name__ == "__main__":
    unittest.main()
