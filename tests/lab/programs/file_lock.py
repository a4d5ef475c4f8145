"""Processes that take turns at one file's lock, and keep it for long: file_lock.py FOLDER"""

import fcntl
import sys
import time

import labkit


def work():
    with open(f"{sys.argv[1]}/orders.lock", "w") as file:
        while True:
            fcntl.flock(file, fcntl.LOCK_EX)
            time.sleep(0.15)
            fcntl.flock(file, fcntl.LOCK_UN)
            time.sleep(0.005)


for _ in range(3):
    labkit.beside(work)
labkit.ready()
work()
