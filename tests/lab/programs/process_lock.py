"""Processes that share one lock of multiprocessing, or take turns at a pool's queue:
process_lock.py PROCESSES KEPT REST | process_lock.py pool"""

import multiprocessing
import sys
import time

import labkit


def work(lock, kept, rest):
    while True:
        with lock:
            time.sleep(kept)
        time.sleep(rest)


def share(processes, kept, rest):
    lock = multiprocessing.Lock()
    for _ in range(processes - 1):
        labkit.beside(work, lock, kept, rest)
    labkit.ready()
    work(lock, kept, rest)


def use_pool():
    with multiprocessing.Pool(4) as pool:
        labkit.ready()
        while True:
            pool.map(time.sleep, [0.03] * 4, chunksize=1)
            time.sleep(0.1)


if sys.argv[1] == "pool":
    use_pool()
else:
    share(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]))
