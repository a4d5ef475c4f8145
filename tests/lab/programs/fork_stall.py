"""Forks once a second with much memory in small pages, as a database that saves itself."""

import mmap
import os
import time

import labkit

SIZE = 700 << 20
memory = mmap.mmap(-1, SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
memory.madvise(mmap.MADV_NOHUGEPAGE)
for page in range(0, SIZE, 4096):
    memory[page] = 1
labkit.ready()
while True:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    time.sleep(1)
