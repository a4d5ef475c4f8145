"""Python threads that wait in ways of their own, for known times: test_python reads their truth.

usage: python_threads.py SECONDS      begins when a line is read
"""

import asyncio
import json
import queue
import sys
import threading
import time

LENGTH = 0.002


def name_thread(name):
    with open(f"/proc/self/task/{threading.get_native_id()}/comm", "w", encoding="ascii") as comm:
        comm.write(name)


def sleep_here():
    time.sleep(LENGTH)


def inner(depth):
    if depth == 0:
        sleep_here()
    else:
        inner(depth - 1)


class Handler:
    def handle(self):
        # Through C code: each call of the interpreter has frames of its own.
        list(map(self.step, [1]))

    def step(self, _):
        inner(3)


def wait_on_lock(lock):
    lock.acquire(timeout=LENGTH)


def wait_on_queue(jobs):
    try:
        jobs.get(timeout=LENGTH)
    except queue.Empty:
        pass


async def blocking_handler():
    time.sleep(LENGTH)


async def serve(until):
    while time.monotonic() < until:
        await blocking_handler()
        await asyncio.sleep(LENGTH)


def generate():
    while True:
        sleep_here()
        yield


def repeat(until, action):
    while time.monotonic() < until:
        action()


def sleeper(until):
    repeat(until, sleep_here)


def nester(until):
    repeat(until, Handler().handle)


def locker(until):
    lock = threading.Lock()
    lock.acquire()
    repeat(until, lambda: wait_on_lock(lock))


def getter(until):
    jobs = queue.Queue()
    repeat(until, lambda: wait_on_queue(jobs))


def generator(until):
    steps = generate()
    repeat(until, lambda: next(steps))


def looper(until):
    asyncio.run(serve(until))


def deep(until):
    sys.setrecursionlimit(3000)
    repeat(until, lambda: inner(300))


def hung(until):
    threading.Event().wait(until - time.monotonic())


ROLES = (sleeper, nester, locker, getter, generator, looper, deep, hung)


def main():
    print("ready", file=sys.stderr, flush=True)
    sys.stdin.readline()
    begin_ns = time.monotonic_ns()
    until = time.monotonic() + float(sys.argv[1])

    def run(role):
        name_thread(role.__name__)
        role(until)

    threads = [threading.Thread(target=run, args=(role,)) for role in ROLES]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"begin_ns": begin_ns, "end_ns": time.monotonic_ns(),
                      "python": list(sys.version_info[:2])}), flush=True)


main()
