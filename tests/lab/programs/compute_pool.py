"""A multiprocessing.Pool that gets short jobs."""

import multiprocessing
import time

import labkit

if __name__ == "__main__":
    with multiprocessing.Pool(3) as pool:
        labkit.ready()
        while True:
            pool.map(labkit.spin, [0.01] * 6)
            time.sleep(0.2)
