"""A guest that says too little, or the wrong thing, must not pass."""

import unittest

import check

WHOLE = """@@BOOT 6.1.0-x 2.50\r
@@BEGIN check\r
all there\r
\r
@@END check 0\r
@@BEGIN leftovers\r
[]\r
\r
@@END leftovers 0\r
@@DONE blocks=2 uptime=9.00\r
"""


class ConsoleTest(unittest.TestCase):
    def test_blocks_arrive_by_name_without_carriage_returns(self):
        console = check.Console(WHOLE)
        self.assertEqual(console.text("check"), "all there\n\n")
        self.assertEqual(console.json("leftovers"), [])
        self.assertEqual(check.check_whole(console), [])

    def test_a_console_without_the_closing_count_fails(self):
        console = check.Console(WHOLE.replace("@@DONE", "cut"))
        self.assertIn("did not finish", check.check_whole(console)[0])

    def test_a_lost_block_fails(self):
        console = check.Console(WHOLE.replace("@@END check", "@@EN? check"))
        self.assertIn("printed 2 blocks, 1 arrived", check.check_whole(console)[0])

    def test_a_guest_that_never_booted_fails(self):
        self.assertIn("never reached", check.judge("SeaBIOS").problems[0])

    def test_a_failed_command_is_reported_with_what_it_said(self):
        text = WHOLE.replace("@@END check 0", "@@END check 3\n@@BEGIN check.stderr\nno BTF\n"
                                              "@@END check.stderr 0")
        with self.assertRaisesRegex(check.Missing, "exit code 3: no BTF"):
            check.Console(text).text("check")

    def test_a_program_left_behind_is_named(self):
        console = check.Console(WHOLE.replace("[]", '[{"id":7,"name":"sched_switch"}]'))
        self.assertEqual(check.check_leftovers(console),
                         ["BPF programs left behind: sched_switch"])

    def test_every_scenario_that_did_not_answer_is_a_problem(self):
        problems = "\n".join(check.judge(WHOLE).problems)
        for scenario in check.scenarios():
            self.assertIn(f"{scenario.name}.threads: no answer", problems)


class KernelLogTest(unittest.TestCase):
    def test_a_kernel_warning_fails_and_ordinary_noise_does_not(self):
        log = "@@BEGIN kernel.warnings\n<4>[ 0.9] mtrr: inconsistent\n{}\n@@END kernel.warnings 0\n"
        quiet, loud = check.Console(log.format("")), check.Console(log.format("<4>[2] WARNING: CPU"))
        self.assertEqual(check.check_kernel_log(quiet), [])
        self.assertEqual(len(check.check_kernel_log(loud)), 1)


class SampledTest(unittest.TestCase):
    CONSOLE = """@@BEGIN a.hogs.truth
{"threads": [{"tid": 7, "cpu_ns": 1000}]}
@@END a.hogs.truth 0
@@BEGIN a.flame
{"threads": [{"tid": 3}, {"tid": 7}], "samples": [{"ns": "900"}, {"thread": 1, "ns": "%d"}]}
@@END a.flame 0
"""

    def test_a_cpu_without_samples_is_a_problem(self):
        few, enough = check.Console(self.CONSOLE % 400), check.Console(self.CONSOLE % 600)
        self.assertIn("0 ms of samples", check.check_sampled(few, "a")[0])
        self.assertEqual(check.check_sampled(enough, "a"), [])


class ScenarioTest(unittest.TestCase):
    def test_each_scenario_holds_a_truth_and_watches_the_threads(self):
        self.assertTrue(check.scenarios())
        for scenario in check.scenarios():
            self.assertTrue(scenario.truths)
            self.assertIn("threads", scenario.views)


if __name__ == "__main__":
    unittest.main()
