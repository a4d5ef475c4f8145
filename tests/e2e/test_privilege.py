"""Less than root, and kernels that lack something."""

import os
import shutil
import subprocess
import tempfile
import unittest

import e2e
import waitscope

NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
WITHOUT_BPF = ["setpriv", "--bounding-set", "-bpf,-perfmon,-sys_admin", "--inh-caps",
               "-bpf,-perfmon,-sys_admin"]


def run_client(prefix, *arguments, binary=None):
    command = [*prefix, binary or str(waitscope.BIN / "waitscope"), *map(str, arguments)]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=40, check=False)


class Privilege(e2e.EndToEnd):
    @classmethod
    def setUpClass(cls):
        # Somewhere a stranger may read, whatever the build directory's modes are.
        cls.directory = tempfile.mkdtemp(prefix="waitscope-nobody-")
        cls.addClassCleanup(shutil.rmtree, cls.directory)
        os.chmod(cls.directory, 0o755)
        for name in ("waitscope", "waitscoped"):
            shutil.copy(waitscope.BIN / name, cls.directory)

    def test_a_view_without_privilege_names_what_is_missing(self):
        done = run_client(NOBODY, "threads", "--duration", "1s",
                          binary=f"{self.directory}/waitscope")
        self.assert_fails(done, e2e.NO_PRIVILEGE, "CAP_BPF", "CAP_PERFMON")

    def test_an_agent_without_privilege_names_what_is_missing(self):
        # Where it may listen, so that nothing but the missing capabilities stops it.
        own = tempfile.mkdtemp(dir=self.directory)
        os.chown(own, 65534, 65534)
        command = [*NOBODY, f"{self.directory}/waitscoped", "--listen", f"unix:{own}/agent.sock"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=30, check=False)
        self.assert_fails(done, e2e.NO_PRIVILEGE, "CAP_BPF")

    def test_root_without_the_capabilities_is_told_which(self):
        with tempfile.TemporaryDirectory() as directory:
            done = e2e.run_agent("--listen", f"unix:{directory}/agent.sock", prefix=WITHOUT_BPF)
        self.assert_fails(done, e2e.NO_PRIVILEGE, "CAP_BPF")

    def test_check_names_what_is_missing_and_does_not_ask_for_root(self):
        done = e2e.run_agent("--check", prefix=WITHOUT_BPF)
        self.assertEqual(done.returncode, e2e.NO_PRIVILEGE, done.stdout + done.stderr)
        self.assertIn("CAP_BPF", done.stdout)

    def test_a_user_with_the_two_capabilities_needs_no_root(self):
        """As systemd's AmbientCapabilities gives them."""
        own = tempfile.mkdtemp(dir=self.directory)
        os.chown(own, 65534, 65534)
        may = ["--inh-caps", "+bpf,+perfmon", "--ambient-caps", "+bpf,+perfmon"]
        done = run_client([*NOBODY, *may], "--check", binary=f"{self.directory}/waitscoped")
        self.assert_works(done)
        self.assertIn("waitscoped can work here", done.stdout)

    def test_the_socket_is_for_its_owner(self):
        agent = self.shared_agent()
        os.chmod(agent.directory, 0o755)
        path = agent.endpoint.removeprefix("unix:")
        self.assertEqual(os.stat(path).st_mode & 0o077, 0)
        done = run_client(NOBODY, "--endpoint", agent.endpoint, "status",
                          binary=f"{self.directory}/waitscope")
        self.assertIn(done.returncode, (e2e.NO_PRIVILEGE, e2e.NO_AGENT))
        self.assertIn("permission", done.stderr.lower())


class Kernel(e2e.EndToEnd):
    def without_btf(self, *flags):
        """The agent on a kernel whose type information is hidden."""
        script = 'mount -t tmpfs tmpfs /sys/kernel/btf && exec "$@"'
        return e2e.run_agent(*flags, prefix=["unshare", "--mount", "sh", "-c", script, "sh"])

    def test_missing_btf_is_named(self):
        with tempfile.TemporaryDirectory() as directory:
            done = self.without_btf("--listen", f"unix:{directory}/agent.sock")
        self.assert_fails(done, e2e.AGENT_KERNEL, "BTF")

    def test_check_names_missing_btf(self):
        done = self.without_btf("--check")
        self.assertEqual(done.returncode, e2e.AGENT_KERNEL)
        self.assertIn("CONFIG_DEBUG_INFO_BTF", done.stdout)

    def test_an_agent_that_cannot_know_who_is_who_does_not_start(self):
        with tempfile.TemporaryDirectory() as directory:
            done = e2e.run_agent("--listen", f"unix:{directory}/agent.sock",
                                 prefix=["unshare", "--pid", "--fork", "--mount-proc"])
        self.assert_fails(done, e2e.AGENT_KERNEL, "PID namespace", "--pid host")

    def without_tracefs(self, *prefix):
        script = "umount -l /sys/kernel/tracing; umount -l /sys/kernel/debug; exec \"$@\""
        return e2e.run_agent("--check",
                             prefix=["unshare", "--mount", "sh", "-c", script, "sh", *prefix])

    def test_an_agent_mounts_tracefs_where_nobody_has(self):
        done = self.without_tracefs()
        self.assert_works(done)
        self.assertRegex(done.stdout, "yes +system-call tracepoints")

    def test_an_agent_that_may_not_mount_tracefs_says_what_is_missing_without_it(self):
        done = self.without_tracefs("setpriv", "--bounding-set", "-sys_admin", "--inh-caps",
                                    "-sys_admin")
        self.assert_works(done)
        self.assertRegex(done.stdout, "no +system-call tracepoints .*mount tracefs")

    def test_check_says_what_this_kernel_gives(self):
        done = e2e.run_agent("--check")
        self.assert_works(done)
        self.assertIn(os.uname().release, done.stdout)


if __name__ == "__main__":
    unittest.main()
