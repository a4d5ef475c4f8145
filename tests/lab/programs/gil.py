"""Three threads of pure Python, and one that only wants to sleep a little."""

import threading
import time

import labkit


def compute():
    while True:
        labkit.spin(1)


def tick():
    while True:
        time.sleep(0.01)


for work in (compute, compute, compute, tick):
    threading.Thread(target=work, daemon=True).start()
labkit.ready()
labkit.forever()
