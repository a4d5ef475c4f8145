"""A writer that waits for another process's write transaction."""

import os
import sqlite3
import sys
import time

import labkit

path = os.path.join(sys.argv[1], "shop.db")
setup = sqlite3.connect(path)
setup.execute("create table t (x)")
setup.commit()
setup.close()


def hold():
    holder = sqlite3.connect(path, timeout=30, isolation_level=None)
    while True:
        holder.execute("begin immediate")
        holder.execute("insert into t values (1)")
        time.sleep(1.5)
        holder.execute("commit")
        time.sleep(0.01)


labkit.beside(hold)
time.sleep(0.3)
writer = sqlite3.connect(path, timeout=30, isolation_level=None)
labkit.ready()
while True:
    writer.execute("insert into t values (2)")
    time.sleep(0.05)
