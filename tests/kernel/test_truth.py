"""Every truth program, its whole life inside one window, against what it says of itself."""

import os
import pathlib
import signal
import time
import unittest

import ledger_checks
import waitscope


def mounted_at(kind):
    for line in pathlib.Path("/proc/mounts").read_text().splitlines():
        _, place, its_kind, *_ = line.split()
        if its_kind == kind:
            return place
    return None


class Truth(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.agent = waitscope.Agent()
        cls.agent.__enter__()
        cls.addClassCleanup(cls.agent.__exit__)

    def check(self, name, *knobs, seconds=3):
        with waitscope.Workload(name, *knobs, seconds=seconds) as workload:
            truth, answer = waitscope.observe(self.agent, workload)
        problems = ledger_checks.check(truth, answer)
        self.assertEqual(problems, [], "\n" + "\n".join(problems))
        return truth, answer

    def test_sleeps_of_known_length(self):
        for call, by in enumerate(("nanosleep", "select", "poll")):
            with self.subTest(by):
                self.check_sleeps(call)

    def check_sleeps(self, call):
        truth, answer = self.check("sleeps", "--threads", 4, "--length-us", 10000, "--by", call)
        rows = waitscope.threads_by_tid(answer)
        for thread in truth["threads"]:
            slept_ns = ledger_checks.waits_of(rows[thread["tid"]])["sleep"]
            # The time to arm the timer, before the switch, is the 1 %.
            self.assertGreaterEqual(slept_ns, 0.99 * thread["asked_ns"])

    def test_a_lock_convoy_behind_a_sleeping_holder(self):
        self.check("convoy")

    def test_a_lock_convoy_behind_a_spinning_holder(self):
        self.check("convoy", "--spin", 1)

    def test_two_hogs_share_one_cpu(self):
        truth, answer = self.check("hogs", "--threads", 2, "--cpu", 0)
        rows = waitscope.threads_by_tid(answer)
        for thread in truth["threads"]:
            row = rows[thread["tid"]]
            self.assertGreater(waitscope.number(row, "preempted_ns"),
                               0.95 * waitscope.number(row, "runnable_ns"))
            self.assertGreater(waitscope.number(row, "runnable_ns"), 0.3 * thread["wall_ns"])

    def test_direct_reads(self):
        self.check("direct_reads")

    def test_fsync(self):
        self.check("fsync_loop")

    def test_ping_pong_of_two_threads(self):
        self.check("ping_pong")

    def test_ping_pong_on_one_cpu(self):
        self.check("ping_pong", "--cpu", 1)

    def test_request_and_response_over_loopback(self):
        self.check("request_response")

    def test_major_page_faults(self):
        self.check("fault_storm")

    def test_a_thread_that_migrates_while_it_is_blocked(self):
        truth, _ = self.check("migrator")
        self.assertGreater(truth["migrations"], 50, "the workload did not do what it is for")

    def test_an_event_loop(self):
        self.check("event_loop")

    def test_a_ring_that_waits_for_whatever_completes_first_is_in_a_poll(self):
        self.check("io_ring")

    def test_the_time_between_two_countings_is_no_turn_of_an_event_loop(self):
        """Programs that count calls come and go; what they stamped before they went is stale."""
        with waitscope.Workload("event_loop", seconds=8) as workload:
            workload.release()
            for _ in range(2):
                answer = waitscope.query("syscalls", "--pid", workload.pid, "--duration", "1s",
                                         endpoint=self.agent.endpoint)
                time.sleep(1)
            truth = workload.truth()
        (loop,) = answer["loops"]
        longest_ns = waitscope.number(loop["gap"], "max_ns")
        self.assertGreaterEqual(longest_ns, truth["turn_ns"])
        self.assertLessEqual(longest_ns, truth["longest_ns"])

    def test_short_and_long_waits(self):
        self.check("mixed_waits")

    def test_ten_thousand_short_threads(self):
        truth, answer = self.check("churn", seconds=60)
        self.assertEqual(truth["born"], 10000)
        process = waitscope.process(answer, truth["pid"])
        # The main thread is one more when the window begins before its own birth.
        self.assertIn(waitscope.number(process, "threads_created"), (10000, 10001))
        self.assertEqual(waitscope.losses(answer).get("ledger-create", 0), 0)

    def test_a_thousand_processes(self):
        with waitscope.Workload("exec_storm", "--count", 1000, seconds=60) as workload:
            truth, answer = waitscope.observe(self.agent, workload, targeted=False)
        problems = ledger_checks.check(truth, answer)
        self.assertEqual(problems, [], "\n" + "\n".join(problems))
        children = [p for p in answer["processes"]
                    if waitscope.number(p, "parent_pid") == truth["pid"]]
        self.assertEqual(len(children), truth["threads"][0]["ops"]["child"]["count"])

    def test_a_thread_that_calls_exec_and_becomes_the_leader(self):
        with waitscope.Workload("exec_in_thread", seconds=3) as workload:
            truth, answer = waitscope.observe(self.agent, workload)
        rows = waitscope.threads_by_tid(answer)
        caller, leader = rows[truth["tid"]], rows[truth["pid"]]
        self.assertTrue(caller["exited"])
        for row, sleeps in (caller, "sleeps_before"), (leader, "sleeps_after"):
            sleep = next(wait for wait in row["waits"] if wait["class"] == "sleep")
            self.assertEqual(waitscope.number(sleep, "count"), truth[sleeps])
            self.assertGreaterEqual(waitscope.number(sleep, "ns"),
                                    0.99 * truth[sleeps] * truth["sleep_ns"])
            self.assertEqual(waitscope.number(row, "residual_ns"), 0)
            self.assertLess(waitscope.number(row["run_queue"], "count"), 2 * truth[sleeps])
        # The leader waited in pause from the birth of the caller to its exec.
        self.assertAlmostEqual(ledger_checks.waits_of(leader)["poll"],
                               truth["exec_ns"] - truth["begin_ns"],
                               delta=0.01 * (truth["exec_ns"] - truth["begin_ns"]))

    def test_threads_blocked_before_through_and_after_the_window(self):
        with waitscope.Workload("long_block", seconds=60) as workload:
            workload.release()
            answer = waitscope.query("threads", "--pid", workload.pid, "--duration", "3s",
                                     endpoint=self.agent.endpoint)
        window_ns = waitscope.window_seconds(answer) * 1e9
        blocked = [row for row in answer["threads"] if row["comm"] == "blocked"]
        self.assertEqual(len(blocked), 3)
        for row in blocked:
            # On a busy machine the agent may lose its CPU between stamping the window and reading
            # this ledger; the thread's own numbers agree to the nanosecond all the same.
            self.assertAlmostEqual(waitscope.number(row, "wall_ns"), window_ns,
                                   delta=0.05 * window_ns)
            self.assertEqual(row["blocked_ns"], row["wall_ns"])
            self.assertEqual(list(ledger_checks.waits_of(row)), ["pipe"])
            self.assertEqual(row["open_wait"]["class"], "pipe")
            self.assertGreaterEqual(waitscope.number(row["open_wait"], "ns"),
                                    waitscope.number(row, "wall_ns"))

    def test_threads_blocked_since_before_the_agent(self):
        with waitscope.Workload("long_block", seconds=60) as workload, waitscope.Agent() as agent:
            answer = waitscope.query("threads", "--pid", workload.pid, "--duration", "2s",
                                     endpoint=agent.endpoint)
        blocked = [row for row in answer["threads"] if row["comm"] == "blocked"]
        self.assertEqual(len(blocked), 3)
        for row in blocked:
            self.assertEqual(list(ledger_checks.waits_of(row)), ["pipe"])
            self.assertTrue(row["open_wait"]["since_before_agent"])

    def classes_while_held(self, workload):
        """Of threads that were in a read of a pipe when somebody stopped them."""
        answer = waitscope.query("threads", "--pid", workload.pid, "--duration", "1s",
                                 endpoint=self.agent.endpoint)
        blocked = [row for row in answer["threads"] if row["comm"] == "blocked"]
        self.assertEqual(len(blocked), 3)
        return {row["open_wait"]["class"] for row in blocked}

    def test_stopped_threads_wait_for_nothing_of_their_own(self):
        with waitscope.Workload("long_block", seconds=60) as workload:
            workload.release()
            self.assertEqual(self.classes_while_held(workload), {"pipe"})
            os.kill(workload.pid, signal.SIGSTOP)
            try:
                self.assertEqual(self.classes_while_held(workload), {"other"})
            finally:
                os.kill(workload.pid, signal.SIGCONT)
            self.assertEqual(self.classes_while_held(workload), {"pipe"})

    def test_frozen_threads_wait_for_nothing_of_their_own(self):
        hierarchy = mounted_at("cgroup2")
        if not hierarchy:
            self.skipTest("no cgroup2 is mounted")
        group = pathlib.Path(hierarchy) / f"waitscope-frozen-{os.getpid()}"
        group.mkdir()
        self.addCleanup(group.rmdir)
        with waitscope.Workload("long_block", seconds=60) as workload:
            workload.release()
            (group / "cgroup.procs").write_text(str(workload.pid))
            (group / "cgroup.freeze").write_text("1")
            try:
                self.assertEqual(self.classes_while_held(workload), {"other"})
            finally:
                (group / "cgroup.freeze").write_text("0")
            self.assertEqual(self.classes_while_held(workload), {"pipe"})


if __name__ == "__main__":
    unittest.main()
