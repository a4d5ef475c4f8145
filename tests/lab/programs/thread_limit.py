"""Asks for more threads than RLIMIT_NPROC or the cgroup allows, over and over."""

import pathlib
import sys
import threading
import time

import labkit

group = pathlib.Path(sys.argv[1])
(group / "cgroup.procs").write_text(str(__import__("os").getpid()))
event = threading.Event()
labkit.ready()
while True:
    try:
        threading.Thread(target=event.wait, daemon=True).start()
    except RuntimeError:
        time.sleep(0.2)
