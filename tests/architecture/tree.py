"""The tracked files of the project, and a reader of C and C++ good enough to measure functions."""

import functools
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
# vmlinux.h is the kernel's own text; syscall tables and third-party files are not ours to shape.
NOT_OURS = ("bpf/vmlinux/", "third_party/")
NOISE = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<end>[^()\s]*)\(.*?\)(?P=end)"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\''
    r'|^[ \t]*#(?:[^\n\\]|\\\n|\\.)*', re.S | re.M)
# What may stand between a parameter list and the body.
FUNCTION = re.compile(r"\)\s*(?:const|noexcept|override|final|mutable|&|\s|->[^;{}]*|:[^;]*[)}]\s*)*$")
SCOPE = re.compile(r"^\s*(?:inline\s+)?(?:namespace\b|extern\b\s*$)")
TYPE = re.compile(r"^\s*(?:template\s*<.*>\s*)?(?:typedef\s+)?(?:class|struct|union|enum)\b[^()]*$", re.S)


@functools.cache
def tracked():
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True,
                             text=True).stdout.splitlines()
    return [name for name in listing
            if not any(part in name for part in NOT_OURS) and (ROOT / name).exists()]


def tracked_with(*endings):
    return [name for name in tracked() if name.endswith(endings)]


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def without_noise(text):
    """The text without comments, strings and preprocessor lines, its lines in their places."""
    return NOISE.sub(lambda match: "\n" * match[0].count("\n"), text)


def kind_of(header):
    """What a brace after `header` opens."""
    if SCOPE.search(header):
        return "scope"
    if TYPE.search(header):
        return "type"
    return "function" if FUNCTION.search(header) else "data"


def labels_before(text):
    """[how many lines up to this one are a case label and nothing else], by line from 1."""
    counts = [0]
    for line in text.split("\n"):
        counts.append(counts[-1] + bool(re.match(r"\s*(?:case\b[^;]*|default):\s*$", line)))
    return counts


def c_functions(text):
    """[(first line, header, lines between the braces)] of every outermost function body.

    Bare `case` labels are not counted: a long run of them is a table, however it is written.
    """
    found, stack, header, line, opened, labels = [], [], "", 1, 0, labels_before(text)
    for character in without_noise(text):
        line += character == "\n"
        inside = "function" in stack
        if character == "{":
            kind = "block" if inside else kind_of(header)
            if kind == "function":
                opened, signature = line, " ".join(header.split())
            stack.append(kind)
            header = header if kind in ("data", "block") else ""
        elif character == "}" and stack:
            kind = stack.pop()
            if kind == "function":
                found.append((opened, signature, max(0, line - opened - 1 - labels[line] + labels[opened])))
            header = header + "}" if kind == "data" else ""
        elif character == ";" and not inside and header.count("(") == header.count(")"):
            header = ""
        elif not inside:
            header += character
            if re.search(r"\b(?:public|private|protected):$", header):
                header = ""
    return found
