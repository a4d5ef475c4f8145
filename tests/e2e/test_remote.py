"""From another machine: two network namespaces joined by a virtual cable, TLS between them."""

import os
import pathlib
import subprocess
import tempfile
import unittest

import e2e
import waitscope

SERVER, CLIENT, PORT = "10.231.77.1", "10.231.77.2", 7717


def sh(*command):
    subprocess.run(command, check=True, capture_output=True, text=True)


class Certificates:
    """An authority, and keys it signed: for the server, and for one client."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.authority("ca")
        self.authority("stranger")
        self.sign("server", "ca", f"subjectAltName=IP:{SERVER}")
        self.sign("client", "ca", "extendedKeyUsage=clientAuth")
        self.sign("imposter", "stranger", "extendedKeyUsage=clientAuth")

    def path(self, name):
        return str(self.directory / name)

    def authority(self, name):
        sh("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
           f"/CN={name}", "-keyout", self.path(f"{name}.key"), "-out", self.path(f"{name}.crt"))

    def sign(self, name, authority, extension):
        sh("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout",
           self.path(f"{name}.key"), "-out", self.path(f"{name}.csr"))
        extensions = self.directory / f"{name}.ext"
        extensions.write_text(extension + "\n")
        sh("openssl", "x509", "-req", "-days", "2", "-in", self.path(f"{name}.csr"), "-CA",
           self.path(f"{authority}.crt"), "-CAkey", self.path(f"{authority}.key"),
           "-CAcreateserial", "-extfile", str(extensions), "-out", self.path(f"{name}.crt"))


class Remote(e2e.EndToEnd):
    @classmethod
    def setUpClass(cls):
        cls.here, cls.there = f"wss{os.getpid()}", f"wsc{os.getpid()}"
        for namespace in (cls.here, cls.there):
            sh("ip", "netns", "add", namespace)
            cls.addClassCleanup(sh, "ip", "netns", "del", namespace)
        sh("ip", "link", "add", "wsv0", "netns", cls.here, "type", "veth", "peer", "name", "wsv1",
           "netns", cls.there)
        for namespace, link, address in ((cls.here, "wsv0", SERVER), (cls.there, "wsv1", CLIENT)):
            sh("ip", "-n", namespace, "address", "add", f"{address}/24", "dev", link)
            sh("ip", "-n", namespace, "link", "set", link, "up")
            sh("ip", "-n", namespace, "link", "set", "lo", "up")
        directory = tempfile.TemporaryDirectory(prefix="waitscope-tls-")
        cls.addClassCleanup(directory.cleanup)
        cls.keys = Certificates(directory.name)
        cls.start_agent(directory.name)

    @classmethod
    def start_agent(cls, directory):
        local = f"unix:{directory}/agent.sock"
        log = open(f"{directory}/agent.log", "w")
        cls.addClassCleanup(log.close)
        agent = subprocess.Popen(
            ["ip", "netns", "exec", cls.here, str(waitscope.BIN / "waitscoped"), "--listen", local,
             "--listen", f"{SERVER}:{PORT}", "--tls-cert", cls.keys.path("server.crt"),
             "--tls-key", cls.keys.path("server.key"), "--tls-client-ca",
             cls.keys.path("ca.crt")], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        cls.addClassCleanup(agent.wait)
        cls.addClassCleanup(agent.terminate)
        ready = e2e.wait_until(lambda: waitscope.run("status", endpoint=local).returncode == 0, 60)
        if not ready:
            raise AssertionError(pathlib.Path(f"{directory}/agent.log").read_text())

    def ask(self, *arguments, ca="ca", key="client", tls=True):
        flags = ["--endpoint", f"{SERVER}:{PORT}", "--timeout", "5s"]
        if tls:
            flags += ["--tls-ca", self.keys.path(f"{ca}.crt")]
        if tls and key:
            flags += ["--tls-cert", self.keys.path(f"{key}.crt"), "--tls-key",
                      self.keys.path(f"{key}.key")]
        return subprocess.run(["ip", "netns", "exec", self.there, str(waitscope.BIN / "waitscope"),
                               *flags, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=60, check=False)

    def test_a_view_from_the_other_side(self):
        self.assertIn("threads", self.assert_works(
            self.ask("threads", "--duration", "2s", "--output", "json")))

    def test_a_stranger_is_refused(self):
        self.assert_fails(self.ask("status", key="imposter"), e2e.NO_AGENT)

    def test_a_client_without_a_certificate_is_refused(self):
        self.assert_fails(self.ask("status", key=None), e2e.NO_AGENT)

    def test_a_server_that_cannot_be_verified_is_refused(self):
        self.assert_fails(self.ask("status", ca="stranger"), e2e.NO_AGENT)

    def test_plain_text_gets_no_answer(self):
        done = self.ask("status", tls=False)
        self.assertIn(done.returncode, (e2e.USAGE, e2e.NO_AGENT))
        self.assertTrue(done.stderr.strip())


if __name__ == "__main__":
    unittest.main()
