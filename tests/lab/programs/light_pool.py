"""Eight threads of an executor with little to do."""

import time
from concurrent.futures import ThreadPoolExecutor

import labkit

pool = ThreadPoolExecutor(8)
labkit.ready()
while True:
    pool.submit(labkit.spin, 0.003)
    time.sleep(0.02)
