"""A server that hands each request to a thread pool: pool_server.py THREADS DELAY CLIENTS THINK.
Its tasks ask a backend that answers after DELAY seconds."""

import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import labkit

THREADS, DELAY, CLIENTS, THINK = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
address = labkit.backend(DELAY)
server = labkit.listener()
labkit.beside(labkit.clients, server.getsockname(), CLIENTS, THINK, False)
local = threading.local()


def serve(connection):
    if not hasattr(local, "backend"):
        local.backend = socket.create_connection(address)
    with connection:
        connection.recv(64)
        connection.sendall(labkit.ask(local.backend))


pool = ThreadPoolExecutor(THREADS)
labkit.ready()
while True:
    accepted, _ = server.accept()
    pool.submit(serve, accepted)
