"""An nginx of its own that serves one small file: nginx.py light|idle FOLDER"""

import os
import pathlib
import socket
import subprocess
import sys
import threading
import time

import labkit

CONFIGURATION = """
daemon off; worker_processes 1; user root; pid {home}/pid; error_log {home}/error.log;
events {{ worker_connections 64; }}
http {{ access_log off; root {home}; client_body_temp_path {home}/body; proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/fast; uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
  server {{ listen 127.0.0.1:{port}; }} }}
"""
work, home = sys.argv[1], pathlib.Path(sys.argv[2])
free = labkit.listener()
address = free.getsockname()
free.close()
(home / "index.html").write_text("x" * 20000)
(home / "conf").write_text(CONFIGURATION.format(home=home, port=address[1]))


def ask():
    while True:
        with socket.create_connection(address) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            while connection.recv(65536):
                pass
        time.sleep(0.02)


def clients():
    for _ in range(4):
        threading.Thread(target=ask, daemon=True).start()
    labkit.forever()


server = subprocess.Popen(["nginx", "-p", str(home), "-c", str(home / "conf")], stderr=subprocess.DEVNULL)
children = pathlib.Path(f"/proc/{server.pid}/task/{server.pid}/children")
for _ in range(100):
    if children.read_text():
        break
    time.sleep(0.05)
if work == "light":
    labkit.beside(clients)
labkit.ready(children.read_text().split()[0])
os.waitpid(server.pid, 0)
