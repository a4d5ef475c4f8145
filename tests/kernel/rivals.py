"""Starts the tools that Debian packages for the same questions, and reads what they print."""

import json
import os
import re
import shutil
import subprocess
import unittest


def need(*tools):
    """Where nobody reads what was skipped, a rival that is missing is a failure."""
    missing = [tool for tool in tools if not shutil.which(tool)]
    if not missing:
        return
    reason = f"not installed: {', '.join(missing)} (./dev setup installs them)"
    raise AssertionError(reason) if os.environ.get("CI") else unittest.SkipTest(reason)


class Rival:
    """One rival, started by `start`, its output read by `text`."""

    def __init__(self, *command):
        self._command = list(map(str, command))
        self._process = None

    def start(self, seconds):
        need(self._command[0])
        command = [part.replace("SECONDS", f"{seconds:.0f}") for part in self._command]
        self._process = subprocess.Popen(command, text=True, stdin=subprocess.DEVNULL,
                                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def text(self):
        return self._process.communicate(timeout=120)[0]

    def stop(self):
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


def offcputime_ns_by_tid(text):
    """`-   comm (tid)` and, on the next line, microseconds; one pair for each stack."""
    totals = {}
    for tid, us in re.findall(r"^\s+-\s+.*\((\d+)\)\n\s+(\d+)$", text, re.MULTILINE):
        totals[int(tid)] = totals.get(int(tid), 0) + int(us) * 1000
    return totals


def histogram(text):
    """A power-of-two histogram in microseconds as [(low, high, count)]."""
    rows = re.findall(r"^\s*(\d+) -> (\d+)\s*: (\d+)\s", text, re.MULTILINE)
    return [(int(low), int(high), int(count)) for low, high, count in rows]


def busiest_read_histogram(text):
    """Of `biolatency -F`, which prints one histogram for each set of flags. It decodes the flags by
    the constants of the kernel it was built on, so a synchronous read may be called Idle-Sync-Read:
    take the reads there are most of."""
    parts = [part for part in text.split("flags = ")[1:] if "Read" in part.splitlines()[0]]
    return max(map(histogram, parts), key=lambda rows: sum(count for _, _, count in rows))


def median_bucket_ns(rows):
    """The bounds of the bucket that holds the median."""
    half, seen = sum(count for _, _, count in rows) / 2, 0
    for low, high, count in rows:
        seen += count
        if seen >= half:
            return low * 1000, (high + 1) * 1000
    raise AssertionError("an empty histogram")


def timehist_ns_by_tid(text):
    """Sums of `perf sched timehist` per thread: (off the CPU, scheduler delay, running)."""
    totals = {}
    row = re.compile(r"^\s*[\d.]+ \[\d+\]\s+.*\[(\d+)(?:/\d+)?\]\s+([\d.]+)\s+([\d.]+)\s+([\d.]+)")
    for match in filter(None, map(row.match, text.splitlines())):
        so_far = totals.setdefault(int(match[1]), [0, 0, 0])
        for column in range(3):
            so_far[column] += int(float(match[2 + column]) * 1e6)
    return totals


def iostat_disk(text, name):
    """One disk's row of `iostat -o JSON`."""
    disks = json.loads(text)["sysstat"]["hosts"][0]["statistics"][-1]["disk"]
    return next(disk for disk in disks if disk["disk_device"] == name)
