"""Holds what waitscope reports of a truth program's threads against the program's own account.

Pure: two parsed JSON objects in, sentences out, one for each disagreement. The same checks run on
answers from this machine and from virtual machines.
"""

# The wait classes in which a truth program's operation may be reported.
OP_CLASSES = {
    "sleep": ("sleep",),
    "rest": ("sleep",),
    "short": ("sleep",),
    "long": ("sleep",),
    "lock": ("lock",),
    "pipe": ("pipe",),
    "recv": ("network",),
    "read": ("disk",),
    "fsync": ("commit",),
    "fault": ("page-fault",),
    "child": ("child",),
    "poll": ("poll",),
    "spin": (),
    "wait": ("sleep", "lock", "poll"),  # each thread in its own way
}

RELATIVE = 0.01
# A thread's own stamps leave out its birth and its death: stack set-up, schedstat reads, exit.
LIFE_NS = 1_000_000
# The kernel's own account reads its clock on entry to the scheduler, waitscope at the switch
# itself: each switch moves a little time from one state to the next.
SWITCH_NS = 1_500
# Where the kernel's account and waitscope's part at a waking. The run delay begins when the thread
# is put on a queue, waitscope's runnable time when its waker decides to wake it: 2 to 7 us apart on
# a quiet machine (perf record -e sched:sched_waking,sched:sched_wakeup), more when the CPU must be
# told by an interrupt. And a thread that preempts is charged by the kernel from its queueing on,
# because the scheduler skips the clock update (rq_clock_skip_update), not from the switch on. With
# all caches cold, on a machine full of compilers, the two came to 40 us a waking. The sleeps' asked
# lengths bound the same times without the kernel's account.
WAKE_NS = 50_000
# From leaving the process's sum of processor time to the last switch: 12 us.
DEATH_NS = 20_000
# A thread may be preempted on that last way: nothing the process can read tells when it is over.
DEATH_QUEUED_NS = 1_000_000
# The stolen time is printed in ticks, whole machine.
STEAL_TICK_NS = 10_000_000
CONSERVATION = 0.001


def number(message, field):
    return int(message.get(field, 0))


def waits_of(row):
    return {wait["class"]: number(wait, "ns") for wait in row.get("waits", [])}


def counts_of(row):
    return {wait["class"]: number(wait, "count") for wait in row.get("waits", [])}


def slack_ns(truth, thread, value_ns):
    """How far a reported total may be from `value_ns`."""
    switches = thread["voluntary"] + thread["involuntary"]
    stolen = truth["steal_ns"] + STEAL_TICK_NS if "steal_ns" in truth else 0
    return RELATIVE * value_ns + LIFE_NS + SWITCH_NS * switches + stolen


def near(truth, thread, name, reported, expected, less=0, more=0):
    """`less` and `more`: what is known to make the reported total smaller or greater."""
    slack = slack_ns(truth, thread, expected)
    if -slack - less <= reported - expected <= slack + more:
        return []
    return [f"{thread['role']} {thread['tid']}: {name} is {reported / 1e6:.3f} ms, its own account "
            f"says {expected / 1e6:.3f} ms (allowed -{(slack + less) / 1e6:.3f} "
            f"+{(slack + more) / 1e6:.3f} ms)"]


def unstamped_ns(thread, row):
    """The part of a life before its first and after its last stamp. A thread that ends together
    with a thousand others queues for the CPU to die."""
    return max(0, number(row, "wall_ns") - thread["wall_ns"])


def check_states(truth, thread, row):
    """Running, runnable and blocked against the kernel's own count for that thread."""
    waking, unstamped = WAKE_NS * thread["voluntary"], unstamped_ns(thread, row)
    dying = DEATH_NS * truth.get("born", 0)
    problems = near(truth, thread, "running", number(row, "running_ns"), thread["cpu_ns"],
                    less=waking, more=dying)
    # A sleeper that is moved may still lie in its queue (6.12 dequeues late), and the kernel then
    # starts its run delay in the middle of its sleep.
    if thread["tid"] == truth.get("moved"):
        return problems
    return [
        *problems,
        *near(truth, thread, "runnable", number(row, "runnable_ns"), thread["run_delay_ns"],
              more=waking + unstamped),
        *near(truth, thread, "blocked", number(row, "blocked_ns"), thread["blocked_ns"],
              less=waking, more=unstamped),
    ]


def check_wall(truth, thread, row):
    """Whole lives: a row may begin earlier and end later than the thread's own stamps, but birth
    and death lie within the program's run."""
    wall, own = number(row, "wall_ns"), thread["end_ns"] - thread["begin_ns"]
    problems = check_conservation(row)
    if wall < own * (1 - 1e-6) - 1000:
        problems.append(f"{thread['role']} {thread['tid']}: wall is {wall} ns, but the thread saw "
                        f"{own} ns go by")
    most = thread.get("outer_ns") or truth["end_ns"] - truth["begin_ns"]
    if wall > most + slack_ns(truth, thread, own) + DEATH_QUEUED_NS * truth.get("born", 0):
        problems.append(f"{thread['role']} {thread['tid']}: wall is {wall} ns, far more than the "
                        f"{most} ns of the thread's life")
    return problems


def check_conservation(row):
    """running + runnable + blocked + residual = wall, and the residual is next to nothing."""
    name = f"{row.get('comm', '?')} {number(row, 'tid')}"
    wall, residual = number(row, "wall_ns"), number(row, "residual_ns")
    total = sum(number(row, f) for f in ("running_ns", "runnable_ns", "blocked_ns"))
    waited = sum(waits_of(row).values())
    problems = []
    if total + residual != wall:
        problems.append(f"{name}: the states and the residual make {total + residual} ns, not the "
                        f"wall time of {wall} ns")
    if abs(residual) > CONSERVATION * wall + 1000:
        problems.append(f"{name}: residual {residual} ns of {wall} ns wall")
    if waited != number(row, "blocked_ns"):
        problems.append(f"{name}: the waits make {waited} ns, blocked is "
                        f"{number(row, 'blocked_ns')} ns")
    return problems


def check_classes(truth, thread, row):
    """Each operation's time under its class. An operation's elapsed time also holds processor
    and run-queue time, which no class may hold: so the bounds are one-sided, and the time under
    classes that the thread never waited in closes them. Waits before the first and after the last
    stamp may be of any class: a thousand threads that die at once wait for the C library's lock of
    its stack cache."""
    waits, problems, expected_classes = waits_of(row), [], set()
    groups = {}
    for name, op in thread["ops"].items():
        groups.setdefault(OP_CLASSES[name], []).append(op["ns"])
    for classes, elapsed in groups.items():
        if not classes:
            continue
        expected_classes.update(classes)
        reported, most = sum(waits.get(c, 0) for c in classes), sum(elapsed)
        least = max(0, most - thread["cpu_ns"] - thread["run_delay_ns"]
                    - WAKE_NS * thread["voluntary"])
        if classes == ("sleep",):
            least = max(least, thread.get("asked_ns", 0))
        slack = slack_ns(truth, thread, most)
        if not least - slack <= reported <= most + slack + unstamped_ns(thread, row):
            problems.append(
                f"{thread['role']} {thread['tid']}: {'+'.join(classes)} is {reported / 1e6:.3f} "
                f"ms, its own account says {least / 1e6:.3f} to {most / 1e6:.3f} ms")
    stray = {c: ns for c, ns in waits.items() if c not in expected_classes and ns}
    if sum(stray.values()) > (slack_ns(truth, thread, thread["blocked_ns"])
                               + unstamped_ns(thread, row)):
        problems.append(f"{thread['role']} {thread['tid']}: waits it never made: {stray}")
    return problems


def check_counts(truth, thread, row):
    """Switches against the kernel's count, and one wait for each sleep."""
    problems = []
    for kind in ("voluntary", "involuntary"):
        reported, own = number(row, f"switches_{kind}"), thread[kind]
        # The last switch of all, into death, comes after the thread read its count.
        if abs(reported - own) > RELATIVE * own + 5 * truth.get("born", 1):
            problems.append(f"{thread['role']} {thread['tid']}: {reported} {kind} switches, the "
                            f"kernel counted {own}")
    slept = sum(op["count"] for name, op in thread["ops"].items() if OP_CLASSES[name] == ("sleep",))
    reported = counts_of(row).get("sleep", 0)
    if slept and abs(reported - slept) > RELATIVE * slept + 1:
        problems.append(f"{thread['role']} {thread['tid']}: {reported} sleeps, it made {slept}")
    return problems


def check_row(truth, thread, row):
    return [*check_wall(truth, thread, row), *check_states(truth, thread, row),
            *check_classes(truth, thread, row), *check_counts(truth, thread, row)]


def totals_row(answer, pid, but_tids=()):
    """A process's totals without some of its threads, in the shape of a thread's row."""
    process = next(p for p in answer["processes"] if number(p, "pid") == pid)
    row, waits, counts = {}, {}, {}
    totals = process["totals"]
    others = [t for t in answer.get("threads", []) if number(t, "tid") in but_tids]
    for field in ("wall_ns", "running_ns", "runnable_ns", "blocked_ns", "residual_ns",
                  "switches_voluntary", "switches_involuntary"):
        row[field] = number(totals, field) - sum(number(t, field) for t in others)
    for source, sign in [(totals, 1)] + [(t, -1) for t in others]:
        for name, ns in waits_of(source).items():
            waits[name] = waits.get(name, 0) + sign * ns
        for name, count in counts_of(source).items():
            counts[name] = counts.get(name, 0) + sign * count
    row["waits"] = [{"class": c, "ns": waits[c], "count": counts.get(c, 0)} for c in waits]
    row["tid"], row["comm"] = pid, "all threads of"
    return row


def check(truth, threads_json):
    """Everything that is wrong with a `threads` answer whose window holds the program's life."""
    rows = {number(row, "tid"): row for row in threads_json.get("threads", [])}
    problems = []
    for thread in truth["threads"]:
        if truth.get("summed"):
            row = totals_row(threads_json, truth["pid"], but_tids=(truth["pid"],))
        elif thread["tid"] in rows:
            row = rows[thread["tid"]]
        else:
            problems.append(f"{thread['role']} {thread['tid']} is missing from the answer")
            continue
        problems += check_row(truth, thread, row)
    return problems


def check_living(threads_json, window_ns, most_ns):
    """Conservation of every thread, and the full window for those that lived through it: `most_ns`
    is the time between the asking and the answer."""
    problems = []
    for row in threads_json.get("threads", []):
        problems += check_conservation(row)
        born_before = number(row, "wall_ns") >= 0.999 * window_ns
        if number(row, "wall_ns") > most_ns:
            problems.append(f"{row.get('comm')} {row.get('tid')}: {row.get('wall_ns')} ns between "
                            f"asking and answer, which are {most_ns} ns apart")
        if born_before and row.get("exited"):
            problems.append(f"{row.get('comm')} {row.get('tid')}: exited, yet it filled the window")
    return problems
