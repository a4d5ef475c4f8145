"""No server: the main thread hands out jobs faster than four threads get answers for them."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor

import labkit

address = labkit.backend(0.6)


def job():
    with socket.create_connection(address) as connection:
        labkit.ask(connection)


pool = ThreadPoolExecutor(6)
labkit.ready()
while True:
    pool.submit(job)
    time.sleep(0.07)
