"""MariaDB: mariadb.py lock|light|idle SCRATCH. Sessions that each change a row and then take their time before
they commit: all the same row, or each its own. idle: one changes a row and never commits."""

import os
import pathlib
import subprocess
import sys
import time

import labkit

SESSIONS, SECONDS, TIMES = 4, 0.3, 400


def start(home):
    os.chmod(home, 0o755)
    data = home / "data"
    data.mkdir()
    subprocess.run(["chown", "mysql", data], check=True)
    subprocess.run(["mariadb-install-db", "--user=mysql", f"--datadir={data}",
                    "--auth-root-authentication-method=normal"], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    server = subprocess.Popen(["mariadbd", "--no-defaults", "--user=mysql", f"--datadir={data}",
                               f"--socket={data}/socket", "--skip-networking"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(100):
        if (data / "socket").exists():
            return server, ["mariadb", "-S", f"{data}/socket", "-u", "root"]
        time.sleep(0.1)
    sys.exit("mariadbd does not start")


def transactions(client, row):
    one = f"begin; update stock set n = n + 1 where id = {row}; select sleep({SECONDS}); commit;\n"
    session = subprocess.Popen([*client, "shop"], stdin=subprocess.PIPE, text=True,
                               stdout=subprocess.DEVNULL)
    session.stdin.write(one * TIMES)
    session.stdin.flush()
    return session


def main():
    kind, home = sys.argv[1], pathlib.Path(sys.argv[2])
    server, client = start(home)
    rows = ", ".join(f"({row}, 0)" for row in range(SESSIONS))
    subprocess.run([*client, "-e", "create database shop; use shop; create table stock "
                    f"(id int primary key, n int) engine=innodb; insert into stock values {rows}"],
                   check=True)
    if kind == "idle":
        keeper = subprocess.Popen([*client, "shop"], stdin=subprocess.PIPE, text=True)
        keeper.stdin.write("begin; update stock set n = n + 1 where id = 0;\n")
        keeper.stdin.flush()
        time.sleep(0.5)
    sessions = [transactions(client, row if kind == "light" else 0) for row in range(SESSIONS)]
    labkit.ready(server.pid)
    server.wait()
    for session in sessions:
        session.wait()


main()
