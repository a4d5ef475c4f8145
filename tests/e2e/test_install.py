"""What `cmake --install` leaves on a machine runs from there."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import e2e
import waitscope

BUILD = waitscope.BIN.parent


class Install(e2e.EndToEnd):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory(prefix="waitscope-install-")
        cls.addClassCleanup(directory.cleanup)
        cls.root = pathlib.Path(directory.name)
        subprocess.run(["cmake", "--install", BUILD], check=True, capture_output=True,
                       env={**os.environ, "DESTDIR": directory.name})
        cls.prefix = cls.root / "usr/local"

    def run_installed(self, *command, **options):
        # Nothing but the system's own programs beside them.
        return subprocess.run([str(self.prefix / "bin" / command[0]), *command[1:]],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=60, check=False, cwd="/",
                              env={"PATH": "/usr/bin:/bin", "HOME": "/"}, **options)

    def test_a_view_finds_the_installed_agent(self):
        done = self.run_installed("waitscope", "threads", "--duration", "1s")
        self.assertIn("lost", self.assert_works(done))

    def test_the_unit_starts_what_was_installed(self):
        unit = self.prefix / "lib/systemd/system/waitscoped.service"
        program = re.search(r"^ExecStart=(\S+)", unit.read_text(), re.MULTILINE)[1]
        self.assertTrue(os.access(self.root / program.lstrip("/"), os.X_OK), program)

    def test_the_unit_is_one_that_systemd_takes(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("systemd is not on this machine")
        unit = self.prefix / "lib/systemd/system/waitscoped.service"
        # It looks for the program, which is below another root here.
        here = self.root / "waitscoped.service"
        here.write_text(unit.read_text().replace("/usr/local", str(self.prefix)))
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", here], text=True,
                              capture_output=True, timeout=30, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("waitscoped.service", done.stderr)

    def test_the_manual_is_there(self):
        for page in ("man1/waitscope.1", "man8/waitscoped.8"):
            self.assertTrue((self.prefix / "share/man" / page).is_file(), page)


if __name__ == "__main__":
    unittest.main()
