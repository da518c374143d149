#!/usr/bin/python3
"""What tools/dev soak judges by, and how it refuses."""
import os
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
import daemon  # noqa: E402
import stack  # noqa: E402
import tree  # noqa: E402

SOAK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "soak.py")
STEADY = {"memory": 10000, "descriptors": 300, "threads": 10, "watches": 1500, "hand-overs an operation": 0,
          "system calls an operation": 2.5}


class Growth(unittest.TestCase):
    def grown(self, name, *values):
        return daemon.grown([STEADY | {name: value} for value in values])

    def test_what_swings_is_not_growth(self):
        self.assertEqual(self.grown("memory", 10000, 16000, 9000, 15000, 10000, 12000), [])

    def test_what_grows_is(self):
        self.assertEqual(self.grown("memory", 10000, 10100, 10200, 12500, 12600, 12700),
                         ["memory grew from 1.02e+04 to 1.25e+04 KiB"])
        for name, last in (("descriptors", 500), ("threads", 20), ("watches", 3000), ("hand-overs an operation", 0.01),
                           ("system calls an operation", 3)):
            self.assertEqual(len(self.grown(name, STEADY[name], last)), 1, name)

    def test_one_round_tells_nothing(self):
        self.assertEqual(self.grown("memory", 1), [])


class Descriptors(unittest.TestCase):
    def test_are_told_by_kind(self):
        layers = {"/l/1", "/l/2"}
        for link, kind in (("/l/1", "layers' roots"), ("/l/2/many/f", "in lower layers"), ("/l/22", "/l"), ("/u/d/f", "/u"),
                           ("/w/#12 (deleted)", "nameless"), ("/dev/fuse", "/dev/fuse"), ("socket:[123]", "socket"),
                           ("anon_inode:[eventfd]", "anon_inode:[eventfd]")):
            self.assertEqual(daemon.kind_of(link, layers), kind)

    def test_of_a_process(self):
        with tempfile.TemporaryDirectory() as top:
            held = [os.open(top, os.O_PATH) for _ in range(3)]
            self.addCleanup(lambda: [os.close(fd) for fd in held])
            self.assertEqual(daemon.kinds(os.getpid(), {os.path.realpath(top)})["layers' roots"], 3)

    def test_at_rest_few_are_kept(self):
        self.assertEqual(daemon.may_keep(500, 303), 72 + daemon.ROUNDED_UP)
        self.assertEqual(daemon.may_keep(310, 303), daemon.ROUNDED_UP)


class Differences(unittest.TestCase):
    def setUp(self):
        top = tempfile.TemporaryDirectory()
        self.addCleanup(top.cleanup)
        self.top = top.name
        os.makedirs(os.path.join(self.top, "mine/d"))
        self.put("mine/d/f", "text")
        self.wanted = tree.look(self.top)

    def put(self, name, text):
        with open(os.path.join(self.top, name), "w", encoding="ascii") as file:
            file.write(text)

    def different(self, beneath="mine"):
        return " ".join(tree.differences(self.wanted, tree.look(self.top), beneath))

    def test_each_is_told(self):
        self.assertEqual(self.different(), "")
        self.put("mine/d/more", "")
        self.assertEqual(self.different(), "mine/d/more: should not be there")
        os.unlink(os.path.join(self.top, "mine/d/more"))
        self.put("mine/d/f", "test")
        self.assertIn("mine/d/f: hash is", self.different())
        os.unlink(os.path.join(self.top, "mine/d/f"))
        self.assertIn("mine/d/f: is not there", self.different())

    def test_what_lies_elsewhere_is_not_asked_for(self):
        self.put("other", "")
        self.assertEqual(self.different(), "")
        self.assertNotEqual(self.different(beneath=""), "")


class Layers(unittest.TestCase):
    def test_what_the_union_of_them_shows(self):
        with tempfile.TemporaryDirectory() as top:
            paths, shown = stack.lay_many(top, 30)
            names = {}
            for layer in reversed(paths):
                for name, entry in tree.look(layer).items():
                    names[name] = entry["type"]
            self.assertEqual({name for name, kind in names.items() if kind == "file"}, set(shown))


class Refusals(unittest.TestCase):
    def test_a_program_that_is_not_there(self):
        if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
            self.skipTest("needs root and /dev/fuse")
        done = subprocess.run([SOAK, "--plyfs", "/nowhere"], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout, len(done.stderr.splitlines())), (2, "", 1), done.stderr)

    def test_bad_numbers(self):
        for words in (["--layers", "500"], ["--minutes", "0"], ["--work", "0"], ["--only", "nobody"]):
            self.assertEqual(subprocess.run([SOAK, *words], capture_output=True, check=False).returncode, 2)


if __name__ == "__main__":
    unittest.main()
