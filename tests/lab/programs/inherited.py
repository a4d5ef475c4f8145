"""An event loop that serves what another process listened for, and sleeps in it: inherited.py
workers|activated|datagrams|unix

workers: two of one parent; activated: one with its socket at descriptor 3, as a service manager
starts it; datagrams: one that is sent to; unix: one with a socket in the file system."""

import asyncio
import os
import socket
import sys
import tempfile
import threading
import time

import labkit

KIND = sys.argv[1]


async def handle(reader, writer):
    while await reader.readline():
        time.sleep(0.15)
        writer.write(b"answer\n")
        await writer.drain()


async def serve(server):
    start = asyncio.start_unix_server if server.family == socket.AF_UNIX else asyncio.start_server
    await start(handle, sock=server)
    labkit.ready()
    await asyncio.Event().wait()


class Slow(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        time.sleep(0.15)
        self.transport.sendto(b"answer", address)


async def serve_datagrams(server):
    await asyncio.get_running_loop().create_datagram_endpoint(Slow, sock=server)
    labkit.ready()
    await asyncio.Event().wait()


def ask(family, kind, address, count):
    def one():
        client = socket.socket(family, kind)
        client.connect(address)
        while True:
            labkit.ask(client)
            time.sleep(0.2)

    for _ in range(count):
        threading.Thread(target=one, daemon=True).start()
    labkit.forever()


if KIND == "serve":
    asyncio.run(serve(socket.socket(fileno=3)))
if KIND == "workers":
    server = labkit.listener()
    labkit.beside(labkit.clients, server.getsockname(), 6, 0.2)
    if os.fork():
        asyncio.run(serve(server))
    sys.stdout = open(os.devnull, "w", encoding="utf-8")
    asyncio.run(serve(server))
if KIND == "activated":
    server = labkit.listener()
    labkit.beside(labkit.clients, server.getsockname(), 4, 0.2)
    if server.fileno() != 3:
        os.dup2(server.fileno(), 3)
    os.set_inheritable(3, True)
    os.execv(sys.executable, [sys.executable, __file__, "serve"])
if KIND == "datagrams":
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    labkit.beside(ask, socket.AF_INET, socket.SOCK_DGRAM, server.getsockname(), 3)
    asyncio.run(serve_datagrams(server))
if KIND == "unix":
    path = os.path.join(tempfile.mkdtemp(dir=sys.argv[2]), "socket")
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen(16)
    labkit.beside(ask, socket.AF_UNIX, socket.SOCK_STREAM, path, 4)
    asyncio.run(serve(server))
