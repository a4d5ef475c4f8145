"""Threads with a timetable: each does a little every so often, as cron does."""

import sys
import threading
import time

import labkit


def every(seconds):
    while True:
        time.sleep(seconds)
        labkit.spin(0.005)


for period in (0.5, 1, 1, 2, 3)[: int(sys.argv[1])]:
    threading.Thread(target=every, args=(period,), daemon=True).start()
labkit.ready()
every(1)
