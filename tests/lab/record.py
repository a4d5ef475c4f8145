"""Keeps recordings of lab programs for tests/diagnose: small, of those programs alone, and neutral."""

import pathlib
import subprocess

import cases
import waitscope

LOGS = waitscope.ROOT / "tests" / "diagnose" / "logs"
TRUTH = LOGS / "truth.txt"
MOST_BYTES = 256 << 10


def family(root):
    """The process, its children and theirs."""
    children = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    found, new = [], [root]
    while new:
        found += new
        new = [child for parent in new for child in children.get(parent, [])]
    return found


def neutral(raw, log, scratch, folders):
    """Paths of this machine become /lab, /scratch and /group."""
    rules = [*(f"{folder}=/group" for folder in folders),
             f"{scratch}=/scratch", f"{waitscope.BIN / 'lab'}=/lab", f"{cases.PROGRAMS}=/lab",
             f"{waitscope.ROOT}=/lab"]
    subprocess.run([str(waitscope.BIN / "neutral_log"), str(raw), str(log), *rules], check=True)


def record(agent, case, program, duration, scratch):
    """Records the case's own processes; returns the log and the target that was asked about."""
    raw = scratch / "raw.wslog"
    pids = [word for pid in family(program.process.pid) for word in ("--pid", str(pid))]
    done = waitscope.run("record", *pids, "--syscalls", "--duration", duration, "-o", raw,
                         endpoint=agent.endpoint, timeout=120)
    if done.returncode != 0:
        raise RuntimeError(f"record exited with {done.returncode}: {done.stderr}")
    log = scratch / "neutral.wslog"
    neutral(raw, log, scratch, program.group.folders)
    return log, case.target or ("--pid", str(program.pid))


def keep(case, log, target):
    """The log and what is true of it, in place of an earlier one."""
    size = log.stat().st_size
    if size > MOST_BYTES:
        return f"{size} bytes are too many"
    LOGS.mkdir(exist_ok=True)
    (LOGS / f"{case.name}.wslog").write_bytes(log.read_bytes())
    rows = TRUTH.read_text().splitlines() if TRUTH.exists() else []
    rows = [row for row in rows if row.split()[0] != case.name]
    rows.append(" ".join((case.name, *map(str, target), ",".join(case.expect) or "healthy")))
    TRUTH.write_text("\n".join(sorted(rows)) + "\n")
    return f"{size} bytes"
