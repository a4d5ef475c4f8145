"""The documents promise only what is there, and leave out nothing that must be explained."""

import re
import unittest

import contracts_test
import tree

# Assembled, so that this file does not find itself.
UNFINISHED = re.compile(r"\b(?:%s)\b" % "|".join(["TO" + "DO", "FIX" + "ME", "X" * 3, "HA" + "CK"]))
TEXT = (".h", ".cc", ".c", ".py", ".md", ".proto", ".txt", ".cmake", ".def")
# Wait classes as the protocol spells them.
SPELLING = {"fault": "page-fault"}


def documents():
    return [name for name in tree.tracked_with(".md") if "/" not in name] + ["docs/definitions.md"]


def verbs():
    """What ./dev knows: the words of its usage text."""
    usage = re.search(r"<<'TEXT'\n(.*?)\nTEXT", tree.read("dev"), re.S)[1]
    return set(re.findall(r"^  ([a-z]+)\b", usage, re.M))


def exit_codes(header):
    """The numbers a program may end with, from its enum."""
    body = re.search(r"enum (?:class )?ExitCode[^{]*\{(.*?)\};", tree.read(header), re.S)[1]
    return {int(value) for value in re.findall(r"= (\d+)", body)}


def documented_exit_codes(program):
    section = tree.read("docs/exit-codes.md").split(f"\n## {program}\n")[1].split("\n## ")[0]
    return {int(value) for value in re.findall(r"^\| (\d+) \|", section, re.M)}


def shown_metrics():
    """How often rules make a metric, and [(name, unit)] of those: Metric("name", value, "unit", …)."""
    sources = "".join(tree.read(name) for name in tree.tracked_with(".cc", ".h")
                      if name.startswith("agent/diagnose/") and "/finding." not in name)
    calls = len(re.findall(r"\bMetric\(", sources))
    return calls, re.findall(r'\bMetric\(\s*"(\w+)",[^";]*"([^"]+)"', sources)


def defined_metrics():
    """[(name, unit)] of the table of definitions.md."""
    table = tree.read("docs/definitions.md").split("\n**Metrics of the evidence.**")[1].split("\n\n")[1]
    rows = [row.split(" | ") for row in table.splitlines()[2:]]
    return [(name, row[2]) for row in rows for name in re.findall(r"`(\w+)`", row[1])]


def flags(*folders):
    """The long flags that sources under these folders define."""
    defined = re.compile(r'(?:add_(?:option|flag)\(|Add(?:Flag|Option|Required)\(app,)\s*"([^"]+)"')
    found = {word for name in tree.tracked_with(".cc") if name.startswith(folders)
             for group in defined.findall(tree.read(name)) for word in group.split(",")}
    return {word for word in found if word.startswith("--")}


class DocumentsTest(unittest.TestCase):
    def test_nothing_tracked_is_marked_unfinished(self):
        found = [f"{name}: {match[0]}" for name in tree.tracked_with(*TEXT)
                 for match in [UNFINISHED.search(tree.read(name))] if match]
        self.assertEqual(found, [])

    def test_every_loss_reason_is_defined(self):
        text = tree.read("docs/definitions.md")
        reasons = contracts_test.ENUMS["loss_reason"][1:]
        missing = [word for word in reasons
                   if f"| {word.replace('_', '-')} | `LOST_{word}` |" not in text]
        self.assertEqual(missing, [])

    def test_every_wait_class_is_defined(self):
        text = tree.read("docs/definitions.md")
        words = [SPELLING.get(word, word) for word in contracts_test.ENUMS["wait_class"]]
        self.assertEqual([word for word in words if f"\n| {word} |" not in text], [])

    def test_every_metric_of_a_rule_is_defined_with_its_unit_and_no_other(self):
        calls, shown = shown_metrics()
        self.assertEqual(calls, len(shown), "a Metric without its name and unit in the call")
        defined = defined_metrics()
        self.assertEqual(len(defined), len(set(defined)))
        self.assertEqual(set(shown), set(defined))

    def test_metrics_are_made_in_one_way(self):
        makers = [name for name in tree.tracked_with(".cc", ".h")
                  if name.startswith("agent/") and '"metric"' in tree.read(name)]
        self.assertEqual(makers, ["agent/diagnose/finding.cc"])

    def test_every_dev_verb_a_document_names_exists(self):
        named = {(name, verb) for name in documents()
                 for verb in re.findall(r"\./dev ([a-z]+)", tree.read(name))}
        self.assertEqual({row for row in named if row[1] not in verbs()}, set())

    def test_every_dev_verb_is_handled(self):
        handled = re.search(r"^case .*?^esac", tree.read("dev"), re.S | re.M)[0]
        self.assertEqual([verb for verb in sorted(verbs()) if not re.search(rf"\b{verb}\b", handled)], [])

    def test_exit_codes_are_the_documented_ones(self):
        self.assertEqual(documented_exit_codes("waitscope"), exit_codes("cli/exit_code.h"))
        self.assertEqual(documented_exit_codes("waitscoped"), exit_codes("agent/exit_code.h"))

    def test_the_manual_knows_every_flag(self):
        for page, folders in (("waitscope.1", ("cli/",)), ("waitscoped.8", ("agent/config",))):
            text = tree.read(f"docs/man/{page}").replace("\\", "")
            with self.subTest(page):
                self.assertEqual({flag for flag in flags(*folders) if flag not in text}, set())

    def test_every_local_link_leads_somewhere(self):
        broken = []
        for name in tree.tracked_with(".md"):
            folder = (tree.ROOT / name).parent
            for target in re.findall(r"\]\(([^)#: ]+)(?:#[^)]*)?\)", tree.read(name)):
                if not (folder / target).exists():
                    broken.append(f"{name}: {target}")
        self.assertEqual(broken, [])


if __name__ == "__main__":
    unittest.main()
