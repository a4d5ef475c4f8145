"""Threads that ask a backend over and over: backend_client.py THREADS DELAY THINK [TIMEOUT]"""

import socket
import sys
import threading
import time

import labkit

THREADS, DELAY, THINK = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
address = labkit.backend(DELAY)


def work():
    connection = socket.create_connection(address)
    if len(sys.argv) > 4:
        connection.settimeout(float(sys.argv[4]))
    while True:
        labkit.ask(connection)
        if THINK:
            time.sleep(THINK)


threads = [threading.Thread(target=work) for _ in range(THREADS - 1)]
for thread in threads:
    thread.start()
labkit.ready()
work()
