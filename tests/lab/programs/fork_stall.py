"""Forks once a second with much memory in small pages, as a database that saves itself."""

import mmap
import os
import time

import labkit

SIZE = 2 << 30
memory = mmap.mmap(-1, SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
memory.madvise(mmap.MADV_NOHUGEPAGE)
block = b"x" * (1 << 20)
for _ in range(SIZE >> 20):
    memory.write(block)
labkit.ready()
while True:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    time.sleep(0.2)
