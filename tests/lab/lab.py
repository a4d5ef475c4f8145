"""Runs sick and healthy programs for real, asks waitscope what is wrong, prints the confusion table.

lab.py [--smoke] [--together] [--duration 8s] [--keep FOLDER] [--record] [NAME...]
"""

import argparse
import contextlib
import json
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "kernel"))
import cases  # noqa: E402
import record  # noqa: E402
from program import Program  # noqa: E402
import waitscope  # noqa: E402

FOUND, NOTHING = 10, 0
ACTIONABLE = ("warning", "critical")


def diagnose(agent, target, duration):
    done = waitscope.run("--timeout", "60s", "diagnose", *target, "--duration", duration,
                         "--output", "json", endpoint=agent.endpoint, timeout=120)
    return checked(done)


def checked(done):
    if done.returncode not in (FOUND, NOTHING):
        raise RuntimeError(f"diagnose exited with {done.returncode}: {done.stderr}")
    answer = json.loads(done.stdout)
    if (done.returncode == FOUND) != any(f["severity"] in ACTIONABLE for f in answer["findings"]):
        raise RuntimeError("exit code and findings do not agree")
    return answer


def named_in(finding, words):
    text = json.dumps(finding)
    return not words or any(word in text for word in words)


def verdict(case, answer):
    """(word for the table, conditions told, whether it is right)."""
    told = [f for f in answer["findings"] if f["severity"] in ACTIONABLE]
    names = [f["condition"] for f in told]
    if not case.expect:
        return ("silent" if not told else "FALSE ALARM", names, not told)
    right = [f for f in told if f["condition"] in case.expect]
    if not right:
        return ("MISS" if not told else "WRONG NAME", names, False)
    if len(told) > len(right):
        return ("ALSO " + ",".join(n for n in names if n not in case.expect), names, False)
    if not named_in(right[0], case.culprit):
        return ("NO CULPRIT", names, False)
    return ("named", names, True)


def run_case(agent, case, duration, keep):
    with tempfile.TemporaryDirectory(prefix="waitscope-lab-", dir=waitscope.SCRATCH) as scratch:
        program = Program(case, pathlib.Path(scratch))
        try:
            time.sleep(case.settle)
            answer = diagnose(agent, case.target or ("--pid", program.pid), duration)
        finally:
            program.stop()
    if keep:
        (pathlib.Path(keep) / f"{case.name}.json").write_text(json.dumps(answer, indent=1))
    return verdict(case, answer)


def run_together(agent, some, duration):
    """All of them side by side and one look at the whole machine: what is told of each process is judged
    as if that process alone had been asked about."""
    with contextlib.ExitStack() as stack:
        programs = {}
        for case in some:
            scratch = stack.enter_context(
                tempfile.TemporaryDirectory(prefix="waitscope-lab-", dir=waitscope.SCRATCH))
            programs[case] = Program(case, pathlib.Path(scratch))
            stack.callback(programs[case].stop)
        time.sleep(max(case.settle for case in some))
        findings = diagnose(agent, (), duration)["findings"]
    return [(case, verdict(case, {"findings": about(findings, program.pid)}))
            for case, program in programs.items()]


def about(findings, pid):
    """What is told of a process, by itself or as an effect of what another one suffers from."""
    for finding in findings:
        if finding["process"]["pid"] == pid:
            yield finding
            continue
        for evidence in finding["evidence"]:
            if evidence["kind"] == "explains" and evidence.get("pid") == pid:
                yield {**finding, "condition": evidence["object"]}


def record_case(agent, case, duration):
    """As run_case, from a recording; one that is named right is kept."""
    with tempfile.TemporaryDirectory(prefix="waitscope-lab-", dir=waitscope.SCRATCH) as folder:
        scratch = pathlib.Path(folder)
        program = Program(case, scratch)
        try:
            time.sleep(case.settle)
            log, target = record.record(agent, case, program, duration, scratch)
        finally:
            program.stop()
        told = verdict(case, checked(waitscope.run("replay", log, "diagnose", *target, "--output",
                                                   "json")))
        kept = record.keep(case, log, target) if told[2] else "not kept"
    print(f"{case.name}: {kept}")
    return told


def chosen(arguments):
    some = [c for c in cases.ALL if c.smoke] if arguments.smoke else cases.ALL
    if arguments.together:
        some = [c for c in cases.ALL if c.name in cases.TOGETHER]
    if arguments.names:
        some = [c for c in cases.ALL if any(name in c.name for name in arguments.names)]
    return [c for c in some if c.installed()]


def print_table(rows):
    print(f"\n{'PROGRAM':28} {'TRUTH':26} {'TOLD':34} VERDICT")
    for case, (word, names, _) in rows:
        truth = case.expect[0] if case.expect else "healthy"
        print(f"{case.name:28} {truth:26} {','.join(names) or '-':34} {word}")
    sick = [(c, r) for c, r in rows if c.expect]
    well = [(c, r) for c, r in rows if not c.expect]
    print(f"\nsick: {sum(r[2] for _, r in sick)} of {len(sick)} named right; "
          f"healthy: {sum(r[2] for _, r in well)} of {len(well)} left alone")


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="run the programs whose names hold one of these")
    parser.add_argument("--smoke", action="store_true", help="a short slice of the lab")
    parser.add_argument("--together", action="store_true",
                        help="some at the same time, and one question about the whole machine")
    parser.add_argument("--duration", default="8s")
    parser.add_argument("--keep", help="a folder for the answers")
    parser.add_argument("--record", action="store_true",
                        help="keep recordings for tests/diagnose instead of asking the agent")
    return parser.parse_args()


def one_after_the_other(agent, arguments):
    for case in chosen(arguments):
        try:
            result = (record_case(agent, case, arguments.duration) if arguments.record else
                      run_case(agent, case, arguments.duration, arguments.keep))
        except RuntimeError as error:
            result = (f"NOT RUN: {str(error).strip().splitlines()[-1]}", [], False)
        print(f"{case.name}: {result[0]} {' '.join(result[1])}", flush=True)
        yield case, result


def main():
    arguments = parse()
    if arguments.keep:
        pathlib.Path(arguments.keep).mkdir(parents=True, exist_ok=True)
    with waitscope.Agent() as agent:
        rows = (run_together(agent, chosen(arguments), arguments.duration) if arguments.together else
                list(one_after_the_other(agent, arguments)))
    print_table(rows)
    return 0 if all(result[2] for _, result in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
