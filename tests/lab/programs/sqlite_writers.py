"""Processes that all write to one SQLite database, each transaction a while: sqlite_writers.py FOLDER"""

import os
import sqlite3
import sys
import time

import labkit

path = os.path.join(sys.argv[1], "shop.db")
with sqlite3.connect(path) as setup:
    setup.execute("pragma journal_mode=wal")
    setup.execute("create table t (x)")


def write():
    connection = sqlite3.connect(path, timeout=60, isolation_level=None)
    while True:
        connection.execute("begin immediate")
        connection.execute("insert into t values (1)")
        time.sleep(0.2)
        connection.execute("commit")
        time.sleep(0.1)  # or the one that has it would take it again before the others ask


for _ in range(3):
    labkit.beside(write)
labkit.ready()
write()
