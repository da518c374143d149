#!/usr/bin/python3
"""The lint notices each thing it is there for, and is silent on a clean tree."""
import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

BASE_HEADER = """// A value.
#ifndef PLYFS_ENGINE_BASE_A_H_
#define PLYFS_ENGINE_BASE_A_H_
#endif  // PLYFS_ENGINE_BASE_A_H_
"""


def header(path, *includes):
    guard = "PLYFS_" + path.upper().replace("/", "_").replace(".", "_") + "_"
    lines = "".join(f'\n#include "{name}"\n' for name in includes)
    return f"// A value.\n#ifndef {guard}\n#define {guard}\n{lines}#endif  // {guard}\n"


class TreeTest(unittest.TestCase):
    """A small tree of its own, and what the lint says of it."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name
        with open(os.path.join(ROOT, ".clang-format"), encoding="utf-8") as file:
            self.write(".clang-format", file.read())
        self.write("engine/base/a.h", BASE_HEADER)

    def write(self, path, text):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)

    def lint(self, *options):
        done = subprocess.run([sys.executable, os.path.join(ROOT, "tools/lint"), "--root", self.root, *options],
                              stdout=subprocess.PIPE, text=True)
        return done.returncode, done.stdout

    def expect(self, path, text, problem, *options):
        self.write(path, text)
        status, output = self.lint(*options)
        self.assertEqual(status, 1, output)
        self.assertIn(problem, output)
        self.assertIn(" 1 problems", output)


class LintTest(TreeTest):
    def test_clean_tree(self):
        self.write("engine/tree/b.cc", '#include "engine/base/a.h"\n')
        self.write("tests/t.cc", '#include "engine/base/a.h"\n')
        status, output = self.lint()
        self.assertEqual((status, output), (0, "lint: 3 files, 0 problems\n"))

    def test_empty_tree_is_no_success(self):
        os.unlink(os.path.join(self.root, "engine/base/a.h"))
        self.assertEqual(self.lint("--rooms")[0], 1)

    def test_include_against_the_order(self):
        self.write("engine/tree/t.h", header("engine/tree/t.h"))
        self.expect("engine/io/x.cc", '\n#include "engine/tree/t.h"\n',
                    "engine/io/x.cc:2: engine/io may not include engine/tree", "--rooms")

    def test_include_of_a_file_that_is_not_there_yet(self):
        self.expect("engine/format/x.cc", '#include "engine/layer/gone.h"\n', "may not include engine/layer", "--rooms")

    def test_nothing_sees_testing_but_tests(self):
        self.write("engine/testing/m.h", header("engine/testing/m.h"))
        self.write("engine/ops/ok_test.cc", '#include "engine/testing/m.h"\n')
        self.expect("engine/ops/x.cc", '#include "engine/testing/m.h"\n', "engine/ops/x.cc:1:", "--rooms")

    def test_headers_for_tests_are_for_tests(self):
        self.write("engine/io/dir_for_test.h", header("engine/io/dir_for_test.h"))
        self.write("engine/io/ok_test.cc", '#include "engine/io/dir_for_test.h"\n')
        self.expect("engine/io/x.cc", '#include "engine/io/dir_for_test.h"\n', "only tests may include", "--rooms")

    def test_fuse_does_not_know_layers(self):
        self.expect("fuse/x.cc", '#include "engine/layer/layer.h"\n', "fuse may not include engine/layer", "--rooms")

    def test_warm_half_cannot_reach_what_blocks(self):
        self.write("engine/io/f.h", header("engine/io/f.h"))
        self.write("engine/ops/pure.h", header("engine/ops/pure.h", "engine/base/a.h"))
        self.write("engine/ops/ok_warm.cc", '#include "engine/ops/pure.h"\n')
        self.assertEqual(self.lint("--rooms")[0], 0)
        self.write("engine/ops/cold.h", header("engine/ops/cold.h", "engine/io/f.h"))
        self.expect("engine/ops/x_warm.cc", '#include "engine/ops/cold.h"\n',
                    "engine/ops/cold.h includes engine/io/f.h", "--rooms")

    def test_banned_include(self):
        self.expect("engine/tree/x.cc", "#include <unistd.h>\n", "this room does no I/O")

    def test_banned_word_but_not_in_a_comment_or_string(self):
        self.write("engine/base/ok.cc", '// We throw nothing.\nconst char* kText = "try";\n')
        self.assertEqual(self.lint()[0], 0)
        self.expect("engine/base/x.cc", "void F() {\n  throw 1;\n}\n", "`throw` is not used here")

    def test_guard(self):
        self.expect("engine/base/b.h", BASE_HEADER, "guard must be PLYFS_ENGINE_BASE_B_H_")

    def test_opening_comment(self):
        self.expect("engine/base/b.h", header("engine/base/b.h").partition("\n")[2], "opens with a comment")

    def test_file_name(self):
        self.expect("engine/base/string_utils.cc", "", "named after what it holds")

    def test_format(self):
        self.expect("engine/base/x.cc", "int  x;\n", "engine/base/x.cc:1: not formatted")

    def test_script_that_does_not_parse(self):
        self.expect("tools/x", "#!/bin/bash\nif\n", "tools/x:1:")

    def test_long_file_is_reported_not_refused(self):
        self.write("engine/base/x.cc", "//\n" * 401)
        status, output = self.lint()
        self.assertEqual(status, 0, output)
        self.assertIn("engine/base/x.cc: note: 401 lines", output)

    def test_operations_stay_short(self):
        for name, lines in (("first", 10), ("second", 151), ("third", 152)):
            self.write(f"engine/ops/{name}.cc", "//\n" * lines)
        self.write("engine/ops/no_operation.cc", "//\n")
        self.expect("engine/ops/ops.h", header("engine/ops/ops.h") + "Status First(int);\nStatus Second();\nStatus Third();\n",
                    "half of the operations' files have more than 150 lines")


LOCK_ORDER = """// Ranks.
#ifndef PLYFS_ENGINE_BASE_LOCK_ORDER_H_
#define PLYFS_ENGINE_BASE_LOCK_ORDER_H_
enum class LockRank : int {
  kOuter,
  // Leaves.
  kInner,
  kTests,
};
#endif  // PLYFS_ENGINE_BASE_LOCK_ORDER_H_
"""
LOCKS_PAGE = """# Locks
## States, outermost first
| state | member |
| --- | --- |
| `kCopies` | `copies` |
## Locks, outermost first
| rank | lock | in | guards | beneath it |
| --- | --- | --- | --- | --- |
| `kOuter` | `A::mu_` | `engine/tree/a.h` | x | `kInner` |
| `kInner` | `B::mu_` | `engine/tree/b.h` | y | leaf |
| `kTests` | - | tests only | | free |
"""


class LockLintTest(TreeTest):
    def setUp(self):
        super().setUp()
        self.write("engine/base/lock_order.h", LOCK_ORDER)
        self.write("engine/base/lock_order.cc", "constexpr LockRank kFirstLeaf = LockRank::kInner;\n")
        self.write("engine/ops/exclusion.h", header("engine/ops/exclusion.h") + "enum class StateRank : int { kCopies };\n")
        self.write("docs/locks.md", LOCKS_PAGE)
        self.declare("a", "mutable Mutex mu_{LockRank::kOuter};")
        self.declare("b", "Mutex mu_{LockRank::kInner};")

    def declare(self, name, lock):
        path = f"engine/tree/{name}.h"
        self.write(path, header(path) + f"class C {{\n  {lock}\n}};\n")

    def test_clean_tree(self):
        status, output = self.lint()
        self.assertEqual(status, 0, output)

    def test_lock_that_has_no_row(self):
        self.expect("engine/tree/c.cc", "Mutex mu{LockRank::kInner};\n", "engine/tree/c.cc:1: mu: no row of docs/locks.md")

    def test_lock_without_rank(self):
        self.expect("engine/tree/c.cc", "Mutex mu;\n", "rank (none)")

    def test_row_without_lock(self):
        self.declare("b", "int x;")
        status, output = self.lint()
        self.assertEqual(status, 1)
        self.assertIn("kInner: no lock of this rank is declared", output)

    def test_rows_in_another_order(self):
        rows = LOCKS_PAGE.splitlines(True)
        rows[-3], rows[-2] = rows[-2], rows[-3]
        self.expect("docs/locks.md", "".join(rows), "the table of locks is not LockRank")

    def test_leaf_that_is_none(self):
        self.expect("docs/locks.md", LOCKS_PAGE.replace("leaf", "`kTests`"), "kInner: kFirstLeaf")

    def test_state_that_has_no_row(self):
        self.expect("engine/ops/parts.h", header("engine/ops/parts.h") + "struct P {\n  Exclusion moves{StateRank::kMoves};\n};\n",
                    "moves: no row of docs/locks.md has this state")

    def test_tests_have_locks_of_their_own(self):
        self.write("tests/t_test.cc", "Mutex mu{LockRank::kTests};\n")
        self.assertEqual(self.lint()[0], 0)
        self.expect("engine/tree/c.cc", "Mutex mu{LockRank::kTests};\n", "no row of docs/locks.md")


if __name__ == "__main__":
    unittest.main()
