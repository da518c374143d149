#!/usr/bin/python3
"""The counting of tools/dev test and of tools/rules: its numbers are what a reader trusts."""
import importlib.machinery
import importlib.util
import os
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def load(name):
    loader = importlib.machinery.SourceFileLoader(name, os.path.join(ROOT, "tools", name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


dev_ctest = load("dev_ctest")

GTEST = """[==========] Running 4 tests from 1 test suite.
[ RUN      ] A.Good
[       OK ] A.Good (0 ms)
[ RUN      ] A.Loud
output without an end of line[       OK ] A.Loud (1 ms)
[ RUN      ] A.Skips
[  SKIPPED ] A.Skips (0 ms)
[ RUN      ] I/P.Bad/2
[  FAILED  ] I/P.Bad/2, where GetParam() = 3 (0 ms)
"""
GTEST_SUMMARY = """[  PASSED  ] 2 tests.
[  SKIPPED ] 1 test, listed below:
[  SKIPPED ] A.Skips
[  FAILED  ] 1 test, listed below:
[  FAILED  ] I/P.Bad/2, where GetParam() = 3
"""


class CountTest(unittest.TestCase):
    def expect(self, text, status, counted):
        self.assertEqual(str(dev_ctest.count_cases(text, status)), counted)

    def test_gtest(self):
        self.expect(GTEST + GTEST_SUMMARY, "fail", "passed 2, failed 1, skipped 1")

    def test_gtest_that_died_counts_the_case_it_died_in(self):
        self.expect(GTEST + "[ RUN      ] A.Dies\n", "fail", "passed 2, failed 2, skipped 1")

    def test_gtest_that_fails_after_its_cases(self):
        text = "[==========] Running 1 test\n[ RUN      ] A.B\n[       OK ] A.B (0 ms)\nLeakSanitizer: ...\n"
        self.expect(text, "fail", "passed 1, failed 1, skipped 0")

    def test_gtest_that_ran_nothing_failed(self):
        self.expect("[==========] Running 0 tests from 0 test suites.\n", "run", "passed 0, failed 1, skipped 0")

    def test_unittest(self):
        self.expect("Ran 5 tests in 0.1s\n\nFAILED (failures=1, errors=1, skipped=1)\n", "fail",
                    "passed 2, failed 2, skipped 1")
        self.expect("Ran 3 tests in 0.1s\n\nOK\n", "run", "passed 3, failed 0, skipped 0")

    def test_line_like_ours(self):
        self.expect("passed 1, failed 0, skipped 0\npassed 7, failed 0, skipped 2\n", "run",
                    "passed 7, failed 0, skipped 2")

    def test_plain_program(self):
        self.expect("", "run", "passed 1, failed 0, skipped 0")
        self.expect("", "fail", "passed 0, failed 1, skipped 0")
        self.expect("", "notrun", "passed 0, failed 0, skipped 1")


CTEST = """
add_test(plain "/bin/true")
set_tests_properties(plain PROPERTIES LABELS unit)
add_test(skips "/bin/sh" "-c" "exit 77")
set_tests_properties(skips PROPERTIES SKIP_RETURN_CODE 77)
add_test(mounts "/bin/true")
set_tests_properties(mounts PROPERTIES LABELS mount)
"""


class VerdictTest(unittest.TestCase):
    """The last line of tools/dev test, and its status."""

    def expect(self, options, status, last_line):
        with tempfile.TemporaryDirectory() as build:
            with open(os.path.join(build, "CTestTestfile.cmake"), "w", encoding="utf-8") as file:
                file.write(CTEST)
            done = subprocess.run([sys.executable, os.path.join(ROOT, "tools/dev_ctest"), "--build", build, *options],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.assertEqual((done.stdout.splitlines()[-1], done.returncode), (last_line, status))

    def test_where_everything_can_be_tested_a_skip_is_a_failure(self):
        self.expect([], 1, "passed 2, failed 0, skipped 1")
        self.expect(["--also", "lint=/bin/true"], 1, "passed 3, failed 0, skipped 1")

    def test_elsewhere_the_last_line_says_what_was_not_tested(self):
        self.expect(["--not-here", "not root"], 0, "passed 1, failed 0, skipped 1; not tested: real mounts (not root)")

    def test_sanitizer_reports(self):
        with tempfile.TemporaryDirectory() as reports:
            options = ["--quick", "--reports", reports]
            untested = "; not tested: tests that mount (--quick)"
            skip = ["--not-here", "not root"]
            self.expect(options + skip, 0, f"passed 2, failed 0, skipped 1{untested}, real mounts (not root)")
            with open(os.path.join(reports, "report.17"), "w", encoding="utf-8") as file:
                file.write("WARNING: ThreadSanitizer: data race\n")
            self.expect(options, 1, f"passed 1, failed 1, skipped 1{untested}")

    def test_quick(self):
        self.expect(["--quick", "--not-here", "no /dev/fuse", "--also", "lint=/bin/false"], 1,
                    "passed 1, failed 1, skipped 1; not tested: tests that mount (--quick), real mounts (no /dev/fuse)")

    def test_unit(self):
        self.expect(["--unit"], 0, "passed 1, failed 0, skipped 0; not tested: all but the unit tests (--unit)")


SEMANTICS = """
- **L1** one
- **L2** two
| **R3** | three |
| **R4** | four |
| **R5** | five |
- **U8** six
| **U8b** | seven |
**T-a** Listing.
- **F2** eight
"""


class RulesTest(unittest.TestCase):
    def rules(self, test_text, *options, differences="| F2 | impossible | no message |\n"):
        with tempfile.TemporaryDirectory() as root:
            for path, text in (("docs/semantics.md", SEMANTICS), ("docs/differences.md", differences),
                               ("engine/x/a_test.cc", test_text)):
                os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
                with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                    file.write(text)
            done = subprocess.run([sys.executable, os.path.join(ROOT, "tools/rules"), "--root", root, *options],
                                  stdout=subprocess.PIPE, text=True)
        return done.returncode, done.stdout

    def test_counts(self):
        status, output = self.rules("// rules: R3-R4 T-a\nTEST(A, U8bGone) {}\n")
        self.assertEqual(status, 0)
        self.assertIn("kept and tested: R3 R4 U8b T-a\n", output)
        self.assertIn("open: L1 L2 R5 U8\n", output)
        self.assertIn("rules 9, kept and tested 4, differences 1, open 4\n", output)

    def test_code_and_strings_cite_nothing(self):
        self.assertIn("kept and tested: -\n", self.rules('int L1 = 2; auto s = "L2";\n// in L1/a\n')[1])

    def test_a_rule_that_differs_is_not_counted_as_kept(self):
        output = self.rules("// F2 L1\n")[1]
        self.assertIn("kept and tested: L1\n", output)
        self.assertIn("differences, tested for what is kept: F2\n", output)

    def test_unknown_rule_is_an_error(self):
        self.assertEqual(self.rules("// rules: Q1\n")[0], 1)
        status, output = self.rules("", differences="| F3 | x | y |\n")
        self.assertEqual(status, 1)
        self.assertIn("docs/differences.md: there is no rule F3", output)

    def test_strict(self):
        self.assertEqual(self.rules("// L1", "--strict")[0], 1)
        self.assertEqual(self.rules("// rules: L1-L2 R3-R5 U8 U8b T-a", "--strict")[0], 0)


if __name__ == "__main__":
    unittest.main()
