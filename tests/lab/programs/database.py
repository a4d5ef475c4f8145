"""A PostgreSQL server of its own: database.py idle|lock|table|advisory FOLDER.
Idle: connections that nobody uses. Else one waits for a row, a table or a number that another has
locked."""

import os
import subprocess
import sys
import time

import labkit

BIN = next(p for v in ("15", "16", "17", "14", "13")
           if os.path.isdir(p := f"/usr/lib/postgresql/{v}/bin"))
home = sys.argv[2]
os.chmod(home, 0o755)
subprocess.run(["chown", "postgres", home], check=True)
AS = ["runuser", "-u", "postgres", "--"]
subprocess.run([*AS, f"{BIN}/initdb", "-D", f"{home}/data", "-A", "trust"], check=True,
               stdout=subprocess.DEVNULL)
server = subprocess.Popen([*AS, f"{BIN}/postgres", "-D", f"{home}/data", "-k", home, "-c",
                           "listen_addresses="], stderr=subprocess.DEVNULL)
for _ in range(100):
    if subprocess.run([f"{BIN}/pg_isready", "-h", home], stdout=subprocess.DEVNULL).returncode == 0:
        break
    time.sleep(0.1)


class Session:
    def __init__(self):
        self.process = subprocess.Popen(["psql", "-h", home, "-U", "postgres", "-qAt"], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.tell("select pg_backend_pid();")
        self.backend = int(self.process.stdout.readline())

    def tell(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()


sessions = [Session() for _ in range(4)]
sessions[0].tell("create table t (x int); insert into t values (1);")
time.sleep(0.5)
HOLD = {"table": "begin; lock table t in access exclusive mode; select pg_sleep(600);",
        "advisory": "select pg_advisory_lock(7);"}
WAIT = {"table": "select * from t;", "advisory": "select pg_advisory_lock(7);"}
if sys.argv[1] in HOLD:
    sessions[0].tell(HOLD[sys.argv[1]])
    time.sleep(0.3)
    sessions[1].tell(WAIT[sys.argv[1]])
    time.sleep(2.5)
if sys.argv[1] == "lock":
    sessions[0].tell("begin; update t set x = 2;")
    time.sleep(0.3)
    sessions[1].tell("update t set x = 3;")
    time.sleep(2.5)
print(f"ready {sessions[1].backend}", flush=True)
labkit.forever()
