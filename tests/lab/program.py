"""Starts one program of the lab in the surroundings that its case wants, and takes all of it away again."""

import contextlib
import os
import pathlib
import select
import signal
import subprocess
import time

import waitscope

GROUP = f"waitscope-lab-{os.getpid()}"


class Cgroup:
    """A cgroup with limits: version 2 where it has the controllers, else version 1."""

    def __init__(self, case):
        self.folders = []
        for controller, files in self._wanted(case).items():
            folder = self._folder(controller)
            if folder is None:
                raise RuntimeError(f"no cgroup controller {controller}")
            folder.mkdir(exist_ok=True)
            if folder not in self.folders:
                self.folders.append(folder)
            for names, value in files:
                target = next(folder / name for name in names if (folder / name).exists())
                target.write_text(str(value))

    @staticmethod
    def _wanted(case):
        wanted = {}
        if case.quota:
            quota = int(case.quota * 100000)
            wanted["cpu"] = [(("cpu.cfs_quota_us", "cpu.max"), quota)]
        if case.memory:
            wanted["memory"] = [(("memory.limit_in_bytes", "memory.max"), case.memory)]
        if case.iops:
            device = os.stat(waitscope.SCRATCH).st_dev
            number = f"{os.major(device)}:{os.minor(device)}"
            wanted["blkio"] = [(("blkio.throttle.read_iops_device",), f"{number} {case.iops}")]
        if case.pids:
            wanted["pids"] = [(("pids.max",), case.pids)]
        return wanted

    @staticmethod
    def _folder(controller):
        for line in pathlib.Path("/proc/mounts").read_text().splitlines():
            _, point, kind, options, *_ = line.split()
            root = pathlib.Path(point)
            if kind == "cgroup" and controller in options.split(","):
                return root / GROUP
            if kind == "cgroup2" and controller in (root / "cgroup.controllers").read_text().split():
                with contextlib.suppress(OSError):
                    (root / "cgroup.subtree_control").write_text(f"+{controller}")
                return root / GROUP
        return None

    def enter(self):
        for folder in self.folders:
            (folder / "cgroup.procs").write_text(str(os.getpid()))

    def remove(self):
        for folder in self.folders:
            for _ in range(50):
                try:
                    folder.rmdir()
                    break
                except OSError:
                    time.sleep(0.1)


class LoopDevice:
    """A loop device above a file, where the case wants one."""

    def __init__(self, case, scratch):
        self.path = ""
        if not case.loop:
            return
        with (scratch / "loop").open("wb") as file:
            file.write(os.urandom(1 << 20) * 256)
        done = subprocess.run(["losetup", "--find", "--show", "--direct-io=on", scratch / "loop"], text=True,
                              stdout=subprocess.PIPE, check=False)
        self.path = done.stdout.strip()
        if not self.path:
            raise RuntimeError("no loop device")
        if case.strict:
            self._allow_little_unwritten()

    def _allow_little_unwritten(self):
        try:
            (self._info() / "strict_limit").write_text("1")
            (self._info() / "max_bytes").write_text(str(16 << 20))
        except OSError as error:
            self.remove()
            raise RuntimeError(f"no limit of its own for a device before Linux 6.2: {error}") from error

    def _info(self):
        return pathlib.Path(f"/sys/class/block/{pathlib.Path(self.path).name}/bdi")

    def remove(self):
        if not self.path:
            return
        if (self._info() / "strict_limit").exists():  # the next user of the device finds it as before
            (self._info() / "strict_limit").write_text("0")
            (self._info() / "max_ratio").write_text("100")
        subprocess.run(["losetup", "--detach", self.path], check=True)


class Program:
    """One program of the lab in a session of its own, from its readiness to its end."""

    def __init__(self, case, scratch):
        self.case = case
        self.device = LoopDevice(case, scratch)
        self.group = Cgroup(case)
        if case.file:
            self._make_file(scratch / "data", case.file)
        group = str(self.group.folders[0]) if self.group.folders else ""
        words = [str(w).format(bin=waitscope.BIN / "lab", scratch=scratch, group=group,
                               loop=self.device.path)
                 for w in case.command]
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, start_new_session=True,
                                        preexec_fn=None if case.pids else self.group.enter)
        self.pid = self._wait_until_ready()

    @staticmethod
    def _make_file(path, size):
        with path.open("wb") as file:
            for _ in range(size >> 20):
                file.write(os.urandom(1 << 20))
            file.flush()
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def _wait_until_ready(self):
        ready, _, _ = select.select([self.process.stdout], [], [], 60)
        line = self.process.stdout.readline() if ready else ""
        if not line.startswith("ready "):
            self.stop()
            raise RuntimeError(f"{self.case.name} is not ready: {line}{self.process.stderr.read()}")
        return int(line.split()[1])

    def stop(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.group.remove()
        self.device.remove()
