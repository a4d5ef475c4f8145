"""Symbols from debuginfod servers: one that has them, and some that are of no use."""

import contextlib
import errno
import http.server
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import unittest

import e2e
import waitscope

NAMES = {"take_turn", "queue_repeatedly"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def build_id_of(program):
    notes = subprocess.run(["readelf", "-n", program], capture_output=True, text=True, check=True)
    return notes.stdout.split("Build ID: ")[1].split()[0]


def children_of(pid):
    """Of /proc, for want of CONFIG_PROC_CHILDREN on some kernels."""
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(stat.parent.name))
    return found


class Server(http.server.ThreadingHTTPServer):
    """Answers as `answer(request)` does, and notes the paths that it was asked for."""

    daemon_threads = True

    def __init__(self, answer, certificate=None):
        self.asked = []
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                server.asked.append(self.path)
                with contextlib.suppress(OSError):
                    answer(self)

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        if certificate:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(*certificate)
            self.socket = tls.wrap_socket(self.socket, server_side=True)
            self.url = f"https://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def put_away(self):
        self.shutdown()
        self.server_close()


def send(request, body):
    request.send_response(200)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


def send_zeros_without_end(request):
    request.send_response(200)
    request.end_headers()
    while True:
        request.wfile.write(bytes(1 << 16))


class Debuginfod(e2e.EndToEnd):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="waitscope-dbg-", dir=waitscope.SCRATCH)
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.cache = self.directory / "cache"
        self.program = self.directory / "convoy"
        self.debug = self.directory / "convoy.debug"
        shutil.copy(waitscope.WORKLOADS / "convoy", self.program)
        subprocess.run(["objcopy", "--only-keep-debug", self.program, self.debug], check=True)
        subprocess.run(["strip", "--strip-all", self.program], check=True)
        self.busy = waitscope.Workload(self.program, "--threads", 3, seconds=600)
        self.addCleanup(self.busy.__exit__)
        self.busy.release()

    def serve(self, answer, certificate=None):
        server = Server(answer, certificate)
        self.addCleanup(server.put_away)
        return server

    def serve_names(self, certificate=None):
        body, path = self.debug.read_bytes(), f"/buildid/{build_id_of(self.program)}/debuginfo"
        return self.serve(lambda request: send(request, body) if request.path == path
                          else request.send_error(404), certificate)

    def agent(self, *servers):
        return self.shared_agent("--debuginfod", *servers, "--debuginfod-cache", self.cache,
                                 "--debuginfod-bytes", "64MiB")

    def ask(self, agent, *arguments):
        return self.assert_works(waitscope.run(*waitscope.PATIENCE, *arguments,
                                               endpoint=agent.endpoint, timeout=90))

    def stacks(self, agent):
        folded = self.ask(agent, "flame", "--pid", self.busy.pid, "--kind", "off-cpu", "--duration",
                          "1s", "--output", "folded")
        self.assertTrue(folded.strip())
        return {stack: int(ns) for stack, _, ns in
                (line.rpartition(" ") for line in folded.splitlines())}

    def frames(self, agent):
        return {frame for stack in self.stacks(agent) for frame in stack.split(";")}

    def row(self, agent):
        """What its status says of debug files."""
        answer = json.loads(self.ask(agent, "status", "--output", "json"))
        return next((row["detail"] for row in answer["capabilities"]
                     if row["name"] == "debug files"), "")

    def assert_comes_to(self, agent, reason):
        """Asking fails, for this reason, and changes nothing else."""
        def failed():
            return self.frames(agent) and reason in self.row(agent)
        self.assertTrue(e2e.wait_until(failed, timeout=120), self.row(agent))
        self.assertRegex(self.row(agent), r" 0 found .* [1-9]\d* failed")
        self.assertFalse(NAMES & self.frames(agent))
        self.assertEqual(agent.stop(), 0)

    def test_names_come_from_a_server(self):
        agent = self.agent(self.serve_names().url)
        self.assertTrue(e2e.wait_until(lambda: NAMES <= self.frames(agent), timeout=120),
                        f"{self.row(agent)}\n{self.frames(agent)}\n{agent.log.read_text()}")
        self.assertRegex(self.ask(agent, "status"), r"debug files +yes +1 found \(\d+ KiB\), \d+ mis")

    def fetch(self, server, prefix=(), **how):
        """The process that asks, alone: its exit code is 0 or an errno."""
        with e2e.environment(DEBUGINFOD_URLS=server.url, DEBUGINFOD_RETRY_LIMIT="0",
                             DEBUGINFOD_CACHE_PATH=str(self.directory / "download")):
            return subprocess.run([*prefix, waitscope.BIN / "waitscoped", "--fetch-debug-file",
                                   build_id_of(self.program)], timeout=60, check=False,
                                  **how).returncode

    def test_the_process_that_asks_can_do_with_any_umask(self):
        """An agent that is just making its socket hands on one that no directory can be made with."""
        self.assertEqual(self.fetch(self.serve_names(), umask=0o177), 0)

    def test_over_tls_only_a_server_that_the_machine_trusts_is_believed(self):
        certificate, key = self.directory / "cert.pem", self.directory / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
                        "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-keyout", key, "-out", certificate], check=True, capture_output=True)
        server = self.serve_names((certificate, key))
        self.assertEqual(self.fetch(server), errno.ECONNREFUSED)
        self.assertEqual(server.asked, [])
        trust = f'mount --bind {certificate} /etc/ssl/certs/ca-certificates.crt && exec "$@"'
        self.assertEqual(self.fetch(server, ["unshare", "--mount", "sh", "-c", trust, "sh"]), 0)

    def test_without_the_flag_nobody_is_asked(self):
        server = self.serve_names()
        with e2e.environment(DEBUGINFOD_URLS=server.url):
            agent = self.shared_agent()
            for _ in range(3):
                self.assertFalse(NAMES & self.frames(agent))
        self.assertEqual(self.row(agent), "")
        self.assertEqual(server.asked, [])

    def test_a_dead_server_changes_nothing(self):
        plain = self.stacks(self.shared_agent())
        heaviest = max(plain, key=plain.get)
        self.assertIn("convoy+0x", heaviest)
        agent = self.agent(f"http://127.0.0.1:{free_port()}")
        self.assertIn(heaviest, self.stacks(agent))
        self.assert_comes_to(agent, "cannot connect")

    def test_an_answer_without_end_is_cut_off(self):
        agent = self.agent(self.serve(send_zeros_without_end).url)
        self.assert_comes_to(agent, "too large")
        kept = sum(f.stat().st_size for f in self.cache.rglob("*") if f.is_file())
        self.assertLess(kept, 64 << 20)

    def test_what_is_not_the_file_is_not_kept(self):
        agent = self.agent(self.serve(lambda request: send(request, b"<html>log in</html>")).url)
        self.assert_comes_to(agent, "is not the debug file")
        self.assertEqual(list(self.cache.rglob("*.debug")), [])

    def assert_ends_while_asking(self, end):
        """A server that never answers, and an agent that `end` ends meanwhile."""
        silence = threading.Event()
        self.addCleanup(silence.set)
        server = self.serve(lambda request: silence.wait())
        agent = self.agent(server.url)
        self.assertTrue(e2e.wait_until(lambda: self.frames(agent) and server.asked, timeout=120))
        asking = children_of(agent.process.pid)
        self.assertEqual(len(asking), 1)
        end(agent)
        self.assertTrue(e2e.wait_until(lambda: not os.path.exists(f"/proc/{asking[0]}")))

    def test_an_agent_that_stops_waits_for_no_server(self):
        self.assert_ends_while_asking(lambda agent: self.assertEqual(agent.stop(), 0))

    def test_an_agent_that_is_killed_leaves_nobody_asking(self):
        def kill(agent):
            agent.process.send_signal(signal.SIGKILL)
            agent.process.wait()
        self.assert_ends_while_asking(kill)

    def test_what_cannot_work_is_said_at_once(self):
        with e2e.environment(DEBUGINFOD_URLS=""):
            self.assert_fails(e2e.run_agent("--debuginfod"), e2e.USAGE, "DEBUGINFOD_URLS")
        done = e2e.run_agent("--debuginfod", "http://127.0.0.1:1", "--debuginfod-cache",
                             "/proc/nowhere", "--listen", f"unix:{self.directory}/a.sock")
        self.assert_fails(done, e2e.FAILURE, "/proc/nowhere", "--debuginfod-cache")


if __name__ == "__main__":
    unittest.main()
