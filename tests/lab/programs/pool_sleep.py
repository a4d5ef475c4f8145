"""A server whose pool's tasks sleep, and never rest."""

import time
from concurrent.futures import ThreadPoolExecutor

import labkit

server = labkit.listener()
labkit.beside(labkit.clients, server.getsockname(), 12, 0.01, False)


def serve(connection):
    with connection:
        connection.recv(64)
        time.sleep(0.3)
        connection.sendall(b"answer\n")


pool = ThreadPoolExecutor(4)
labkit.ready()
while True:
    accepted, _ = server.accept()
    pool.submit(serve, accepted)
