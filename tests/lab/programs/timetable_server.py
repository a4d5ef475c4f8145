"""A lightly loaded HTTP server with workers beside it that each do a little by a timetable."""

import http.server
import threading
import time
import urllib.request

import labkit


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


def ask(url):
    while True:
        urllib.request.urlopen(url).read()
        time.sleep(0.5)


def work(every):
    while True:
        time.sleep(every)
        sum(range(2000))


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
labkit.beside(ask, f"http://127.0.0.1:{server.server_port}/")
for i in range(5):
    threading.Thread(target=work, args=(0.2 + 0.3 * i,), daemon=True).start()
labkit.ready()
server.serve_forever()
