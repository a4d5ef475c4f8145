"""What people get wrong, and machines that are not there: a clear sentence, a documented exit
code, and no hang."""

import os
import pathlib
import random
import re
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import e2e  # first: it makes the next one findable
import waitscope


class Usage(e2e.EndToEnd):
    def test_durations_that_are_none(self):
        for text in ("abc", "-1s", "0", "0s", "10parsecs", "", "1e400s", "99999999999999h"):
            with self.subTest(duration=text):
                done = waitscope.run("threads", f"--duration={text}", timeout=10)
                self.assert_fails(done, e2e.USAGE, "duration")

    def test_two_times_at_once(self):
        done = waitscope.run("threads", "--duration", "1s", "--since", "1m", timeout=10)
        self.assert_fails(done, e2e.USAGE, "--since", "--duration")

    def test_options_and_views_that_are_none(self):
        for arguments in (["thread"], ["threads", "--pidd", "1"], ["threads", "--pid", "one"],
                          ["threads", "--pid", "-5"], ["threads", "--output", "svg"],
                          ["flame", "--kind", "on-mars"], ["pools", "--pid", "all"],
                          ["pools", "--output", "svg"], ["loops", "--duration", "never"],
                          ["loops", "--kind", "lock"], ["locks", "--word", "0x10"],
                          ["locks", "--since", "1m", "--duration", "1s"], ["run"], ["replay"], ["diff", "a"]):
            with self.subTest(arguments=arguments):
                self.assert_fails(waitscope.run(*arguments, timeout=10), e2e.USAGE)

    def test_agent_settings_that_are_none(self):
        for flags in (["--window", "0"], ["--window", "1ms"], ["--ring-bytes", "1"],
                      ["--ring-bytes", "lots"], ["--period", "1h"], ["--cpu-hz", "100000"],
                      ["--listen", "nonsense"], ["--listen", "127.0.0.1:99999"],
                      ["--tls-cert", "only.crt"], ["--no-such-flag"]):
            with self.subTest(flags=flags):
                self.assert_fails(e2e.run_agent(*flags), e2e.USAGE)

    def test_plain_text_off_loopback_is_refused(self):
        for address in ("0.0.0.0:0", "[::]:0", "192.0.2.1:7717"):
            with self.subTest(address=address):
                self.assert_fails(e2e.run_agent("--listen", address), e2e.USAGE, "tls")


    def test_an_output_whose_name_says_no_format_or_another_one(self):
        for arguments, word in ((["flame", "-o", "x.png"], ".svg"),
                                (["threads", "-o", "x.svg"], "text|json"),
                                (["flame", "-o", "x.svg", "--output", "folded"], "--output says"),
                                (["run", "-o", "x.png", "--", "true"], ".svg"),
                                (["record", "-o", "x.json"], ".wslog")):
            with self.subTest(arguments=arguments):
                done = waitscope.run(*arguments, timeout=10)
                self.assert_fails(done, e2e.USAGE, word)
                self.assertFalse(pathlib.Path(arguments[2]).exists())

    def test_garbage_in_every_option_of_every_command(self):
        commands = re.findall(r"^  ([a-z]+)  ", waitscope.run("--help").stdout.split("Subcommands:")[1],
                              re.MULTILINE)
        self.assertGreater(len(commands), 14)
        for command in commands:
            text = waitscope.run(command, "--help").stdout
            for option in re.findall(r"^  (?:-\w,)?(--[a-z-]+) ", text, re.MULTILINE):
                for value in ("", "\x01%s\x1b[2J", "-1", "9" * 400, "/"):
                    with self.subTest(command=command, option=option, value=value):
                        done = waitscope.run(command, f"{option}={value}", timeout=10,
                                             endpoint="unix:/nowhere/agent.sock")
                        self.assertIn(done.returncode, (0, e2e.FAILURE, e2e.USAGE, e2e.NO_AGENT,
                                                        e2e.BAD_FILE), done.stderr)
                        self.assertTrue(done.returncode == 0 or done.stderr.strip())


class NoSuchTarget(e2e.EndToEnd):
    def test_an_unknown_pid(self):
        agent, pid = self.shared_agent(), e2e.unused_pid()
        for view in (["threads"], ["pools"], ["loops"], ["locks"], ["flame"], ["runq"], ["io"],
                     ["wakers"], ["syscalls"], ["diagnose"], ["record", "-o", "/dev/null"]):
            with self.subTest(view=view):
                done = waitscope.run(*view, "--pid", pid, "--duration", "1s",
                                     endpoint=agent.endpoint, timeout=20)
                self.assert_fails(done, e2e.NOTHING_MATCHED, pid)

    def test_a_pid_that_was_gone_before(self):
        agent = self.shared_agent()
        gone = subprocess.Popen(["true"])
        gone.wait()
        done = waitscope.run("threads", "--pid", gone.pid, "--duration", "1s",
                             endpoint=agent.endpoint, timeout=20)
        self.assert_fails(done, e2e.NOTHING_MATCHED, gone.pid)

    def test_a_pid_that_vanishes_in_the_window_keeps_its_time(self):
        agent = self.shared_agent()
        with subprocess.Popen(["sleep", "60"]) as doomed:
            threading.Timer(2, doomed.kill).start()
            answer = waitscope.query("threads", "--pid", doomed.pid, "--duration", "4s",
                                     endpoint=agent.endpoint)
        row = waitscope.threads_by_tid(answer)[doomed.pid]
        self.assertTrue(row["exited"])
        self.assertGreater(waitscope.number(row, "wall_ns"), 1e9)
        self.assertLess(waitscope.number(row, "wall_ns"), 3e9)


class NoAgentThere(e2e.EndToEnd):
    def assert_unreachable(self, endpoint, *words, **options):
        begin = time.monotonic()
        done = waitscope.run("threads", "--duration", "1s", endpoint=endpoint, timeout=40,
                             **options)
        self.assert_fails(done, e2e.NO_AGENT, *words)
        self.assertLess(time.monotonic() - begin, 20)

    def test_no_such_socket(self):
        self.assert_unreachable("unix:/nowhere/agent.sock", "/nowhere/agent.sock")

    def test_a_closed_port(self):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
        self.assert_unreachable(f"127.0.0.1:{port}", f"127.0.0.1:{port}")

    def test_an_address_that_is_none(self):
        done = waitscope.run("status", endpoint="unix:", timeout=20)
        self.assertIn(done.returncode, (e2e.USAGE, e2e.NO_AGENT))

    def test_a_server_that_never_answers(self):
        with tempfile.TemporaryDirectory() as directory, socket.socket(socket.AF_UNIX) as silent:
            silent.bind(f"{directory}/silent.sock")
            silent.listen()
            self.assert_unreachable(f"unix:{directory}/silent.sock", "silent.sock")

    def test_a_server_that_speaks_something_else(self):
        with tempfile.TemporaryDirectory() as directory, socket.socket(socket.AF_UNIX) as babbler:
            babbler.bind(f"{directory}/babble.sock")
            babbler.listen()
            babbler.settimeout(30)
            stop = threading.Event()

            def babble():
                while not stop.is_set():
                    try:
                        peer, _ = babbler.accept()
                    except OSError:
                        return
                    with peer:
                        peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + random.Random(1).randbytes(4096))

            thread = threading.Thread(target=babble, daemon=True)
            thread.start()
            self.assert_unreachable(f"unix:{directory}/babble.sock", "babble.sock")
            stop.set()


class TwoAgents(e2e.EndToEnd):
    def test_a_second_agent_on_the_same_socket_is_refused_and_the_first_goes_on(self):
        agent = self.shared_agent()
        done = e2e.run_agent("--listen", agent.endpoint)
        self.assert_fails(done, e2e.AGENT_IN_USE, agent.endpoint.removeprefix("unix:"))
        self.assert_works(waitscope.run("status", endpoint=agent.endpoint))

    def test_a_second_agent_on_the_same_port_is_refused(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{probe.getsockname()[1]}"
        first = waitscope.Agent(listen=address)
        with first:
            self.assert_fails(e2e.run_agent("--listen", address), e2e.AGENT_IN_USE, address)

    def test_a_socket_left_by_a_killed_agent_is_taken_over(self):
        first = waitscope.Agent()
        with first:
            first.process.kill()
            first.process.wait()
            second = waitscope.Agent(listen=first.endpoint)
            with second:
                self.assert_works(waitscope.run("status", endpoint=second.endpoint))

    def test_sockets_that_cannot_be_made(self):
        with tempfile.TemporaryDirectory() as directory:
            for path, word in ((f"{directory}/{'x' * 120}.sock", "longer than"),
                               (directory, "no socket"), ("/proc/waitscope/agent.sock", "/proc")):
                with self.subTest(path=path):
                    done = e2e.run_agent("--listen", f"unix:{path}")
                    self.assertNotEqual(done.returncode, 0)
                    self.assertIn(word, done.stderr)
            self.assertEqual(os.listdir(directory), [])

    def test_a_file_that_is_no_socket_is_not_replaced(self):
        with tempfile.TemporaryDirectory() as directory:
            precious = pathlib.Path(directory) / "notes.txt"
            precious.write_text("keep me")
            done = e2e.run_agent("--listen", f"unix:{precious}")
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(str(precious), done.stderr)
            self.assertEqual(precious.read_text(), "keep me")


class Recordings(e2e.EndToEnd):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory(dir=waitscope.SCRATCH)
        cls.addClassCleanup(cls.directory.cleanup)
        cls.log = pathlib.Path(cls.directory.name) / "good.wslog"
        with waitscope.Agent() as agent:
            done = waitscope.run("record", "--duration", "2s", "-o", cls.log,
                                 endpoint=agent.endpoint)
        if done.returncode != 0:
            raise AssertionError(f"record failed: {done.stderr}")

    def replay(self, content):
        path = pathlib.Path(self.directory.name) / "bad.wslog"
        path.write_bytes(content)
        return waitscope.run("replay", path, "threads", timeout=30)

    def test_a_good_recording_replays(self):
        self.assert_works(waitscope.run("replay", self.log, "threads", timeout=30))

    def test_a_file_that_is_missing(self):
        done = waitscope.run("replay", "/nowhere/x.wslog", "threads", timeout=20)
        self.assert_fails(done, e2e.BAD_FILE, "/nowhere/x.wslog")

    def test_a_directory(self):
        done = waitscope.run("replay", self.directory.name, "threads", timeout=20)
        self.assert_fails(done, e2e.BAD_FILE, self.directory.name)

    def test_files_that_are_no_recording(self):
        for name, content in (("empty", b""), ("text", b"hello\n" * 100),
                              ("noise", random.Random(2).randbytes(65536)),
                              ("zeros", bytes(65536))):
            with self.subTest(content=name):
                self.assert_fails(self.replay(content), e2e.BAD_FILE, "bad.wslog")

    def test_a_recording_of_another_version(self):
        changed = bytearray(self.log.read_bytes())
        changed[6:8] = (16385).to_bytes(2, "little")  # the format's number, after the magic
        self.assert_fails(self.replay(bytes(changed)), e2e.BAD_FILE, "format 16385", "newer")

    def test_a_recording_cut_short_says_so(self):
        content = self.log.read_bytes()
        for share in (0.3, 0.7, 0.99):
            with self.subTest(share=share):
                done = self.replay(content[:int(len(content) * share)])
                self.assertIn(done.returncode, (0, e2e.BAD_FILE), done.stderr)
                said = (done.stdout + done.stderr).lower()
                self.assertTrue(any(word in said for word in ("cut", "truncated", "incomplete",
                                                              "short", "ends")), said)

    def test_flipped_bits_never_crash(self):
        content, dice = self.log.read_bytes(), random.Random(3)
        for trial in range(20):
            changed = bytearray(content)
            for _ in range(dice.randint(1, 30)):
                changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
            with self.subTest(trial=trial):
                done = self.replay(bytes(changed))
                self.assertIn(done.returncode, (0, e2e.BAD_FILE), done.stderr)


class Disks(e2e.EndToEnd):
    def mount_small(self, *options, size="64k"):
        directory = tempfile.mkdtemp(prefix="waitscope-full-")
        subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join((f"size={size}", *options)), "tmpfs",
                        directory], check=True)
        self.addCleanup(os.rmdir, directory)
        self.addCleanup(subprocess.run, ["umount", directory], check=True)
        return pathlib.Path(directory)

    def test_a_full_disk_stops_a_recording_with_a_reason(self):
        agent, full = self.shared_agent("--period", "0"), self.mount_small(size="8k")
        done = waitscope.run("record", "--duration", "5s", "-o", full / "x.wslog",
                             endpoint=agent.endpoint, timeout=60)
        self.assert_fails(done, e2e.FAILURE, "no space", "x.wslog")
        self.assert_works(waitscope.run("status", endpoint=agent.endpoint))

    def test_a_full_disk_leaves_no_half_of_a_view(self):
        agent, full = self.shared_agent(), self.mount_small()
        (full / "filler").write_bytes(bytes(60 * 1024))
        done = waitscope.run("flame", "--duration", "2s", "-o", full / "x.svg",
                             endpoint=agent.endpoint)
        self.assert_fails(done, e2e.FAILURE, "no space")
        self.assertEqual([path.name for path in full.iterdir()], ["filler"])

    def test_a_read_only_directory(self):
        agent, frozen = self.shared_agent(), self.mount_small("ro")
        done = waitscope.run("record", "--duration", "1s", "-o", frozen / "x.wslog",
                             endpoint=agent.endpoint)
        self.assert_fails(done, e2e.FAILURE, "read-only")
        done = e2e.run_agent("--listen", f"unix:{frozen}/agent.sock")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("read-only", done.stderr.lower())

    def test_a_reader_that_goes_away(self):
        agent = self.shared_agent()
        read_end, write_end = os.pipe()
        os.close(read_end)
        done = subprocess.run(waitscope.command("threads", "--duration", "1s",
                                                endpoint=agent.endpoint),
                              stdin=subprocess.DEVNULL, stdout=write_end, stderr=subprocess.PIPE,
                              text=True, timeout=30, check=False)
        os.close(write_end)
        self.assertNotIn("Sanitizer", done.stderr)
        self.assertNotEqual(done.returncode, 0)


if __name__ == "__main__":
    unittest.main()
