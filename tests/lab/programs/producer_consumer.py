"""A bounded queue between two producers and two consumers, in balance."""

import queue
import threading
import time

import labkit

jobs = queue.Queue(8)


def produce():
    while True:
        time.sleep(0.004)
        jobs.put(1)


def consume():
    while True:
        jobs.get()
        time.sleep(0.003)


for work in (produce, produce, consume, consume):
    threading.Thread(target=work, daemon=True).start()
labkit.ready()
labkit.forever()
