"""How long requests lie unread, against a server that knows."""

import time
import unittest

import waitscope

BUCKET = 0.0625  # the histograms' error


def ns(message, field):
    return waitscope.number(message, field)


class Unread(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.agent = waitscope.Agent()
        cls.agent.__enter__()
        cls.addClassCleanup(cls.agent.__exit__)
        if not waitscope.is_present(cls.agent, "unread requests"):
            raise unittest.SkipTest("this kernel cannot tell it")

    def observe(self, *knobs):
        """The program's account, and what is told of its port over a time that holds all of it."""
        truth, answer = waitscope.observe_from_now(self.agent, "unread_requests", *knobs,
                                                   seconds=3, view="pools")
        self.assertNotIn("unread-table", waitscope.losses(answer))
        return truth, [port for pool in answer["pools"] for port in pool.get("unread", [])]

    def require_agreement(self, truth, ports):
        """Every read is counted, and the sum of their ages is between the program's own bounds."""
        reads, age_ns = (sum(ns(port, field) for port in ports) for field in ("reads", "age_ns"))
        max_ns = max(ns(port["age"], "max_ns") for port in ports)
        print(f"{reads} reads of {truth['reads']}, mean age {age_ns / reads / 1e6:.4f} ms, within "
              f"{truth['low_ns'] / reads / 1e6:.4f} to {truth['high_ns'] / reads / 1e6:.4f} ms")
        self.assertEqual(reads, truth["reads"])
        self.assertGreaterEqual(age_ns, truth["low_ns"])
        self.assertLessEqual(age_ns, truth["high_ns"])
        self.assertGreaterEqual(max_ns, truth["max_low_ns"])
        self.assertLessEqual(max_ns, truth["max_high_ns"])
        self.assertEqual(sum(ns(port, "open") for port in ports), 0)

    def test_each_request_s_age_is_told(self):
        truth, ports = self.observe("--delay-us", 20000)
        self.require_agreement(truth, ports)
        (unread,) = ports
        self.assertEqual(ns(unread, "port"), truth["port"])
        self.assertGreaterEqual(ns(unread["age"], "p50_ns"), 20_000_000 * (1 - BUCKET))
        self.assertLessEqual(ns(unread["age"], "p50_ns"), 1.2 * truth["low_ns"] / truth["reads"])

    def test_requests_read_at_once_are_young(self):
        truth, ports = self.observe("--delay-us", 0)
        self.require_agreement(truth, ports)
        self.assertLess(ns(ports[0]["age"], "p50_ns"), 5_000_000)

    def test_time_in_the_queue_of_accept_is_part_of_the_age(self):
        self.require_agreement(*self.observe("--anew", 1))

    def test_what_a_read_leaves_behind_lies_unread_from_then_on(self):
        self.require_agreement(*self.observe("--parts", 3))

    def test_a_reader_that_comes_back_at_once_is_still_at_the_same_request(self):
        truth, (unread,) = self.observe("--parts", 50, "--delay-us", 0)
        self.assertGreaterEqual(ns(unread, "reads"), truth["reads"] / 50)
        # Now and then something else runs for a millisecond between two reads.
        self.assertLessEqual(ns(unread, "reads"), 2 * truth["reads"] / 50)

    def test_data_taken_in_ways_that_are_not_seen_gives_no_wrong_ages(self):
        _, ports = self.observe("--parts", 2, "--unseen", 1)
        self.assertEqual(ports, [])

    def test_what_nobody_reads_is_told_at_its_age_so_far(self):
        with waitscope.Workload("unread_requests", "--delay-us", 10_000_000, "--connections", 3,
                                seconds=10) as workload:
            pending = waitscope.Pending("pools", "--pid", workload.pid, "--duration", "6s",
                                        "--output", "json", endpoint=self.agent.endpoint,
                                        timeout=120)
            time.sleep(waitscope.LEAD_SECONDS)
            released = time.monotonic()
            workload.release()
            answer = pending.answer()
        end_ns = waitscope.unix_ns(waitscope.header(answer)["begin"])
        end_ns += waitscope.window_seconds(answer) * 1e9
        most_ns = end_ns - waitscope.monotonic_to_unix_ns(released * 1e9)
        (unread,) = answer["pools"][0]["unread"]
        self.assertEqual(ns(unread, "reads"), 0)
        self.assertEqual(ns(unread, "open"), 3)
        self.assertLessEqual(ns(unread, "open_oldest_ns"), most_ns)
        self.assertGreaterEqual(ns(unread, "open_oldest_ns"), 0.9 * most_ns)


if __name__ == "__main__":
    unittest.main()
