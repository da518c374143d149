#!/usr/bin/python3
"""The demo shows what it promises and leaves nothing behind, also when it is interrupted."""
import os
import signal
import subprocess
import unittest

from harness import BIN, CliTest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LAYERS = 45


class DemoTest(CliTest):
    def start(self):
        return subprocess.Popen(["/usr/bin/python3", os.path.join(ROOT, "tools/demo"), "--layers", str(LAYERS),
                                 "--plyfs", BIN, "--dir", self.path("u")], stdin=subprocess.DEVNULL, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)

    def nothing_is_left(self):
        self.assertEqual(os.listdir(self.path("u")), [])
        self.assertEqual(self.mounts(), [])
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    self.assertNotIn(os.fsencode(self.dir), file.read())
            except (FileNotFoundError, ProcessLookupError):
                pass

    def test_from_end_to_end(self):
        with self.start() as demo:
            output = demo.communicate()[0]
        self.assertEqual(demo.returncode, 0, output)
        for words in (f"plyfs mounted {LAYERS} layers", "the merged tree, / :", "perl ", "dpkg -l ", "whiteout ",
                      "opaque directory ", f"the kernel mounted {LAYERS} layers", "the kernel sees the same",
                      f"the {LAYERS} lower layers are untouched", "daemon gone, scratch directory removed"):
            self.assertIn(words, output)
        self.assertNotIn("FAILED", output)
        self.nothing_is_left()

    def test_too_few_layers(self):
        done = subprocess.run([os.path.join(ROOT, "tools/demo"), "--layers", "3"], check=False, text=True,
                              capture_output=True)
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr.splitlines()[-1], r"--layers 3: the programs that the demo runs take \d+ layers")

    def interrupted(self, after, which=signal.SIGINT):
        """Its whole process group gets the signal, as by ^C, once it has printed a line that holds `after`."""
        with self.start() as demo:
            output = ""
            for line in demo.stdout:
                output += line
                if after in line:
                    os.killpg(demo.pid, which)
                    break
            output += demo.stdout.read()
        self.assertNotEqual(demo.returncode, 0, output)
        self.assertNotIn("FAILED to clean up", output)
        self.assertIn("scratch directory removed", output)
        self.nothing_is_left()

    def test_interrupted_while_it_copies(self):
        self.interrupted("copying")

    def test_interrupted_while_mounted(self):
        self.interrupted("plyfs mounted")

    def test_interrupted_in_the_chroot(self):
        self.interrupted("programs in the merged tree")

    def test_terminated_while_it_compares(self):
        self.interrupted("the kernel mounted", signal.SIGTERM)


if __name__ == "__main__":
    unittest.main()
