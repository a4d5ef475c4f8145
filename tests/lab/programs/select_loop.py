"""A loop over select: select_loop.py sleep|light, which answers by itself after a sleep, or
select_loop.py handed|room, which reads requests that four workers answer when a child is done."""

import concurrent.futures
import select
import subprocess
import sys
import time

import labkit

KIND = sys.argv[1]
SECONDS = {"sleep": 0.12, "light": 0.002, "handed": 0.35, "room": 0.02}[KIND]
CLIENTS = {"sleep": 4, "light": 3, "handed": 9, "room": 3}[KIND]
THINK = {"sleep": 0.2, "light": 0.1, "handed": 0.02, "room": 0.15}[KIND]
workers = concurrent.futures.ThreadPoolExecutor(4) if KIND in ("handed", "room") else None


def by_itself(connection):
    time.sleep(SECONDS)
    connection.sendall(b"answer\n")


def by_a_child(connection):
    subprocess.run(["sleep", str(SECONDS)], check=True)
    connection.sendall(b"answer\n")


def serve(server):
    connections = {server}
    while True:
        for each in select.select(connections, [], [])[0]:
            if each is server:
                connections.add(server.accept()[0])
            elif not each.recv(64):
                connections.discard(each)
                each.close()
            elif workers:
                workers.submit(by_a_child, each)
            else:
                by_itself(each)


listening = labkit.listener()
labkit.beside(labkit.clients, listening.getsockname(), CLIENTS, THINK)
labkit.ready()
serve(listening)
