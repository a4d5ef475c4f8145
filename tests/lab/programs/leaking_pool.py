"""A server whose tasks borrow connections to a quick backend, wait a while for one, and do not always
bring them back: leaking_pool.py THREADS CONNECTIONS CLIENTS THINK LEAKS"""

import queue
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

import labkit

THREADS, CONNECTIONS, CLIENTS = map(int, sys.argv[1:4])
THINK, LEAKS = float(sys.argv[4]), sys.argv[5] == "leaks"
address = labkit.backend(0.01)
server = labkit.listener()
labkit.beside(labkit.clients, server.getsockname(), CLIENTS, THINK, False)
idle = queue.Queue()
for _ in range(CONNECTIONS):
    idle.put(socket.create_connection(address))


def serve(connection):
    with connection:
        connection.recv(64)
        try:
            borrowed = idle.get(timeout=0.6)
        except queue.Empty:
            connection.sendall(b"sorry\n")
            return
        connection.sendall(labkit.ask(borrowed))
        if not LEAKS:
            idle.put(borrowed)


pool = ThreadPoolExecutor(THREADS)
labkit.ready()
while True:
    accepted, _ = server.accept()
    pool.submit(serve, accepted)
