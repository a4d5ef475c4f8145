"""A client whose connections to a server with a full queue never come about; it gives up after half
a second each time."""

import socket
import time

import labkit

server = socket.create_server(("127.0.0.1", 0), backlog=1)
filling = []
while len(filling) < 8:
    connection = socket.socket()
    connection.setblocking(False)
    connection.connect_ex(server.getsockname())
    filling.append(connection)
time.sleep(0.2)
labkit.ready()
while True:
    try:
        with socket.create_connection(server.getsockname(), timeout=0.5) as connection:
            labkit.ask(connection)
    except OSError:
        time.sleep(0.02)
