"""Dependencies point one way. The table below is the architecture; ARCHITECTURE.md draws it."""

import re
import unittest

import tree

# What only the BPF compiler sees.
BPF_ONLY = re.compile(r"^#ifdef __BPF__$.*?^#(?:else|endif)", re.S | re.M)
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)

# Room (longest prefix wins): rooms of ours it may include, libraries it may include.
ROOMS = {
    "agent/core": (["agent/core", "bpf"], ["std", "absl"]),
    "agent/diagnose": (["agent/core", "agent/diagnose", "bpf"], ["std", "absl"]),
    "agent/views": (["agent/core", "agent/diagnose", "agent/views", "bpf"], ["std", "absl"]),
    "agent/os": (["agent/os"], ["std", "absl", "system"]),
    "agent/java": (["agent/java", "agent/os", "bpf"], ["std", "absl", "system"]),
    "agent/python": (["agent/core", "agent/os", "agent/python", "bpf"], ["std", "absl", "system"]),
    "agent/source": (["agent/core", "agent/os", "agent/java", "agent/python", "agent/source", "agent/unwind",
                      "bpf", "kernel-compat"],
                     ["std", "absl", "system", "libbpf", "compression"]),
    "agent/symbols": (["agent/core", "agent/os", "agent/java", "agent/python", "agent/symbols", "agent/unwind"],
                      ["std", "absl", "system", "elfutils", "compression"]),
    "agent/unwind": (["agent/core", "agent/os", "agent/unwind", "bpf/unwind"],
                      ["std", "absl", "system", "elfutils"]),
    "agent/sinks": (["agent/core", "agent/diagnose", "agent/sinks", "agent/views", "bpf"], ["std", "absl", "system", "grpc"]),
    "agent": (["agent", "bpf"], ["std", "absl", "system", "cli11", "spdlog", "compression"]),
    "cli/render": (["cli/render"], ["std", "absl", "proto", "json", "compression"]),
    "cli": (["cli"], ["std", "absl", "system", "grpc", "cli11", "json", "ncurses", "compression"]),
    "bpf": (["bpf", "kernel-compat"], ["libbpf", "system"]),
    "kernel-compat": (["kernel-compat", "bpf"], ["libbpf", "system"]),
}

LIBRARIES = [
    ("absl", r"absl/"),
    ("proto", r"google/protobuf/|waitscope/v1/[a-z]+\.pb\.h"),
    ("grpc", r"grpc|waitscope/v1/"),
    ("libbpf", r"bpf/(lib)?bpf|bpf/btf\.h|.*\.skel\.h|vmlinux\.h"),
    ("elfutils", r"elfutils/|libelf\.h|gelf\.h|dwarf\.h"),
    ("compression", r"lzma\.h|zlib\.h|zstd\.h"),
    ("cli11", r"CLI/"),
    ("spdlog", r"spdlog/|fmt/"),
    ("json", r"nlohmann/"),
    ("ncurses", r"n?curses\.h"),
    ("test", r"gtest/|gmock/|benchmark/"),
    ("std", r"[a-z_]+$|cxxabi\.h$"),
    ("system", r"[a-z0-9_/-]+\.h$"),
]


def room_of(name):
    rooms = [room for room in ROOMS if name.startswith(room + "/")]
    return max(rooms, key=len) if rooms else None


def library_of(header):
    return next((name for name, pattern in LIBRARIES if re.match(pattern, header)), "unknown")


def own_path(name, header):
    """Where in the tree an include leads, or None when it is not ours."""
    beside = name.rsplit("/", 1)[0] + "/" + header
    for candidate in (header, beside):
        if (tree.ROOT / candidate).exists():
            return candidate
    # A header configured into the build tree keeps its room's path.
    return header if room_of(header) and not header.startswith("bpf/") else None


def is_allowed(room, name, quote, header):
    rooms, libraries = ROOMS[room]
    own = own_path(name, header) if quote == '"' else None
    if own:
        return any(own.startswith(allowed + "/") for allowed in rooms)
    library = library_of(header)
    return library in libraries or (library == "proto" and "grpc" in libraries)


def includes_of(name):
    return INCLUDE.findall(tree.read(name))


class IncludesTest(unittest.TestCase):
    def test_every_include_follows_an_allowed_edge(self):
        wrong = [f"{name}: {header} is not for {room_of(name)}"
                 for name in tree.tracked_with(".h", ".cc", ".c") if room_of(name)
                 for quote, header in includes_of(name)
                 if not is_allowed(room_of(name), name, quote, header)]
        self.assertEqual(wrong, [])

    def test_views_do_not_depend_on_rules(self):
        rules = ("agent/diagnose/rules.h", "agent/diagnose/diagnose.h", "agent/diagnose/fold.h",
                 "agent/diagnose/draft.h", "agent/diagnose/finding.h")
        views = [name for name in tree.tracked_with(".h", ".cc") if name.startswith("agent/views/")]
        self.assertTrue(views)
        wrong = [f"{name}: {header}" for name in views for _, header in includes_of(name)
                 if header in rules]
        self.assertEqual(wrong, [])

    def test_shared_headers_are_free_of_kernel_helpers(self):
        """What the agent and the tests compile must not need the BPF side's world."""
        shared = {header for name in tree.tracked_with(".h", ".cc") if name.startswith("agent/")
                  for quote, header in includes_of(name)
                  if quote == '"' and header.startswith("bpf/")
                  and (tree.ROOT / header).exists()}
        self.assertIn("bpf/events.h", shared)
        wrong = [f"{name}: {header}" for name in sorted(shared)
                 for _, header in INCLUDE.findall(BPF_ONLY.sub("", tree.read(name)))
                 if library_of(header) == "libbpf"]
        self.assertEqual(wrong, [])

    def test_edges_that_must_never_appear_are_refused(self):
        refused = [
            ("agent/core", "agent/core/a.cc", "<", "unistd.h"),
            ("agent/core", "agent/core/a.cc", "<", "bpf/libbpf.h"),
            ("agent/core", "agent/core/a.cc", '"', "agent/symbols/kallsyms.h"),
            ("agent/sinks", "agent/sinks/a.cc", "<", "bpf/libbpf.h"),
            ("agent/symbols", "agent/symbols/a.cc", "<", "grpcpp/grpcpp.h"),
            ("agent/diagnose", "agent/diagnose/a.cc", '"', "agent/views/pools.h"),
            ("agent", "agent/main.cc", "<", "grpcpp/grpcpp.h"),
            ("cli", "cli/main.cc", '"', "agent/core/snapshot.h"),
            ("cli/render", "cli/render/a.cc", "<", "grpcpp/grpcpp.h"),
            ("cli/render", "cli/render/a.cc", "<", "unistd.h"),
        ]
        self.assertEqual([row for row in refused if is_allowed(*row)], [])


if __name__ == "__main__":
    unittest.main()
