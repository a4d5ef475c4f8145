"""One process that computes and writes a little, as a nightly job."""

import hashlib
import tempfile

import labkit

labkit.ready()
with tempfile.TemporaryFile(dir="/var/tmp") as out:
    while True:
        block = bytes(1 << 20)
        for _ in range(50):
            block = hashlib.sha256(block).digest() * 32768
        out.write(block[:4096])
        out.flush()
