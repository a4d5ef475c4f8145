"""Two threads that take two locks in different order: python_deadlock.py deadlock. Or threads that
wait in all the ways in which threads of Python idle: python_deadlock.py idle."""

import queue
import sys
import threading
import time

import labkit


def transfer(source, target):
    with source:
        time.sleep(0.3)
        with target:
            pass


def deadlock():
    first, second = threading.Lock(), threading.Lock()
    for locks in ((first, second), (second, first)):
        threading.Thread(target=transfer, args=locks, daemon=True).start()


def wait_for(condition):
    with condition:
        condition.wait()


def idle():
    waits = [queue.SimpleQueue().get for _ in range(3)]
    waits += [queue.Queue().get for _ in range(3)]
    waits += [threading.Event().wait for _ in range(3)]
    waits += [threading.Semaphore(0).acquire for _ in range(3)]
    waits += [lambda: wait_for(threading.Condition()) for _ in range(3)]
    waits += [lambda lock=lock: (lock.acquire(), lock.acquire(timeout=60))
              for lock in (threading.Lock(), threading.Lock())]
    for wait in waits:
        threading.Thread(target=wait, daemon=True).start()


{"deadlock": deadlock, "idle": idle}[sys.argv[1]]()
labkit.ready()
labkit.forever()
