"""An asyncio server whose handlers wait in the default executor: to_thread.py SECONDS CLIENTS THINK"""

import asyncio
import sys
import time

import labkit

SECONDS = float(sys.argv[1])


async def handle(reader, writer):
    while await reader.readline():
        await asyncio.to_thread(time.sleep, SECONDS)
        writer.write(b"answer\n")
        await writer.drain()
    writer.close()


async def main():
    server = labkit.listener()
    labkit.beside(labkit.clients, server.getsockname(), int(sys.argv[2]), float(sys.argv[3]))
    await asyncio.start_server(handle, sock=server)
    labkit.ready()
    await asyncio.Event().wait()


asyncio.run(main())
