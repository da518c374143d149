#!/usr/bin/python3
"""lower=watch beyond three quarters of fs.fanotify.max_user_marks (U2): filesystems are watched as a whole where that may
be had, and where not everything shows after a second.

with_few_marks runs it, so that no directory may be marked; with --none nor a filesystem.
"""
import os
import subprocess
import sys
import time
import unittest

from harness import BIN, CliTest

BY_FILESYSTEM = sys.argv[-1:] != ["--none"]


class WatchLimit(CliTest):
    def mount_noisy(self, options):
        """Mounts; what the daemon logs is in the file "log"."""
        self.write("log", "")
        self.mount(options, env={**os.environ, "PLYFS_LOG": self.path("log")})

    def stats(self):
        plyctl = os.path.join(os.path.dirname(BIN), "plyctl")
        done = subprocess.run([plyctl, "stats", self.path("m")], check=True, stdout=subprocess.PIPE, text=True)
        return {name: float(value) for name, value in (line.split() for line in done.stdout.splitlines())}

    def soon(self, condition):
        """A second is promised; the rest is for a machine that does much else."""
        until = time.monotonic() + 10
        while not condition() and time.monotonic() < until:
            time.sleep(0.02)
        self.assertTrue(condition())

    def hand(self, script):
        subprocess.run(["sh", "-ec", script], cwd=self.dir, check=True)

    def requests_of(self, ask):
        before = self.stats()["requests"]
        ask()
        return self.stats()["requests"] - before

    def test_what_is_known_stays_known(self):
        os.mkdir(self.path("l/d"))
        self.write("l/d/f", "lower")
        self.mount_noisy(self.stack())

        def ask():
            self.assertEqual(sorted(os.listdir(self.path("m/d"))), ["f"])
            self.assertFalse(os.path.exists(self.path("m/d/absent")))
        ask()
        stats = self.stats()
        self.assertEqual(stats["watches_by_filesystem"], stats["watches"])
        if not BY_FILESYSTEM:
            self.assertEqual(stats["watches"], 0)
            return
        self.assertGreaterEqual(stats["watches"], 3)
        self.assertIn("filesystems are watched", self.read("log"))
        for _ in range(2):
            time.sleep(1.5)  # what was told for a second is over
            ask()
        stats_itself = self.requests_of(lambda: None)
        self.assertLessEqual(self.requests_of(lambda: os.path.exists(self.path("m/d/absent"))), stats_itself)
        self.hand("echo new > l/d/absent")
        self.soon(lambda: os.path.exists(self.path("m/d/absent")))
        self.assertEqual(sorted(os.listdir(self.path("m/d"))), ["absent", "f"])

    def test_who_writes_and_does_not_close(self):
        """Its size and what who has it open reads."""
        self.mount_noisy(self.stack())
        with open(self.path("m/f"), "rb", buffering=0) as reader, open(self.path("l/f"), "r+b", buffering=0) as writer:
            self.assertEqual(os.pread(reader.fileno(), 100, 0), b"lower")
            # By another process than the daemon: this one.
            writer.write(b"LOWER AND MORE")
            self.soon(lambda: os.stat(self.path("m/f")).st_size == 14)
            self.soon(lambda: os.pread(reader.fileno(), 100, 0) == b"LOWER AND MORE")
            self.soon(lambda: self.read("m/f") == "LOWER AND MORE")

    def test_the_traffic_of_others(self):
        """Directories of the same filesystem that are none of ours."""
        self.mount_noisy(self.stack())
        self.assertEqual(sorted(os.listdir(self.path("m"))), ["f"])
        before = self.stats()
        os.mkdir(self.path("others"))
        self.hand("seq 1000 | sed s,^,others/, | xargs touch && find others -delete")
        self.hand("echo new > l/new")
        self.soon(lambda: sorted(os.listdir(self.path("m"))) == ["f", "new"])
        after = self.stats()
        self.assertEqual(after["watches"], before["watches"])
        if not os.environ.get("PLYFS_SANITIZED"):  # sanitizers have memory of their own
            self.assertLess(after["anonymous_memory_bytes"], before["anonymous_memory_bytes"] + (1 << 20))
        self.assertNotIn("more changes than could be told", self.read("log"))


if __name__ == "__main__":
    unittest.main(argv=[argument for argument in sys.argv if argument != "--none"])
