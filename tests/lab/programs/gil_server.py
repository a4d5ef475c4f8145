"""A threaded server that computes each answer in Python: gil_server.py CLIENTS SECONDS THINK"""

import socketserver
import sys

import labkit

CLIENTS, SECONDS, THINK = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        while self.request.recv(64):
            labkit.spin(SECONDS)
            self.request.sendall(b"answer\n")


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


with Server(("127.0.0.1", 0), Handler) as server:
    labkit.beside(labkit.clients, server.server_address, CLIENTS, THINK)
    labkit.ready()
    server.serve_forever()
