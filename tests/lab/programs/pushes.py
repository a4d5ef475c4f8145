"""A consumer whose broker sends one message after the other and waits for each acknowledgement:
pushes.py plain|subscribed EVERY"""

import socket
import sys
import time

import labkit

KIND, EVERY = sys.argv[1], float(sys.argv[2])


def publish(server):
    connection, _ = server.accept()
    if KIND == "subscribed":
        connection.recv(64)
        connection.sendall(b"subscribed\n")
    while True:
        time.sleep(EVERY)
        connection.sendall(b"message\n")
        connection.recv(64)


server = labkit.listener()
labkit.beside(publish, server)
connection = socket.create_connection(server.getsockname())
if KIND == "subscribed":
    labkit.ask(connection)
labkit.ready()
while connection.recv(64):
    connection.sendall(b"acknowledged\n")
