"""A server that was stopped by a signal: stopped_server.py clients, while some wait to be let in, or
stopped_server.py nobody."""

import os
import signal
import sys
import time

import labkit

listening = labkit.listener()
server = labkit.beside(labkit.serve_after, listening, 0.01)
time.sleep(0.3)
os.kill(server, signal.SIGSTOP)
address = listening.getsockname()
listening.close()  # nobody else may let them in
if sys.argv[1] == "clients":
    labkit.beside(labkit.clients, address, 3, 0.05)
labkit.ready(server)
labkit.forever()
