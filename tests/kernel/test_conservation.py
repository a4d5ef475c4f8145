"""running + runnable + blocked = wall, for every thread, whatever the machine is doing."""

import pathlib
import signal
import threading
import time
import unittest

import ledger_checks
import waitscope

THREADS = 1200
# /proc shows a running thread's time as of its last tick or switch.
TICK_NS = 4_000_000


def kernel_running_ns(pid):
    """The scheduler's own count of running time, for each living thread."""
    counts = {}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            counts[int(task.name)] = int((task / "schedstat").read_text().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            continue
    return counts


def spent(before, after):
    return {tid: after[tid] - before[tid] for tid in before.keys() & after.keys()}


def all_wrong(problems):
    return "\n" + "\n".join(problems[:40]) + f"\n{len(problems)} problems"


class Conservation(unittest.TestCase):
    def wait_for_births(self, pid):
        deadline = time.monotonic() + 30
        while len(kernel_running_ns(pid)) < THREADS:
            self.assertLess(time.monotonic(), deadline, "the threads are not born yet")
            time.sleep(0.2)

    def check_whole_lives(self, agent, load):
        with waitscope.Workload("many_threads", "--threads", THREADS, "--load", load,
                                seconds=3) as workload:
            truth, answer = waitscope.observe(agent, workload, targeted=False)
        problems = ledger_checks.check(truth, answer)
        self.assertEqual(len(truth["threads"]), THREADS)
        self.assertEqual(problems, [], all_wrong(problems))
        return answer

    def check_living_threads(self, agent, load):
        """A window in the middle of the threads' lives, beside the scheduler's own count read
        just outside and just inside of it."""
        with waitscope.Workload("many_threads", "--threads", THREADS, "--load", load,
                                seconds=60) as workload:
            workload.release()
            self.wait_for_births(workload.pid)
            begin = time.monotonic_ns()
            outer = kernel_running_ns(workload.pid)
            pending = waitscope.Pending("threads", "--duration", "4s", "--output", "json",
                                        endpoint=agent.endpoint, timeout=60)
            time.sleep(waitscope.LEAD_SECONDS)
            inner = kernel_running_ns(workload.pid)
            time.sleep(1)
            inner = spent(inner, kernel_running_ns(workload.pid))
            answer = pending.answer()
            outer = spent(outer, kernel_running_ns(workload.pid))
            most_ns = time.monotonic_ns() - begin
        window_ns = waitscope.window_seconds(answer) * 1e9
        problems = ledger_checks.check_living(answer, window_ns, most_ns)
        rows = waitscope.threads_by_tid(answer)
        lived_through = 0
        for tid in outer.keys() & inner.keys():
            row = rows.get(tid, {})
            running = waitscope.number(row, "running_ns")
            # The agent may lose its CPU between stamping the window and reading a ledger.
            lived_through += waitscope.number(row, "wall_ns") >= 0.95 * window_ns
            slack = (TICK_NS + 0.01 * running
                     + ledger_checks.WAKE_NS * waitscope.number(row, "switches_voluntary"))
            if not inner[tid] - slack <= running <= outer[tid] + slack:
                problems.append(f"thread {tid}: running {running} ns, by the scheduler's count "
                                f"{inner[tid]} to {outer[tid]} ns")
        self.assertEqual(problems, [], all_wrong(problems))
        self.assertGreaterEqual(lived_through, 1000)

    def test_whole_lives_of_idle_threads_add_up(self):
        with waitscope.Agent() as agent:
            self.check_whole_lives(agent, load=0)

    def test_whole_lives_of_loaded_threads_add_up(self):
        with waitscope.Agent() as agent:
            self.check_whole_lives(agent, load=1)

    def test_idle_threads_that_live_through_the_window_add_up(self):
        with waitscope.Agent() as agent:
            self.check_living_threads(agent, load=0)

    def test_loaded_threads_that_live_through_the_window_add_up(self):
        with waitscope.Agent() as agent:
            self.check_living_threads(agent, load=1)

    def test_a_full_ring_loses_details_and_no_totals(self):
        with waitscope.Agent("--ring-bytes", 65536, "--period", 0) as agent:
            held_up = [threading.Timer(after, agent.process.send_signal, [number])
                       for after, number in ((1.5, signal.SIGSTOP), (2, signal.SIGCONT))]
            for timer in held_up:
                timer.start()
            answer = self.check_whole_lives(agent, load=1)
            for timer in held_up:
                timer.join()
        self.assertGreater(waitscope.losses(answer).get("ring-full", 0), 50,
                           "the ring was not full, so the test shows nothing")

    def test_consecutive_windows_leave_no_gap(self):
        with waitscope.Agent() as agent, \
                waitscope.Workload("sleeps", "--threads", 4, seconds=60) as workload:
            workload.release()
            time.sleep(0.5)
            answers, begin = [], time.monotonic_ns()
            askers = [threading.Thread(target=lambda: answers.append(
                waitscope.query("threads", "--pid", workload.pid, "--duration", "3s",
                                endpoint=agent.endpoint))) for _ in range(3)]
            for asker in askers:
                asker.start()
                time.sleep(0.7)
            for asker in askers:
                asker.join()
        most_ns = time.monotonic_ns() - begin
        self.assertEqual(len(answers), 3)
        for answer in answers:
            window_ns = waitscope.window_seconds(answer) * 1e9
            self.assertGreaterEqual(window_ns, 3e9)
            problems = ledger_checks.check_living(answer, window_ns, most_ns)
            self.assertEqual(problems, [], all_wrong(problems))


if __name__ == "__main__":
    unittest.main()
