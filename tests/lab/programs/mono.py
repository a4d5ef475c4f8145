"""Compiles Pool.cs into FOLDER and becomes it: mono.py KIND FOLDER"""

import os
import pathlib
import subprocess
import sys

source = pathlib.Path(__file__).parent / "Pool.cs"
program = f"{sys.argv[2]}/pool.exe"
subprocess.run(["mcs", f"-out:{program}", str(source)], check=True)
os.execvp("mono", ["mono", program, sys.argv[1]])
