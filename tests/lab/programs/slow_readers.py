"""A server that sends files to clients who read them slowly: slow_readers.py THREADS CLIENTS
THREADS is 0 for a thread of its own for each connection."""

import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import labkit

THREADS, CLIENTS = int(sys.argv[1]), int(sys.argv[2])
BUFFER = 32 << 10
FILE = bytes(1 << 20)


def read(address):
    while True:
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        connection.connect(address)
        connection.sendall(b"question\n")
        while connection.recv(BUFFER):
            time.sleep(0.04)
        connection.close()


def clients(address):
    for _ in range(CLIENTS):
        threading.Thread(target=read, args=(address,), daemon=True).start()
    labkit.forever()


def serve(connection):
    with connection:
        connection.recv(64)
        connection.sendall(FILE)


server = labkit.listener()
server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
labkit.beside(clients, server.getsockname())
pool = ThreadPoolExecutor(THREADS or CLIENTS)
labkit.ready()
while True:
    accepted, _ = server.accept()
    if THREADS:
        pool.submit(serve, accepted)
    else:
        threading.Thread(target=serve, args=(accepted,), daemon=True).start()
