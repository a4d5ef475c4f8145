"""Six threads queue for a threading.Lock that is held while sleeping."""

import threading
import time

import labkit

lock = threading.Lock()


def work():
    while True:
        with lock:
            time.sleep(0.03)
        time.sleep(0.002)


for _ in range(6):
    threading.Thread(target=work, daemon=True).start()
labkit.ready()
labkit.forever()
