"""Builds a program of Go and becomes it: golang.py NAME FOLDER"""

import os
import pathlib
import subprocess
import sys

name, folder = sys.argv[1:3]
source = pathlib.Path(__file__).parent / f"{name}.go"
environment = dict(os.environ, GOCACHE=f"{folder}/cache", GO111MODULE="off")
subprocess.run(["go", "build", "-o", f"{folder}/{name}", source], check=True, env=environment)
os.execv(f"{folder}/{name}", [name])
