#!/usr/bin/python3
"""How tools/dev coverage counts lines and branches, on a source and reports that are made up."""
import os
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "tools"))
import engine_coverage  # noqa: E402

SOURCE = """\
if (a && b)
  x();
if (broken)
  return PLY_BUG("broken");
PLY_TRY(y());
"""


class EngineCoverageTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="plyfs-coverage-")
        self.addCleanup(folder.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder.name)
        with open("a.cc", "w", encoding="utf-8") as source:
            source.write(SOURCE)
        self.file = engine_coverage.File("a.cc")

    def read(self, branches=(), expansions=()):
        one = {"filename": os.path.abspath("a.cc"), "branches": list(branches), "expansions": list(expansions)}
        engine_coverage.read_branches({"a.cc": self.file}, {"data": [{"files": [one]}]})
        return self.file.outcomes()

    def test_a_condition_that_was_never_asked_counts_twice(self):
        counted, _ = self.read([[1, 5, 1, 6, 0, 7], [1, 10, 1, 11, 0, 0]])
        self.assertEqual([(1, "true", 0), (1, "false", 7), (1, "true", 0), (1, "false", 0)], counted)

    def test_instances_of_a_template_are_one(self):
        counted, _ = self.read([[1, 5, 1, 6, 0, 7], [1, 5, 1, 6, 3, 0]])
        self.assertEqual([(1, "true", 3), (1, "false", 7)], counted)

    def test_a_macro_counts_at_each_place(self):
        where = [{"source_region": [line, 1, line, 8], "branches": [[40, 3, 40, 9, times, 1]]} for line, times in ((1, 0), (5, 2))]
        counted, _ = self.read(expansions=where)
        self.assertEqual([(1, "true", 0), (1, "false", 1), (5, "true", 2), (5, "false", 1)], counted)

    def test_what_leads_to_a_bug_is_apart(self):
        counted, bugs = self.read([[3, 5, 3, 11, 0, 7]])
        self.assertEqual([(3, "false", 7)], counted)
        self.assertEqual([3], bugs)

    def test_a_line_that_reports_a_bug_is_not_counted(self):
        path = os.path.abspath("a.cc")
        engine_coverage.read_lines({"a.cc": self.file}, f"SF:/elsewhere.cc\nDA:2,9\nSF:{path}\nDA:1,7\nDA:2,0\nDA:4,0\n")
        self.assertEqual({1: 7, 2: 0}, self.file.counted_lines())


if __name__ == "__main__":
    unittest.main()
