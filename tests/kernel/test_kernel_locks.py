"""Who holds a lock of the kernel, against a program that holds one for a known time."""

import pathlib
import unittest

import waitscope

SECONDS = 4
TRACEPOINT = pathlib.Path("/sys/kernel/tracing/events/lock/contention_begin")


def ns(message, field):
    return waitscope.number(message, field)


def of_role(truth, role):
    return [thread for thread in truth["threads"] if thread["role"] == role]


class KernelLocks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.agent = waitscope.Agent()
        cls.agent.__enter__()
        cls.addClassCleanup(cls.agent.__exit__)

    def observe(self, *knobs):
        """The program's account, and its locks over a time that holds all of it."""
        truth, answer = waitscope.observe_from_now(self.agent, "kernel_lock", *knobs,
                                                   seconds=SECONDS, view="locks")
        self.assertNotIn("lock-table", waitscope.losses(answer))
        return truth, answer

    def kernel_lock(self, answer):
        """The inode's; the rest (the address space's, now and then) is waited for in passing."""
        locks = [lock for lock in answer["locks"] if lock["kind"] == "kernel"]
        return max(locks, key=lambda lock: ns(lock, "wait_ns"))

    def test_the_waits_at_an_inode_s_lock_are_those_of_its_writers(self):
        truth, answer = self.observe()
        writers = of_role(truth, "writer")
        wrote_ns = sum(thread["ops"]["write"]["ns"] for thread in writers)
        lock = self.kernel_lock(answer)
        print(f"{ns(lock, 'wait_ns') / 1e9:.3f} s of {wrote_ns / 1e9:.3f} s in writes")
        self.assertTrue(lock["name"].startswith("inode lock"), lock["name"])
        self.assertEqual(lock["kernel"]["kind"], "rwsem")
        self.assertGreaterEqual(ns(lock, "waiters"), len(writers))
        # Blocked, without the time on the run queue; the keeper, too, may wait for a writer.
        self.assertGreaterEqual(ns(lock, "wait_ns"), 0.5 * wrote_ns)
        self.assertLessEqual(ns(lock, "wait_ns"), 1.05 * wrote_ns)

    def test_its_holder_is_whoever_kept_it(self):
        self.assertEqual(waitscope.is_present(self.agent, "kernel locks"), TRACEPOINT.exists())
        if not TRACEPOINT.exists():
            self.skipTest("Linux 5.19 was the first to tell it")
        truth, answer = self.observe()
        keeper, = of_role(truth, "keeper")
        writes = sum(thread["ops"]["write"]["count"] for thread in of_role(truth, "writer"))
        wrote_ns = sum(thread["ops"]["write"]["ns"] for thread in of_role(truth, "writer"))
        lock = self.kernel_lock(answer)
        holder = lock["holder"]
        behind_ns = ns(holder, "waited_behind_ns")
        print(f"{ns(holder, 'seen')} of {ns(holder, 'looks')} contentions of {writes} writes, "
              f"{behind_ns / 1e9:.3f} s of {wrote_ns / 1e9:.3f} s in writes")
        self.assertIn("kept", lock["name"])
        self.assertEqual(ns(holder["thread"], "tid"), keeper["tid"])
        self.assertGreaterEqual(behind_ns, 0.7 * wrote_ns)
        self.assertLessEqual(behind_ns, wrote_ns)
        self.assertLessEqual(ns(holder, "seen"), writes)


if __name__ == "__main__":
    unittest.main()
