"""Nothing that was tried again or skipped goes by unseen."""

import importlib.machinery
import importlib.util
import unittest

import tree

LOADER = importlib.machinery.SourceFileLoader("closing_lines", str(tree.ROOT / ".ci/closing_lines"))
SPEC = importlib.util.spec_from_loader(LOADER.name, LOADER)
closing = importlib.util.module_from_spec(SPEC)
LOADER.exec_module(closing)

CONSOLE = """
1/4 Test #1: kernel.truth .....................***Failed    0.01 sec
test_it (test_truth.Truth.test_it) ... FAIL

    Start 1: kernel.truth
    Test #1: kernel.truth .....................   Passed    0.02 sec
2/4 Test #2: kernel.block .....................   Passed    0.00 sec
3/4 Test #3: e2e.kill .........................***Timeout   3.00 sec
    Test #3: e2e.kill .........................***Failed    0.00 sec
4/4 Test #4: Kallsyms.OfThisMachine ...........***Skipped   0.03 sec

75% tests passed, 1 tests failed out of 4

Total Test time (real) =   3.02 sec
"""

ALL = """
test_rates (test_block.Block.test_rates) ... skipped 'not installed: iostat'
test_the_unit (test_install.Install.test_the_unit)
A first line of words ... skipped "systemd isn't on this machine"
setUpClass (test_block.Block) ... skipped '/var/tmp is not on a block device'
test_it (test_block.Block.test_it) ... ok
"""


class ClosingLinesTest(unittest.TestCase):
    def test_counts_failures_and_tries(self):
        self.assertEqual(closing.closing_lines([CONSOLE]), [
            "75% tests passed, 1 tests failed out of 4",
            "Total Test time (real) =   3.02 sec",
            "tried again: kernel.truth passed after ***Failed",
            "***Failed: e2e.kill, tried 2 times",
            "***Skipped: Kallsyms.OfThisMachine"])

    def test_what_was_skipped_has_its_reason_once(self):
        self.assertEqual(closing.closing_lines([ALL, ALL]), [
            "skipped: A first line of words: systemd isn't on this machine",
            "skipped: setUpClass: /var/tmp is not on a block device",
            "skipped: test_rates: not installed: iostat"])

    def test_dev_retries_what_measures_and_nothing_else(self):
        retried = [line for line in tree.read("dev").splitlines() if "--repeat" in line]
        self.assertEqual(len(retried), 1)
        self.assertIn("-L measures ", retried[0])
        self.assertNotIn("measures", tree.read("tests/e2e/CMakeLists.txt"))


if __name__ == "__main__":
    unittest.main()
