"""Pools, event loops and locks, against programs that know their own."""

import pathlib
import select
import subprocess
import sys
import time
import unittest

import waitscope

LAB = pathlib.Path(__file__).resolve().parents[1] / "lab" / "programs"
SLEEP_NS = 220_000_000  # of each request in aio.py


def ns(message, field):
    return waitscope.number(message, field)


class Groups(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.agent = waitscope.Agent()
        cls.agent.__enter__()
        cls.addClassCleanup(cls.agent.__exit__)

    def ask(self, view, pid, *arguments):
        return waitscope.query(view, "--pid", pid, *(arguments or ("--duration", "3s")),
                               endpoint=self.agent.endpoint)


class Pools(Groups):
    def test_a_standing_pool_has_its_threads(self):
        with waitscope.Workload("many_threads", "--threads", 40, seconds=60) as workload:
            workload.release()
            time.sleep(1)
            (pool,) = self.ask("pools", workload.pid)["pools"]
        self.assertEqual((pool["threads"], pool["threads_begin"], pool["created"], pool["exited"]),
                         (40, 40, 0, 0))
        self.assertEqual(pool["name"], "idler")
        self.assertEqual(pool["creator"]["thread"]["tid"], workload.pid)
        self.assertEqual(pool["creator"]["threads"], 40)
        # Sleeps are tasks; it sleeps nearly all the time, and nobody is ever at home.
        self.assertGreater(ns(pool, "task_ns"), 0.9 * ns(pool, "wall_ns"))
        self.assertEqual(pool["away"][0]["nature"], "sleep")
        self.assertEqual(ns(pool, "trouble_ns"), 0)

    def test_a_pool_that_comes_and_goes_is_counted_whole(self):
        with waitscope.Workload("many_threads", "--threads", 24, seconds=2) as workload:
            _, answer = waitscope.observe(self.agent, workload, "pools")
        (pool,) = answer["pools"]
        self.assertEqual((pool["threads"], pool["threads_begin"], pool["created"], pool["exited"]),
                         (0, 0, 24, 24))
        self.assertTrue(pool["creator"]["frames"], "no creation was sampled")


class Loops(Groups):
    def test_turns_are_as_long_as_the_program_says(self):
        with waitscope.Workload("event_loop", "--turn-us", 5000, seconds=6) as workload:
            workload.release()
            (loop,) = self.ask("loops", workload.pid)["loops"]
            truth = workload.truth()
        self.assertTrue(loop["counted"])
        self.assertFalse(loop["serves_sockets"])
        self.assertEqual(loop["ready"], "0")
        self.assertGreaterEqual(ns(loop["turn"], "p50_ns"), 0.9375 * truth["turn_ns"])
        self.assertLessEqual(ns(loop["turn"], "max_ns"), truth["longest_ns"])
        self.assertGreaterEqual(ns(loop["turn"], "max_ns"), truth["turn_ns"])
        # A turn computes: it runs, or waits for a CPU.
        self.assertGreater(ns(loop, "running_ns") + ns(loop, "runnable_ns"),
                           0.9 * ns(loop, "turns_ns"))
        self.assertLess(ns(loop, "blocked_ns"), 0.05 * ns(loop, "turns_ns"))

    def start_asyncio(self):
        server = subprocess.Popen([sys.executable, str(LAB / "aio.py"), "sync"], text=True,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  start_new_session=True)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait)
        self.addCleanup(lambda: subprocess.run(["kill", "--", f"-{server.pid}"], check=False))
        ready, _, _ = select.select([server.stdout], [], [], 30)
        self.assertTrue(ready, "aio.py is not ready")
        return int(server.stdout.readline().split()[1])

    def test_an_asyncio_loop_that_sleeps_in_its_handler(self):
        pid = self.start_asyncio()
        time.sleep(1)
        answer = self.ask("loops", pid, "--duration", "4s")
        loop = answer["loops"][0]
        self.assertTrue(loop["counted"])
        self.assertTrue(loop["serves_sockets"])
        self.assertGreaterEqual(ns(loop["turn"], "max_ns"), SLEEP_NS)
        # A turn serves all who asked meanwhile: each is one sleep or several.
        self.assertGreaterEqual(ns(loop, "long_turns"), 3)
        self.assertLessEqual(ns(loop, "stalled_ns"), 1.1e9 * waitscope.window_seconds(answer))
        worst = loop["worst"][0]
        self.assertEqual((worst["nature"], worst["syscall"]), ("sleep", "clock_nanosleep"))
        self.assertGreaterEqual(ns(worst, "longest_ns"), SLEEP_NS)
        self.assertEqual(loop["blocked"][0]["class"], "sleep")


class Locks(Groups):
    def test_a_convoy_is_told_with_the_thread_that_keeps_it(self):
        with waitscope.Workload("convoy", "--threads", 5, "--hold-us", 300, "--keeper-us", 30000,
                                seconds=5) as workload:
            truth, answer = waitscope.observe(self.agent, workload, "locks")
        mutexes = [lock for lock in answer["locks"] if lock["kind"] == "mutex"]
        lock = mutexes[0]
        (keeper,) = [t for t in truth["threads"] if t["role"] == "keeper"]
        self.assertEqual(lock["holder"]["thread"]["tid"], keeper["tid"])
        self.assertEqual(lock["holder"]["known_by"], "owner word")
        self.assertLessEqual({t["tid"] for t in lock["threads"]},
                             {t["tid"] for t in truth["threads"]})
        self.assertGreaterEqual(lock["waiters"], 4)
        held_ns = keeper["ops"]["sleep"]["ns"]
        self.assertGreaterEqual(ns(lock["holder"], "held_at_most_ns"), 0.98 * held_ns)
        self.assertEqual(lock["holder"]["waits"][0]["nature"], "sleep")
        self.assertIn("take_turn", lock["holder"]["waits"][0]["frames"])
        asked_ns = sum(t["ops"]["lock"]["ns"] for t in truth["threads"])
        self.assertLessEqual(ns(lock, "wait_ns"), 1.02 * asked_ns)
        self.assertGreaterEqual(ns(lock, "wait_ns"), 0.8 * asked_ns)
        self.assertGreaterEqual(ns(lock, "p99_ns"), 0.9375 * 30_000_000)
        self.assertGreaterEqual(ns(lock, "max_ns"), ns(lock, "p50_ns"))


if __name__ == "__main__":
    unittest.main()
