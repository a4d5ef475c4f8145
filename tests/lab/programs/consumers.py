"""Threads that wait for messages of a broker that sends one every two seconds."""

import socket
import threading
import time

import labkit


def publish(server):
    kept = []

    def accept():
        while True:
            kept.append(server.accept()[0])

    threading.Thread(target=accept, daemon=True).start()
    while True:
        time.sleep(2)
        for connection in kept:
            connection.sendall(b"message\n")


server = labkit.listener()
labkit.beside(publish, server)


def consume():
    connection = socket.create_connection(server.getsockname())
    while connection.recv(64):
        labkit.spin(0.002)


for _ in range(6):
    threading.Thread(target=consume, daemon=True).start()
labkit.ready()
labkit.forever()
