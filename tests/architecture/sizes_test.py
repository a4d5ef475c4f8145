"""Files and functions stay small enough to read. The limits are ratchets: lower them, never raise."""

import ast
import unittest

import tree

FILE_LINES = 400
BPF_FILE_LINES = 500
FUNCTION_LINES = 60
CODE = (".h", ".cc", ".c", ".py", ".proto", ".txt", ".cmake", ".def", ".sh")


def too_long(name):
    limit = BPF_FILE_LINES if name.startswith("bpf/") else FILE_LINES
    lines = tree.read(name).count("\n")
    return f"{name}: {lines} lines, over {limit}" if lines > limit else None


def long_c_functions(name):
    return [f"{name}:{line}: {length} lines: {header[-60:]}"
            for line, header, length in tree.c_functions(tree.read(name))
            if length > FUNCTION_LINES]


def long_python_functions(name):
    nodes = [node for node in ast.walk(ast.parse(tree.read(name)))
             if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    return [f"{name}:{node.lineno}: {node.end_lineno - node.lineno} lines: {node.name}"
            for node in nodes if node.end_lineno - node.lineno > FUNCTION_LINES]


class SizesTest(unittest.TestCase):
    def test_no_file_is_too_long_to_read(self):
        self.assertEqual([row for row in map(too_long, tree.tracked_with(*CODE)) if row], [])

    def test_no_function_is_too_long_to_read(self):
        found = [row for name in tree.tracked_with(".h", ".cc", ".c") for row in long_c_functions(name)]
        found += [row for name in tree.tracked_with(".py") for row in long_python_functions(name)]
        self.assertEqual(found, [])

    def test_functions_are_found_at_all(self):
        names = tree.tracked_with(".cc", ".c")
        self.assertGreater(sum(len(tree.c_functions(tree.read(name))) for name in names), len(names))


if __name__ == "__main__":
    unittest.main()
