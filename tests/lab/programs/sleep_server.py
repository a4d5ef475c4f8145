"""A thread for each connection; each request is answered after a sleep of SECONDS."""

import socketserver
import sys
import time

import labkit

SECONDS = float(sys.argv[1])


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        while self.request.recv(64):
            time.sleep(SECONDS)
            self.request.sendall(b"answer\n")


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


with Server(("127.0.0.1", 0), Handler) as server:
    labkit.beside(labkit.clients, server.server_address, 4, 0.05, sys.argv[2:] != ["short"])
    labkit.ready()
    server.serve_forever()
