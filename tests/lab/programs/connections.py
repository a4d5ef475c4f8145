"""Threads that each serve one connected client, which asks every THINK seconds (0: never)."""

import sys
import threading
import time

import labkit

THINK = float(sys.argv[1])


def connect_only(address):
    import socket

    kept = [socket.create_connection(address) for _ in range(8)]
    time.sleep(3600 + len(kept))


server = labkit.listener()
if THINK > 0:
    labkit.beside(labkit.clients, server.getsockname(), 8, THINK)
else:
    labkit.beside(connect_only, server.getsockname())


def serve(connection):
    while connection.recv(64):
        labkit.spin(0.001)
        connection.sendall(b"answer\n")


labkit.ready()
while True:
    accepted, _ = server.accept()
    threading.Thread(target=serve, args=(accepted,), daemon=True).start()
