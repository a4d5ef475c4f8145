"""A quick server with a thread that looks around and writes a log every tenth of a second."""

import pathlib
import socketserver
import tempfile
import threading
import time

import labkit


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        while self.request.recv(64):
            self.request.sendall(b"answer\n")


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


def look_around():
    with tempfile.TemporaryFile("w", dir="/var/tmp", buffering=1) as log:
        while True:
            print(pathlib.Path("/proc/self/statm").read_text(), file=log)
            time.sleep(0.1)


with Server(("127.0.0.1", 0), Handler) as server:
    labkit.beside(labkit.clients, server.server_address, 4, 0.05)
    threading.Thread(target=look_around, daemon=True).start()
    labkit.ready()
    server.serve_forever()
