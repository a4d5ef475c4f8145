"""An HTTP server, and three threads beside it that talk with a broker: beside_server.py poll|beat

poll: each asks for news, is answered after half a second, and acknowledges; beat: each tells that it lives."""

import socket
import sys
import threading
import time

import labkit

POLLS = sys.argv[1] == "poll"


def poll():
    news = socket.create_connection(slow)
    place = socket.create_connection(quick)
    while True:
        labkit.ask(news)
        labkit.ask(place)


def beat():
    connection = socket.create_connection(quick)
    while True:
        labkit.ask(connection)
        time.sleep(0.4)


slow, quick = labkit.backend(0.5), labkit.backend(0.003)
server = labkit.asked_http_server(0.1)
for _ in range(3):
    threading.Thread(target=poll if POLLS else beat, daemon=True).start()
labkit.ready()
server.serve_forever()
