"""Processes that share a semaphore of System V as a lock, or wait at one for work:
system_v.py lock PROCESSES KEPT REST | system_v.py queue"""

import ctypes
import os
import sys
import time

import labkit

libc = ctypes.CDLL(None, use_errno=True)
SEM_UNDO, IPC_RMID, SETVAL = 0x1000, 0, 16


def add(semaphore, value, flags=0):
    operation = (ctypes.c_short * 3)(0, value, flags)
    libc.semop(semaphore, ctypes.byref(operation), 1)


def made(value):
    """It would outlive us all: a process in a session of its own removes it after the others."""
    semaphore = libc.semget(0, 1, 0o600)
    libc.semctl(semaphore, 0, SETVAL, value)
    end, others = os.pipe()
    if os.fork() == 0:
        os.setsid()
        os.close(others)
        os.read(end, 1)
        libc.semctl(semaphore, 0, IPC_RMID)
        os._exit(0)
    os.close(end)
    return semaphore


def take_turns(semaphore, kept, rest):
    while True:
        add(semaphore, -1, SEM_UNDO)
        time.sleep(kept)
        add(semaphore, 1, SEM_UNDO)
        time.sleep(rest)


def share(processes, kept, rest):
    semaphore = made(1)
    for _ in range(processes - 1):
        labkit.beside(take_turns, semaphore, kept, rest)
    labkit.ready()
    take_turns(semaphore, kept, rest)


def work(semaphore):
    while True:
        add(semaphore, -1)
        time.sleep(0.005)


def hand_out():
    semaphore = made(0)
    for _ in range(4):
        labkit.beside(work, semaphore)
    labkit.ready()
    while True:
        time.sleep(0.02)
        add(semaphore, 1)


if sys.argv[1] == "lock":
    share(int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]))
else:
    hand_out()
