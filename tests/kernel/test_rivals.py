"""A rival that is missing is never a success that nobody looked at."""

import os
import unittest
from unittest import mock

import rivals


class Need(unittest.TestCase):
    def test_what_is_there_is_no_matter(self):
        rivals.need("sh")

    def test_elsewhere_a_missing_one_is_skipped_by_name(self):
        with mock.patch.dict(os.environ), self.assertRaisesRegex(unittest.SkipTest, "no-such-tool"):
            os.environ.pop("CI", None)
            rivals.need("sh", "no-such-tool")

    def test_in_continuous_integration_it_is_a_failure(self):
        with mock.patch.dict(os.environ, CI="true"), \
                self.assertRaisesRegex(AssertionError, "no-such-tool"):
            rivals.need("no-such-tool")


if __name__ == "__main__":
    unittest.main()
