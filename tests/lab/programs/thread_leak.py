"""A thread for each event, none of which ever ends."""

import threading
import time

import labkit

forever = threading.Event()
labkit.ready()
while True:
    threading.Thread(target=forever.wait, daemon=True).start()
    time.sleep(0.15)
