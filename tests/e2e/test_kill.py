"""Either side dies at any moment: the other says so or carries on, and the kernel keeps nothing."""

import os
import pathlib
import random
import signal
import subprocess
import tempfile
import time
import unittest

import e2e
import waitscope


def start(*arguments, endpoint=None, **options):
    return subprocess.Popen(waitscope.command(*arguments, endpoint=endpoint), text=True,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, **options)


def finish(process, timeout=20):
    stdout, stderr = process.communicate(timeout=timeout)
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def pinned_objects():
    root = pathlib.Path("/sys/fs/bpf")
    return {str(path) for path in root.rglob("*")} if root.is_dir() else set()


class AgentDies(e2e.EndToEnd):
    def test_sigkill_in_the_middle_of_a_question_ends_the_client_and_frees_the_programs(self):
        pins = pinned_objects()
        agent = self.shared_agent()
        programs, maps = e2e.bpf_ids(agent.process.pid)
        self.assertTrue(programs and maps)
        client = start("threads", "--duration", "60s", endpoint=agent.endpoint)
        time.sleep(2)
        agent.process.kill()
        begin = time.monotonic()
        done = finish(client)
        self.assertLess(time.monotonic() - begin, 10)
        self.assert_fails(done, e2e.NO_AGENT)
        agent.process.wait()
        self.assertEqual(e2e.still_loaded("prog", programs), set())
        self.assertEqual(e2e.still_loaded("map", maps), set())
        self.assertEqual(pinned_objects() - pins, set())

    def test_sigkill_in_the_middle_of_a_recording_keeps_what_came(self):
        agent = self.shared_agent()
        log = pathlib.Path(agent.directory) / "killed.wslog"
        client = start("record", "--duration", "60s", "-o", log, endpoint=agent.endpoint)
        time.sleep(4)
        agent.process.kill()
        self.assert_fails(finish(client), e2e.NO_AGENT)
        if log.exists():
            done = waitscope.run("replay", log, "threads", timeout=30)
            self.assertIn(done.returncode, (0, e2e.BAD_FILE), done.stderr)

    def test_sigterm_ends_it_cleanly(self):
        agent = self.shared_agent()
        programs, maps = e2e.bpf_ids(agent.process.pid)
        self.assertEqual(agent.stop(), 0, agent.log.read_text())
        self.assertFalse(os.path.exists(agent.endpoint.removeprefix("unix:")))
        self.assertEqual(e2e.still_loaded("prog", programs), set())
        self.assertEqual(e2e.still_loaded("map", maps), set())

    def test_sigterm_in_the_middle_of_a_question_does_not_hang(self):
        agent = self.shared_agent()
        client = start("threads", "--duration", "60s", endpoint=agent.endpoint)
        time.sleep(1.5)
        begin = time.monotonic()
        agent.stop()
        self.assertLess(time.monotonic() - begin, 10)
        self.assert_fails(finish(client), e2e.NO_AGENT)

    def test_killed_at_any_moment_of_its_start_it_leaves_nothing(self):
        pins, dice = pinned_objects(), random.Random(4)
        seen = set()
        for _ in range(15):
            agent = waitscope.Agent()
            time.sleep(dice.uniform(0.05, 2.5))
            seen |= e2e.bpf_ids(agent.process.pid)[0]
            agent.process.kill()
            agent.process.wait()
            agent.__exit__()
        self.assertTrue(seen, "it never got as far as loading a program")
        self.assertEqual(e2e.still_loaded("prog", seen), set())
        self.assertEqual(pinned_objects() - pins, set())


class ClientDies(e2e.EndToEnd):
    def test_sigkill_of_clients_costs_the_agent_nothing(self):
        agent = self.shared_agent()
        fds = pathlib.Path(f"/proc/{agent.process.pid}/fd")
        # The maps of the system-call programs stay once made: their totals go on from there.
        waitscope.query("syscalls", "--duration", "1s", endpoint=agent.endpoint)
        before = len(list(fds.iterdir()))
        for view in (["threads"], ["syscalls"], ["record", "-o", "/dev/null"], ["top", "--once"]):
            client = start(*view, "--duration", "60s", endpoint=agent.endpoint)
            time.sleep(1)
            client.kill()
            client.communicate()
        self.assertTrue(e2e.wait_until(lambda: len(list(fds.iterdir())) <= before + 1, 15),
                        f"{len(list(fds.iterdir()))} descriptors, {before} before")
        waitscope.query("threads", "--duration", "1s", endpoint=agent.endpoint)

    def test_system_call_programs_go_when_their_reader_dies(self):
        agent = self.shared_agent()

        def attached():
            status = waitscope.query("status", endpoint=agent.endpoint)
            return {p["name"] for p in status["programs"]
                    if p.get("attached") and "sys_" in p.get("attach", "")}

        always = attached()
        client = start("syscalls", "--duration", "60s", endpoint=agent.endpoint)
        self.assertTrue(e2e.wait_until(lambda: attached() - always, 15), "never attached")
        client.kill()
        client.communicate()
        self.assertTrue(e2e.wait_until(lambda: attached() == always, 15), "still attached")

    def test_ctrl_c_is_not_a_failure_of_the_agent(self):
        agent = self.shared_agent()
        client = start("threads", "--duration", "60s", endpoint=agent.endpoint)
        time.sleep(1.5)
        client.send_signal(signal.SIGINT)
        self.assertEqual(finish(client).returncode, 130)
        self.assert_works(waitscope.run("status", endpoint=agent.endpoint))


class PrivateAgent(e2e.EndToEnd):
    """No agent is running, so the view brings its own for its time."""

    def setUp(self):
        if os.path.exists("/run/waitscope/agent.sock"):
            self.skipTest("an agent is installed on this machine")

    def test_one_command_answers_with_nothing_deployed(self):
        others = e2e.agents_of(1)
        done = waitscope.run("threads", "--duration", "1s", timeout=60)
        self.assert_works(done)
        self.assertIn("private", done.stderr)
        self.assertEqual(set(e2e.agents_of(1)) - set(others), set())

    def test_it_goes_with_its_client(self):
        for signal_number in (signal.SIGINT, signal.SIGKILL):
            with self.subTest(signal=signal_number), tempfile.TemporaryDirectory() as scratch:
                client = start("threads", "--duration", "60s",
                               env={**os.environ, "TMPDIR": scratch})
                self.assertTrue(e2e.wait_until(lambda: e2e.agents_of(client.pid), 20))
                agent = e2e.agents_of(client.pid)[0]
                e2e.wait_until(lambda: e2e.bpf_ids(agent)[0], 20)
                programs, _ = e2e.bpf_ids(agent)
                client.send_signal(signal_number)
                client.communicate(timeout=20)
                self.assertTrue(e2e.wait_until(lambda: not os.path.exists(f"/proc/{agent}"), 10),
                                "the private agent outlived its client")
                self.assertEqual(e2e.still_loaded("prog", programs), set())
                self.assertEqual(os.listdir(scratch), [])

    def test_two_at_once_do_not_get_in_each_others_way(self):
        clients = [start("threads", "--duration", "2s", "--output", "json") for _ in range(2)]
        for client in clients:
            self.assert_works(finish(client, timeout=60))


if __name__ == "__main__":
    unittest.main()
