"""The reader of functions reads what it claims to."""

import unittest

import tree


def lengths(text):
    return [length for _, _, length in tree.c_functions(text)]


class ScannerTest(unittest.TestCase):
    def test_measures_the_lines_between_the_braces(self):
        self.assertEqual(lengths("int f(int a) {\n  a;\n  b;\n}\n"), [2])

    def test_sees_methods_inside_classes_and_namespaces(self):
        text = "namespace x {\nclass A : public B {\n public:\n  int f() const {\n    a;\n  }\n};\n}\n"
        self.assertEqual(lengths(text), [1])

    def test_takes_a_struct_returning_function_for_a_function(self):
        self.assertEqual(lengths("static struct a *f(int b)\n{\n\tc;\n}\n"), [1])

    def test_sees_past_braces_in_a_constructor_s_initialisers(self):
        self.assertEqual(lengths("A::A(int b) : b_{b}, c_(1) {\n  d;\n  e;\n}\n"), [2])

    def test_does_not_count_initialised_data(self):
        self.assertEqual(lengths("const int a[] = {\n 1,\n 2,\n};\nint b(void) { return 0; }\n"), [0])

    def test_counts_lambdas_with_the_function_around_them(self):
        self.assertEqual(lengths("void f() {\n  g([&](int a) {\n    b;\n  });\n}\n"), [3])

    def test_takes_a_run_of_case_labels_for_a_table(self):
        text = "int f(int a) {\n switch (a) {\n case 1:\n case 2:\n  return b;\n }\n}\n"
        self.assertEqual(lengths(text), [3])

    def test_leaves_other_languages_inside_raw_strings_alone(self):
        self.assertEqual(lengths('const char a[] = R"js(f() {\n  b;\n)" })js";\nint c() {}\n'), [0])

    def test_is_not_misled_by_braces_in_comments_strings_and_macros(self):
        text = '#define X {\\\n  {\nint f() {\n  // }\n  s("}");\n  c(\'}\');\n}\n'
        self.assertEqual(lengths(text), [3])


if __name__ == "__main__":
    unittest.main()
