"""One thread of asyncio that waits at its poll, and one whose handlers block."""

import asyncio
import threading
import time


def name_thread(name):
    with open(f"/proc/self/task/{threading.get_native_id()}/comm", "w", encoding="ascii") as comm:
        comm.write(name)


async def polls():
    while True:
        await asyncio.sleep(0.002)


def sleep_here():
    time.sleep(0.002)


async def handler():
    sleep_here()


async def blocks():
    while True:
        await handler()
        await asyncio.sleep(0)


def run(name, program):
    name_thread(name)
    asyncio.run(program())


def main():
    threading.Thread(target=run, args=("blocker", blocks), daemon=True).start()
    run("poller", polls)


main()
