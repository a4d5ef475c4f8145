"""Every view in every format it offers, live and replayed."""

import gzip
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

import e2e
import waitscope

MEASURED = ("threads", "pools", "loops", "locks", "flame", "io", "runq", "syscalls", "wakers")
KINDS = ("off-cpu", "on-cpu", "wall", "runq", "disk", "lock", "waker")


class Views(e2e.EndToEnd):
    @classmethod
    def setUpClass(cls):
        cls.agent = waitscope.Agent("--window", "1s")
        cls.agent.__enter__()
        cls.addClassCleanup(cls.agent.__exit__)
        cls.busy = waitscope.Workload("convoy", "--threads", 3, seconds=600)
        cls.addClassCleanup(cls.busy.__exit__)
        cls.busy.release()

    def ask(self, *arguments, timeout=60):
        return self.assert_works(waitscope.run(*arguments, endpoint=self.agent.endpoint,
                                               timeout=timeout))

    def test_each_view_as_text_and_as_json(self):
        for view in MEASURED:
            with self.subTest(view=view):
                target = ["--pid", self.busy.pid, "--duration", "1s"]
                self.assertTrue(self.ask(view, *target).strip())
                answer = json.loads(self.ask(view, *target, "--output", "json"))
                schema = waitscope.header(answer)["schema"]
                self.assertRegex(schema, r"^waitscope\.[a-z]+/v1$")
                self.assert_original_names(answer)

    def assert_original_names(self, answer):
        """As in the protocol's files, not as JSON would have them."""
        if isinstance(answer, dict):
            for name, value in answer.items():
                self.assertRegex(name, r"^[a-z][a-z0-9_]*$")
                self.assert_original_names(value)
        for value in answer if isinstance(answer, list) else ():
            self.assert_original_names(value)

    def test_status_top_and_run_have_the_protocols_names_too(self):
        for arguments in (["status"], ["top", "--once"]):
            self.assert_original_names(json.loads(self.ask(*arguments, "--output", "json")))
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "run.json"
            self.ask("run", "-o", path, "--", "true")
            self.assert_original_names(json.loads(path.read_text()))

    def test_text_in_a_pipe_has_80_columns_no_colour_and_the_next_command(self):
        for view in (*MEASURED, "top"):
            with self.subTest(view=view):
                target = [] if view == "top" else ["--pid", self.busy.pid]
                text = self.ask(view, *target, "--duration", "1s")
                self.assertRegex(text.splitlines()[-1], r"^next: waitscope [a-z]+ ")
                self.assertLessEqual(max(map(len, text.splitlines())), 80, text)
                self.assertNotIn("\x1b", text)

    def test_a_name_that_is_no_text_breaks_no_view(self):
        script = ("import sys, time; "
                  "open('/proc/self/comm', 'wb').write(b'\\xff\\x1b[2J\\xc2\\x9b\\xe6\\x97'); "
                  "print(flush=True); time.sleep(600)")
        odd = subprocess.Popen([sys.executable, "-c", script, "\udcff"], stdout=subprocess.PIPE)
        for put_away in (odd.stdout.close, odd.wait, odd.kill):
            self.addCleanup(put_away)
        odd.stdout.readline()
        for view in (*MEASURED, "top"):
            with self.subTest(view=view):
                target = ["--pid", odd.pid, "--duration", "1s"]
                text = self.ask(view, *target)
                self.assertFalse(set(text) & {"\x1b", "\x9b", "\ufffd"}, text)
                json.loads(self.ask(view, *target, "--output", "json"))
        row = json.loads(self.ask("threads", "--pid", odd.pid, "--duration", "1s", "--output",
                                  "json"))["threads"][0]
        self.assertEqual(row["comm"], "??[2J????")

    def test_a_convoy_is_a_finding_without_anybody_asking_for_a_diagnosis(self):
        def told():
            status = json.loads(self.ask("status", "--output", "json"))
            return [f for f in status["findings"] if f["process"]["pid"] == self.busy.pid]

        self.assertTrue(e2e.wait_until(told, timeout=30))
        (finding,) = [f for f in told() if f["condition"] == "lock-contention"][:1]
        self.assertTrue(finding["lasting"])
        self.assertLess(waitscope.unix_ns(finding["begin"]), waitscope.unix_ns(finding["end"]))
        self.assertIn("lock-contention", self.ask("top", "--once"))
        text = self.ask("threads", "--pid", self.busy.pid, "--duration", "1s")
        self.assertIn(f"next: waitscope diagnose --pid {self.busy.pid}", text)
        later = json.loads(self.ask("status", "--output", "json"))
        self.assertIn(finding["id"], [f["id"] for f in later["findings"]])

    def test_status_and_top(self):
        self.assertIn("lost", self.ask("top", "--once").lower())
        status = json.loads(self.ask("status", "--output", "json"))
        self.assertGreater(waitscope.number(status, "history_bytes"), 0)
        self.assertTrue(any(p.get("attached") for p in status["programs"]))

    def test_the_past_is_remembered(self):
        answer = json.loads(self.ask("threads", "--pid", self.busy.pid, "--since", "2s",
                                     "--output", "json"))
        self.assertGreaterEqual(waitscope.window_seconds(answer), 1)

    def test_every_kind_of_flame_graph(self):
        for kind in KINDS:
            with self.subTest(kind=kind):
                self.ask("flame", "--pid", self.busy.pid, "--duration", "1s", "--kind", kind,
                         "--output", "folded")

    def test_folded_stacks_hold_the_programs_functions_and_nanoseconds(self):
        view = ("flame", "--pid", self.busy.pid, "--duration", "2s", "--kind", "lock",
                "--output", "folded")
        text = self.ask(*view)
        rows = [line.rpartition(" ") for line in text.splitlines() if line]
        total = sum(int(weight) for _, _, weight in rows)
        # Three threads, of which two at any moment queue for the lock that the third holds.
        self.assertGreater(total, 2e9)
        self.assertTrue(any("__lll_lock_wait" in stack for stack, _, _ in rows), text)
        self.assertNotIn("start_thread", text)
        self.assertIn("start_thread", self.ask(*view, "--all-frames"))

    def test_a_flame_graph_is_one_well_formed_file(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "out.svg"
            self.ask("flame", "--pid", self.busy.pid, "--duration", "1s", "-o", path)
            root = xml.etree.ElementTree.parse(path).getroot()
            self.assertTrue(root.tag.endswith("svg"))
            text = path.read_text()
            for outside in ("http://", "https://"):
                self.assertNotIn(f'src="{outside}', text)
                self.assertNotIn(f'href="{outside}', text)

    def test_pprof_and_speedscope_files_open(self):
        with tempfile.TemporaryDirectory() as directory:
            profile = pathlib.Path(directory) / "out.pb.gz"
            self.ask("flame", "--pid", self.busy.pid, "--duration", "1s", "-o", profile)
            self.assertGreater(len(gzip.decompress(profile.read_bytes())), 100)
            speedscope = pathlib.Path(directory) / "out.speedscope.json"
            self.ask("flame", "--pid", self.busy.pid, "--duration", "1s", "-o", speedscope)
            self.assertIn("speedscope", json.loads(speedscope.read_text())["$schema"])

    def test_run_tells_where_the_time_went_and_passes_the_exit_code_on(self):
        done = waitscope.run("run", "--", "sh", "-c", "sleep 0.5; exit 7",
                             endpoint=self.agent.endpoint)
        self.assertEqual(done.returncode, 7, done.stderr)
        self.assertIn("sleep", (done.stdout + done.stderr).lower())
        for words in (["echo", "a", "--", "b"], ["--", "echo", "a", "--", "b"]):
            done = waitscope.run("run", *words, endpoint=self.agent.endpoint)
            self.assertEqual(done.stdout, "a -- b\n")
        done = waitscope.run("run", "--", "/nowhere/command", endpoint=self.agent.endpoint)
        self.assertEqual(done.returncode, 127, done.stderr)
        done = waitscope.run("run", "--", "sh", "-c", "kill -9 $$", endpoint=self.agent.endpoint)
        self.assertEqual(done.returncode, 137, done.stderr)

    def test_a_recording_replays_every_view(self):
        with tempfile.TemporaryDirectory() as directory:
            log = pathlib.Path(directory) / "x.wslog"
            self.ask("record", "--duration", "3s", "-o", log)
            for view in MEASURED:
                with self.subTest(view=view):
                    self.assertTrue(self.assert_works(
                        waitscope.run("replay", log, view, timeout=60)).strip())
            one = waitscope.query("replay", log, "threads", timeout=60)
            two = waitscope.query("replay", log, "threads", timeout=60)
            self.assertEqual(one["threads"], two["threads"])
            convoy = [t for t in one["threads"]
                      if t["pid"] == self.busy.pid and t["tid"] != t["pid"]]
            self.assertEqual(len(convoy), 3)

    def test_diff_of_two_recordings(self):
        with tempfile.TemporaryDirectory() as directory:
            logs = [pathlib.Path(directory) / name for name in ("a.wslog", "b.wslog")]
            for log in logs:
                self.ask("record", "--duration", "2s", "-o", log)
            self.assertTrue(self.assert_works(waitscope.run("diff", *logs)).strip())

    def test_every_view_says_what_it_lost_and_what_it_cost(self):
        for view in ("threads", "io", "runq"):
            with self.subTest(view=view):
                text = self.ask(view, "--duration", "1s").lower()
                self.assertIn("lost", text)


if __name__ == "__main__":
    unittest.main()
