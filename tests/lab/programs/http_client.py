"""Asks a slow HTTP server over one connection that it keeps: http_client.py DELAY THINK"""

import http.client
import http.server
import sys
import time

import labkit

DELAY, THINK = float(sys.argv[1]), float(sys.argv[2])


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        time.sleep(DELAY)
        labkit.answer_ok(self)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
labkit.beside(server.serve_forever)
client = http.client.HTTPConnection("127.0.0.1", server.server_port)
server.socket.close()
labkit.ready()
while True:
    client.request("GET", "/")
    client.getresponse().read()
    time.sleep(THINK)
