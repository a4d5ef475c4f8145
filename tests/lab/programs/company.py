"""Runs a server with company: company.py DELAY CLIENTS THINK COMMAND...

The command finds a backend that answers after DELAY seconds at $BACKEND and a free port to serve
at $PORT; once it says that it is ready, CLIENTS clients ask it, each THINK seconds after an answer. Fewer than no clients: over a connection
for each question. Less than no time: they give up after so long."""

import os
import subprocess
import sys

import labkit

delay, count, think = float(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
free = labkit.listener()
port = free.getsockname()[1]
free.close()
environment = dict(os.environ, PORT=str(port), BACKEND=str(labkit.backend(delay)[1]))
with subprocess.Popen(sys.argv[4:], env=environment, stdout=subprocess.PIPE, text=True) as server:
    line = server.stdout.readline()
    if count and think < 0:
        labkit.beside(labkit.clients_in_a_hurry, ("127.0.0.1", port), count, -think)
    elif count:
        labkit.beside(labkit.clients, ("127.0.0.1", port), abs(count), think, count > 0)
    print(line, end="", flush=True)
    server.wait()
