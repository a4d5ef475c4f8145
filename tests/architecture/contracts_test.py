"""Numbers that logs and the kernel side rely on never move: lists here grow at the end only."""

import re
import unittest

import tree

EVENTS = """wait oncpu stack ledger block device life syscall syscall_error loop loss process
device_name cost host frame tick pressure cgroup listener lock_owner
membership unread sides kernel_lock""".split()

ENUMS = {
    "wait_class": """other disk network lock sleep poll pipe fault reclaim commit child""".split(),
    "loss_reason": """none ring_full stack_ring_full kernel_stack user_stack no_ledger ledger_create
        ledger_torn exit_detail unsplit request_untracked recursion syscall_table device_table
        stack_unresolved state_mismatch raw_stack unread_table lock_table""".split(),
    "block_op": "read write discard flush other".split(),
}


def enumerators(name):
    """[(word, value)] of an enum of events.h, without its COUNT."""
    body = re.search(r"enum %s \{(.*?)\};" % name, tree.read("bpf/events.h"), re.S)[1]
    rows = re.findall(r"^\s*[A-Z]+_([a-z_]+) = (\d+)", body, re.M)
    return [(word, int(value)) for word, value in rows]


class ContractsTest(unittest.TestCase):
    def test_events_are_appended_and_listed_here(self):
        found = re.findall(r"^EVENT\((\w+), (\w+)\)", tree.read("bpf/events.def"), re.M)
        self.assertEqual([kind for kind, _ in found], EVENTS)
        self.assertEqual([kind for kind, struct in found if struct != kind + "_event"], [])

    def test_enumerators_keep_their_numbers(self):
        for name, words in ENUMS.items():
            with self.subTest(name):
                self.assertEqual(enumerators(name), [(word, i) for i, word in enumerate(words)])

    def test_every_record_s_size_is_asserted(self):
        text = "".join(tree.read(f"bpf/{name}.h") for name in ("events", "stack_events", "sides", "lock_events"))
        asserted = set(re.findall(r"WS_ASSERT_SIZE\((\w+),", text))
        records = set(re.findall(r"^struct (\w+_event) \{", text, re.M))
        self.assertTrue(records)
        self.assertEqual(records - asserted, set())

    def test_proto_fields_are_numbered_without_reuse(self):
        for name in tree.tracked_with(".proto"):
            for message, body in re.findall(r"^message (\w+) \{(.*?)^\}", tree.read(name), re.S | re.M):
                body = re.sub(r"\n  message \w+ \{.*?\n  \}", "", body, flags=re.S)
                numbers = re.findall(r"^\s+[\w.]+(?: [\w.]+)? \w+ = (\d+)", body, re.M)
                with self.subTest(message):
                    self.assertEqual(len(numbers), len(set(numbers)))


if __name__ == "__main__":
    unittest.main()
