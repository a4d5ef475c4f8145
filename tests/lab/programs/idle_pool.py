"""64 threads of an executor that have worked once and now wait."""

import threading
from concurrent.futures import ThreadPoolExecutor

import labkit

pool = ThreadPoolExecutor(64)
barrier = threading.Barrier(64)
for future in [pool.submit(barrier.wait) for _ in range(64)]:
    future.result()
labkit.ready()
labkit.forever()
