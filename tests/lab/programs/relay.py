"""Forwards connections to a quick backend, a thread for each direction; clients ask at leisure."""

import socket
import threading

import labkit

backend = labkit.backend(0.002)
server = labkit.listener()
labkit.beside(labkit.clients, server.getsockname(), 3, 1)


def forward(source, target):
    while data := source.recv(4096):
        target.sendall(data)


labkit.ready()
while True:
    client, _ = server.accept()
    upstream = socket.create_connection(backend)
    threading.Thread(target=forward, args=(client, upstream), daemon=True).start()
    threading.Thread(target=forward, args=(upstream, client), daemon=True).start()
