"""Copies a large file that is in no cache, as a backup does: copy_file.py FILE"""

import os
import shutil
import sys

import labkit

labkit.ready()
while True:
    with open(sys.argv[1], "rb") as source, open(sys.argv[1] + ".copy", "wb") as target:
        os.posix_fadvise(source.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        shutil.copyfileobj(source, target, 1 << 20)
        target.flush()
        os.fsync(target.fileno())
        os.posix_fadvise(target.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
