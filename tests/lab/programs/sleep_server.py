"""A thread for each connection; each request is answered after a sleep:
sleep_server.py SECONDS [long|short [THINK [select]]]"""

import select
import socketserver
import sys
import time

import labkit

SECONDS = float(sys.argv[1])
THINK = float(sys.argv[3]) if len(sys.argv) > 3 else 0.05
SHORT = "short"  # a connection for each request


def sleep():
    if "select" in sys.argv:
        select.select([], [], [], SECONDS)
    else:
        time.sleep(SECONDS)


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        while self.request.recv(64):
            sleep()
            self.request.sendall(b"answer\n")


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


with Server(("127.0.0.1", 0), Handler) as server:
    labkit.beside(labkit.clients, server.server_address, 4, THINK, SHORT not in sys.argv)
    labkit.ready()
    server.serve_forever()
