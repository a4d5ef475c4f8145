"""Eight threads share two connections to a backend through a queue."""

import queue
import socket
import threading

import labkit

address = labkit.backend(0.09)
connections = queue.Queue()
for _ in range(2):
    connections.put(socket.create_connection(address))


def work():
    while True:
        connection = connections.get()
        labkit.ask(connection)
        connections.put(connection)


for _ in range(8):
    threading.Thread(target=work, daemon=True).start()
labkit.ready()
labkit.forever()
