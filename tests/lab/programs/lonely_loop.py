"""Event loops that nobody waits for: lonely_loop.py timer|client|editor

timer: asks a service each half second, driven by a timer; client: asyncio with ten connections that
it made, and computes with each answer; editor: serves one process over pipes."""

import asyncio
import ctypes
import os
import select
import socket
import struct
import sys

import labkit

CLOCK_MONOTONIC = 1


def watch(service):
    libc = ctypes.CDLL(None)
    timer = libc.timerfd_create(CLOCK_MONOTONIC, 0)
    every = struct.pack("qqqq", 0, 500_000_000, 0, 500_000_000)
    libc.timerfd_settime(timer, 0, every, None)
    poll = select.epoll()
    poll.register(timer, select.EPOLLIN)
    while True:
        poll.poll()
        os.read(timer, 8)
        with socket.create_connection(service) as connection:
            labkit.ask(connection)


async def crawl(service):
    async def one():
        reader, writer = await asyncio.open_connection(*service)
        while True:
            writer.write(b"question\n")
            await reader.readline()
            labkit.spin(0.11)

    await asyncio.gather(*[one() for _ in range(10)])


def edit(questions, answers):
    while True:
        os.write(questions, b"complete\n")
        os.read(answers, 64)


def serve_pipes(questions, answers):
    poll = select.epoll()
    poll.register(questions, select.EPOLLIN)
    while True:
        poll.poll()
        os.read(questions, 64)
        labkit.spin(0.15)
        os.write(answers, b"word\n")


if sys.argv[1] == "timer":
    service = labkit.backend(0.12)
    labkit.ready()
    watch(service)
if sys.argv[1] == "client":
    service = labkit.backend(0.05)
    labkit.ready()
    asyncio.run(crawl(service))
if sys.argv[1] == "editor":
    (questions, ask), (hear, answers) = os.pipe(), os.pipe()
    labkit.beside(edit, ask, hear)
    labkit.ready()
    serve_pipes(questions, answers)
