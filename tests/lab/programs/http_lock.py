"""An HTTP server with a thread for each question, all of which want one lock for 30 ms."""

import http.server
import threading
import time
import urllib.request

import labkit

lock = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with lock:
            time.sleep(0.03)
        labkit.answer_ok(self)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128


def ask(url):
    while True:
        try:
            urllib.request.urlopen(url).read()
        except OSError:
            time.sleep(0.1)


def all_ask(url):
    for _ in range(11):
        threading.Thread(target=ask, args=(url,), daemon=True).start()
    ask(url)


server = Server(("127.0.0.1", 0), Handler)
labkit.beside(all_ask, f"http://127.0.0.1:{server.server_port}/")
labkit.ready()
server.serve_forever()
