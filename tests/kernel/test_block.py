"""Devices: against the program's own count, /proc/diskstats and iostat."""

import os
import pathlib
import time
import unittest

import rivals
import waitscope


def disk_of(path):
    """The name of the whole disk under a path, as /proc/diskstats has it."""
    device = os.stat(path).st_dev
    link = pathlib.Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}")
    if not link.exists():
        raise unittest.SkipTest(f"{path} is not on a block device")
    block = link.resolve()
    return block.parent.name if (block / "partition").exists() else block.name


def diskstats(name):
    """Completed reads, sectors read, milliseconds reading, completed writes."""
    for line in pathlib.Path("/proc/diskstats").read_text().splitlines():
        fields = line.split()
        if fields[2] == name:
            return {"reads": int(fields[3]), "read_bytes": int(fields[5]) * 512,
                    "read_ms": int(fields[6]), "writes": int(fields[7])}
    raise unittest.SkipTest(f"no {name} in /proc/diskstats")


def diskstats_before_any_answer(name):
    """Read so early that an answer about what follows cannot reach back beyond it."""
    before = diskstats(name)
    time.sleep(waitscope.MARGIN_SECONDS + 1.5)  # and a window of 1 s
    return before


class Block(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.disk = disk_of(waitscope.SCRATCH)
        cls.agent = waitscope.Agent()
        cls.agent.__enter__()
        cls.addClassCleanup(cls.agent.__exit__)

    def device(self, answer):
        return next(d for d in answer["devices"] if d["name"] == self.disk)

    def test_requests_bytes_and_time_are_those_of_the_program_and_of_diskstats(self):
        with waitscope.Workload("direct_reads", "--bytes", 16384, seconds=4) as workload:
            before = diskstats_before_any_answer(self.disk)
            truth, answer = waitscope.observe(self.agent, workload, "io", targeted=False)
            after = diskstats(self.disk)
        made = truth["threads"][0]["ops"]["read"]["count"]
        read = self.device(answer)["read"]
        requests = waitscope.number(read, "requests")
        # Some kernels skip tracepoints that fire in an idle thread (6.18 does, ten times a second at
        # this rate): such a request is not in the totals but in the losses.
        untracked = waitscope.losses(answer).get("request-untracked", 0)
        self.assertLess(untracked, 0.005 * made)
        self.assertGreaterEqual(requests + untracked, made)
        self.assertLessEqual(requests, after["reads"] - before["reads"])
        self.assertGreaterEqual(waitscope.number(read, "bytes"), (made - untracked) * 16384)
        self.assertLessEqual(waitscope.number(read, "bytes"),
                             after["read_bytes"] - before["read_bytes"])
        took_ns = waitscope.number(read, "queue_ns") + waitscope.number(read, "device_ns")
        self.assertLess(took_ns, 1.01 * (after["read_ms"] - before["read_ms"]) * 1e6 + 1e6)
        if requests + untracked == made:  # nobody else read from the disk
            self.assertLess(took_ns, truth["threads"][0]["ops"]["read"]["ns"] * 1.01)

    def test_a_threads_own_wait_is_its_disk_time(self):
        with waitscope.Workload("direct_reads", seconds=4) as workload:
            truth, answer = waitscope.observe(self.agent, workload, "io")
        own = truth["threads"][0]
        row = next(r for r in answer["threads"] if waitscope.number(r["thread"], "tid")
                   == own["tid"])
        self.assertAlmostEqual(waitscope.number(row, "blocked_ns"), own["blocked_ns"],
                               delta=0.02 * own["blocked_ns"] + own["voluntary"] * 1500
                               + truth["steal_ns"])  # which the kernel counts as nothing
        self.assertIn(self.disk, row.get("devices", []))

    def test_rates_agree_with_iostat(self):
        rival = rivals.Rival("iostat", "-dxky", "-o", "JSON", self.disk, "SECONDS", "1")
        self.addCleanup(rival.stop)
        with waitscope.Workload("direct_reads", seconds=5) as workload:
            before = diskstats_before_any_answer(self.disk)
            truth, answer = waitscope.observe_all(workload, [(self.agent, ("io",))],
                                                  targeted=False, beside=[rival.start])
            after = diskstats(self.disk)
        theirs, ours = rivals.iostat_disk(rival.text(), self.disk), self.device(answer)
        interval = round(workload.seconds + 2 * waitscope.LEAD_SECONDS)
        made = truth["threads"][0]["ops"]["read"]["count"]
        # Totals, since the two stretches do not begin at the same instant: what other programs
        # read, they may have read at the edges.
        window = waitscope.window_seconds(answer)
        others = after["reads"] - before["reads"] - made
        others_kb = (after["read_bytes"] - before["read_bytes"]) / 1024 - 4 * made
        self.assertAlmostEqual(ours["reads_per_s"] * window, theirs["r/s"] * interval,
                               delta=0.02 * made + others)
        self.assertAlmostEqual(ours["read_kb_per_s"] * window, theirs["rkB/s"] * interval,
                               delta=0.02 * made * 4 + others_kb)
        # Two decimals of a millisecond, and the time in a task's plug, which only iostat has.
        self.assertAlmostEqual(ours["read_await_ms"], theirs["r_await"],
                               delta=0.01 + 0.15 * theirs["r_await"])
        self.assertAlmostEqual(ours["queue_size"] * window, theirs["aqu-sz"] * interval,
                               delta=0.15 * theirs["aqu-sz"] * interval + 0.01 * interval)
        # For requests far shorter than a scheduler tick its busy time is a sample: a tick counts
        # when its edge finds a request in flight (update_io_ticks, 6.18).
        self.assertAlmostEqual(ours["utilization"] * window, theirs["util"] * interval,
                               delta=0.1 * theirs["util"] * interval + 5)
        self.assertGreater(ours["utilization"] * window / 100,
                           0.8 * waitscope.number(ours["read"], "device_ns") / 1e9)

    def test_fsync_is_seen_as_commit_and_as_writes(self):
        with waitscope.Workload("fsync_loop", seconds=3) as workload:
            before = diskstats_before_any_answer(self.disk)
            truth, answer = waitscope.observe(self.agent, workload, "io", targeted=False)
            after = diskstats(self.disk)
        write = self.device(answer)["write"]
        self.assertGreaterEqual(waitscope.number(write, "requests"),
                                truth["threads"][0]["ops"]["fsync"]["count"])
        self.assertLessEqual(waitscope.number(write, "requests"),
                             after["writes"] - before["writes"])


if __name__ == "__main__":
    unittest.main()
