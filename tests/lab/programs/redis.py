"""A Redis of its own and clients that ask it: redis.py sleep|lua|light|idle FOLDER"""

import socket
import subprocess
import sys
import threading
import time

import labkit

WORK, HOME = sys.argv[1], sys.argv[2]
LOOP = "local x = 0 for i = 1, 60000000 do x = x + i end return x"


def command(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


SLOW = {"sleep": command(b"DEBUG", b"SLEEP", b"0.3"), "lua": command(b"EVAL", LOOP.encode(), b"0")}
LIGHT = command(b"SET", b"key", b"value")


def ask(address, what, think):
    connection = socket.create_connection(address)
    while True:
        connection.sendall(what)
        connection.recv(4096)
        time.sleep(think)


def clients(address):
    for _ in range(4):
        threading.Thread(target=ask, args=(address, LIGHT, 0.01), daemon=True).start()
    if WORK in SLOW:
        ask(address, SLOW[WORK], 0.4)
    labkit.forever()


free = labkit.listener()
address = free.getsockname()
free.close()
server = subprocess.Popen(["redis-server", "--port", str(address[1]), "--bind", address[0], "--dir", HOME,
                           "--save", "", "--enable-debug-command", "yes"], stdout=subprocess.DEVNULL)
for _ in range(100):
    try:
        socket.create_connection(address).close()
        break
    except OSError:
        time.sleep(0.05)
if WORK != "idle":
    labkit.beside(clients, address)
labkit.ready(server.pid)
server.wait()
