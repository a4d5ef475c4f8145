"""A worker and the server it gets its jobs from: job_queue.py limit|jobs|loop [LIMIT]

limit: it asks again and again, and is told after a second (LIMIT) that there is none; jobs: several wait
for jobs that somebody puts in now and then; loop: one that polls, and computes for each job."""

import asyncio
import random
import select
import socket
import sys
import threading
import time

import labkit

KIND = sys.argv[1]


def serve(listener):
    jobs = asyncio.Queue()

    async def talk(reader, writer):
        while line := await reader.readline():
            if line.startswith(b"put"):
                jobs.put_nowait(b"job\n")
                writer.write(b"done\n")
                continue
            limit = float(line.split()[1]) or None
            try:
                writer.write(await asyncio.wait_for(jobs.get(), limit))
            except asyncio.TimeoutError:
                writer.write(b"none\n")

    async def main():
        await asyncio.start_server(talk, sock=listener)
        await asyncio.Event().wait()

    asyncio.run(main())


def produce(address, shortest, longest):
    connection = socket.create_connection(address)
    while True:
        connection.sendall(b"put\n")
        connection.recv(64)
        time.sleep(random.uniform(shortest, longest))


def consume(address, limit):
    connection = socket.create_connection(address)
    while True:
        connection.sendall(b"get %g\n" % limit)
        connection.recv(64)


def poll_and_compute(address):
    connection = socket.create_connection(address)
    poll = select.epoll()
    poll.register(connection, select.EPOLLIN)
    while True:
        connection.sendall(b"get 0\n")
        poll.poll()
        connection.recv(64)
        labkit.spin(0.2)


server = labkit.listener()
labkit.beside(serve, server)
address = server.getsockname()
server.close()
if KIND == "limit":
    labkit.ready()
    consume(address, float(sys.argv[2]) if len(sys.argv) > 2 else 1)
if KIND == "jobs":
    labkit.beside(produce, address, 0.1, 0.4)
    for _ in range(3):
        threading.Thread(target=consume, args=(address, 5), daemon=True).start()
    labkit.ready()
    labkit.forever()
if KIND == "loop":
    labkit.beside(produce, address, 0.5, 0.7)
    labkit.ready()
    poll_and_compute(address)
