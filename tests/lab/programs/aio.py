"""An asyncio server. What its handler does: sync cpu child fsync starved light idle busy; with
"uvloop" as second word in uvloop's loop."""

import asyncio
import hashlib
import os
import subprocess
import sys
import tempfile
import time

import labkit

WORK = sys.argv[1]


def commit():
    with tempfile.NamedTemporaryFile(dir="/var/tmp") as file:
        until = time.monotonic() + 0.25  # however fast the disk
        while time.monotonic() < until:
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())


def block():
    if WORK == "sync":
        time.sleep(0.22)
    elif WORK == "cpu":
        labkit.spin(0.25)
    elif WORK == "child":
        subprocess.run(["sleep", "0.3"], check=True)
    elif WORK == "fsync":
        commit()
    elif WORK == "starved":
        labkit.spin(0.03)


async def handle(reader, writer):
    while await reader.readline():
        if WORK == "light":
            await asyncio.sleep(0.03)
            hashlib.sha256(b"x" * 10000).digest()
        elif WORK == "busy":
            labkit.spin(0.004)
        else:
            block()
        writer.write(b"answer\n")
        await writer.drain()
    writer.close()


async def main():
    server = labkit.listener()
    for _ in range(8 if WORK == "starved" else 0):
        labkit.beside(labkit.spin, 3600)
    if WORK != "idle":
        think = {"light": 0.2, "busy": 0.05}.get(WORK, 0.4)
        labkit.beside(labkit.clients, server.getsockname(), 5, think)
    await asyncio.start_server(handle, sock=server)
    labkit.ready()
    await asyncio.Event().wait()


if sys.argv[2:] == ["uvloop"]:
    import uvloop

    uvloop.install()
asyncio.run(main())
