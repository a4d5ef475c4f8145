"""What the lab's Python programs share: telling that they run, and company that ends with them."""

import ctypes
import os
import signal
import socket
import sys
import threading
import time

PR_SET_PDEATHSIG = 1


def ready(pid=None):
    print(f"ready {pid or os.getpid()}", flush=True)


def beside(work, *arguments):
    """Runs `work` in a process of its own that ends with this one. To be called before threads."""
    parent = os.getpid()
    child = os.fork()
    if child:
        return child
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)
    try:
        work(*arguments)
    except (KeyboardInterrupt, ConnectionError, OSError):
        pass
    os._exit(0)


def listener():
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("127.0.0.1", 0))
    server.listen(128)
    return server


def serve_after(server, delay):
    """A backend: answers each line after `delay` seconds, each connection by itself."""

    def talk(connection):
        while connection.recv(64):
            time.sleep(delay)
            connection.sendall(b"answer\n")

    while True:
        connection, _ = server.accept()
        threading.Thread(target=talk, args=(connection,), daemon=True).start()


def backend(delay):
    """Starts one in a process of its own; returns its address."""
    server = listener()
    beside(serve_after, server, delay)
    return server.getsockname()


def ask(connection):
    connection.sendall(b"question\n")
    return connection.recv(64)


def answer_ok(request):
    """What every HTTP server here says."""
    request.send_response(200)
    request.send_header("Content-Length", "2")
    request.end_headers()
    request.wfile.write(b"ok")


def asked_http_server(pause):
    """An HTTP server that somebody asks, with `pause` seconds between; to be served by the caller."""
    # Few programs need them.
    import http.server
    import urllib.request

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            answer_ok(self)

        def log_message(self, *_):
            pass

    def ask_again_and_again(url):
        while True:
            urllib.request.urlopen(url).read()
            time.sleep(pause)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    beside(ask_again_and_again, f"http://127.0.0.1:{server.server_port}/")
    return server


def clients(address, count, think, persistent=True):
    """Each asks, waits for the answer, thinks, and asks again."""

    def one():
        connection = None
        while True:
            try:
                connection = connection or socket.create_connection(address)
                ask(connection)
                if not persistent:
                    connection.close()
                    connection = None
            except OSError:
                connection = None
                time.sleep(0.2)
            time.sleep(think)

    for _ in range(count - 1):
        threading.Thread(target=one, daemon=True).start()
    one()


def clients_in_a_hurry(address, count, patience):
    """Each asks over a new connection, and gives up and asks again when there is no answer."""

    def one():
        while True:
            try:
                with socket.create_connection(address, patience) as connection:
                    ask(connection)
            except OSError:
                pass
            time.sleep(patience)

    for _ in range(count - 1):
        threading.Thread(target=one, daemon=True).start()
    one()


def spin(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        sum(range(500))


def forever():
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    sys.exit("not a program of its own")
