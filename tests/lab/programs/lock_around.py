"""Threads that share one connection to a slow backend: each takes a lock, asks, polls for the answer
with a time limit and reads it, as a client library does under an application's lock."""

import select
import socket
import threading
import time

import labkit

lock = threading.Lock()


def asked(connection):
    connection.sendall(b"question\n")
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    while not poll.poll(1000):
        pass
    connection.recv(64)


def work(connection):
    while True:
        with lock:
            asked(connection)
        time.sleep(0.01)


shared = socket.create_connection(labkit.backend(0.06))
labkit.ready()
for _ in range(5):
    threading.Thread(target=work, args=(shared,), daemon=True).start()
work(shared)
