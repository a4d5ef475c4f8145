"""A check that cannot fail proves nothing: each of them is shown a lie here."""

import copy
import unittest

import ledger_checks

TRUTH = {
    "workload": "sleeps", "pid": 10, "steal_ns": 0, "begin_ns": 0, "end_ns": 2_000_200_000,
    "threads": [{
        "role": "sleeper", "pid": 10, "tid": 11, "begin_ns": 0, "end_ns": 2_000_000_000,
        "wall_ns": 2_000_000_000, "cpu_ns": 300_000_000, "run_delay_ns": 200_000_000,
        "blocked_ns": 1_500_000_000, "asked_ns": 1_490_000_000, "voluntary": 100, "involuntary": 7,
        "ops": {"sleep": {"ns": 1_700_000_000, "count": 100}, "spin": {"ns": 9, "count": 1}},
    }],
}
ANSWER = {
    "threads": [{
        "pid": 10, "tid": 11, "comm": "sleeper", "wall_ns": "2000100000",
        "running_ns": "300100000", "runnable_ns": "200000000", "blocked_ns": "1500000000",
        "waits": [{"class": "sleep", "ns": "1499000000", "count": "100"},
                  {"class": "other", "ns": "1000000", "count": "2"}],
        "switches_voluntary": "101", "switches_involuntary": "7",
    }],
}


def with_row(**changes):
    answer = copy.deepcopy(ANSWER)
    answer["threads"][0].update(changes)
    return answer


class LedgerChecks(unittest.TestCase):
    def problem(self, answer):
        problems = ledger_checks.check(TRUTH, answer)
        self.assertTrue(problems, "the lie was believed")
        return " / ".join(problems)

    def test_the_truth_passes(self):
        self.assertEqual(ledger_checks.check(TRUTH, ANSWER), [])

    def test_a_missing_thread_is_told(self):
        self.assertIn("missing", self.problem({"threads": []}))

    def test_lost_running_time_is_told(self):
        self.assertIn("running", self.problem(with_row(running_ns="280000000")))

    def test_a_residual_is_told(self):
        answer = with_row(wall_ns="2002600000", residual_ns="2500000")
        self.assertIn("residual", self.problem(answer))

    def test_states_that_do_not_add_up_are_told(self):
        self.assertIn("not the wall time", self.problem(with_row(wall_ns="2000100001")))

    def test_waits_that_do_not_add_up_are_told(self):
        waits = [{"class": "sleep", "ns": "1499999999", "count": "100"}]
        self.assertIn("the waits make", self.problem(with_row(waits=waits)))

    def test_a_wrong_class_is_told(self):
        waits = [{"class": "lock", "ns": "1500000000", "count": "100"}]
        problem = self.problem(with_row(waits=waits))
        self.assertIn("never made", problem)
        self.assertIn("sleep is 0.000 ms", problem)

    def test_lost_switches_are_told(self):
        self.assertIn("voluntary switches", self.problem(with_row(switches_voluntary="80")))

    def test_a_window_counted_twice_is_told(self):
        row = with_row(wall_ns="4000200000", running_ns="600200000", runnable_ns="400000000",
                       blocked_ns="3000000000")
        self.assertIn("far more", self.problem(row))

    def test_time_beyond_the_window_is_told(self):
        problems = ledger_checks.check_living(ANSWER, 1_000_000_000, 1_500_000_000)
        self.assertTrue(any("between asking" in p for p in problems), problems)


if __name__ == "__main__":
    unittest.main()
