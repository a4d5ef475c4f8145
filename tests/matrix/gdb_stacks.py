"""For gdb -x: the physical frames of every thread, as one line of JSON."""

import json

import gdb

NOT_PHYSICAL = (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME)


def frames_of(frame):
    found = []
    while frame is not None and frame.is_valid():
        if frame.type() not in NOT_PHYSICAL:
            found.append({"pc": frame.pc(), "name": frame.name() or "?",
                          "signal": frame.type() == gdb.SIGTRAMP_FRAME})
        frame = frame.older()
    return found


def stacks():
    found = {}
    for thread in gdb.selected_inferior().threads():
        thread.switch()
        frame = gdb.newest_frame()
        in_call = int(frame.read_register("orig_rax")) >= 0
        found[thread.ptid[1]] = {"frames": frames_of(frame), "in_call": in_call}
    return found


gdb.execute("set backtrace past-main on")
gdb.execute("set backtrace past-entry on")
print("STACKS " + json.dumps(stacks()))
