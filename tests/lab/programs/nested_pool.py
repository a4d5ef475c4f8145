"""A server whose pool's tasks wait for tasks of the same pool: sooner or later none is left.
nested_pool.py THREADS CLIENTS"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

import labkit

server = labkit.listener()
labkit.beside(labkit.clients_in_a_hurry, server.getsockname(), int(sys.argv[2]), 0.1)
pool = ThreadPoolExecutor(int(sys.argv[1]))


def look_up():
    time.sleep(0.05)
    return b"answer\n"


def serve(connection):
    with connection:
        connection.recv(64)
        connection.sendall(pool.submit(look_up).result())


labkit.ready()
while True:
    accepted, _ = server.accept()
    pool.submit(serve, accepted)
