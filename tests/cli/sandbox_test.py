#!/usr/bin/python3
"""sandbox=on: the daemon is confined on every thread, and mounts and unmounts as without it.

What it cannot do any more is tested where nothing else is in the way: engine/io/confinement_test.cc.
"""
import os
import signal
import unittest

from harness import CliTest, gone, keeper_of
from privileges_test import statuses


class Sandbox(CliTest):
    def is_confined(self, pid):
        found = {(status["NoNewPrivs"], status["Seccomp"]) for status in statuses(pid)}
        self.assertEqual(found, {("1", "2")})

    def test_every_thread(self):
        os.mkdir(self.path("l/d"))
        self.mount(self.stack(",sandbox=on"))
        pid = self.daemon()
        self.is_confined(pid)
        self.write("m/d/x", "new")
        os.rename(self.path("m/f"), self.path("m/d/f"))
        self.assertEqual(sorted(os.listdir(self.path("m/d"))), ["f", "x"])
        self.is_confined(pid)

    def test_not_unless_asked_for(self):
        self.mount(self.stack(",sandbox=off"))
        found = {(status["NoNewPrivs"], status["Seccomp"]) for status in statuses(self.daemon())}
        self.assertEqual(found, {(status["NoNewPrivs"], status["Seccomp"]) for status in statuses(os.getpid())})

    def test_what_is_read_outside_of_the_layers(self):
        """A layer that a hand has put in the place of a name of the options is not believed."""
        os.symlink(self.path("l"), self.path("link"))
        self.mount(f"lowerdir={self.dir}/link,sandbox=on")
        self.assertEqual(self.read("m/f"), "lower")

    def test_told_to_end(self):
        for busy in (False, True):
            self.mount(self.stack(",sandbox=on"))
            pid = self.daemon()
            keeper = keeper_of(pid)
            if busy:
                with open(self.path("m/x"), "w", encoding="utf-8") as file:
                    os.kill(pid, signal.SIGTERM)
                    while self.mounted():
                        pass
                    self.assertFalse(gone(pid))
                    file.write("late")
            else:
                os.kill(pid, signal.SIGTERM)
            self.await_end(pid)
            self.await_end(keeper)
            self.assertFalse(self.mounted())
        self.assertEqual(self.read("u/x"), "late")

    def test_submount_in_a_layer(self):
        """M10: what lies beneath is shown, through a clone made while confined."""
        os.makedirs(self.path("l/d/s"))
        self.write("l/d/s/x", "beneath")
        self.addCleanup(os.system, f"umount -l {self.path('l/d/s')} 2>/dev/null")
        self.mount(f"lowerdir={self.dir}/l,sandbox=on")
        self.assertEqual(os.system(f"mount -t tmpfs none {self.path('l/d/s')}"), 0)
        self.assertEqual(self.read("m/d/s/x"), "beneath")

    def test_missing_layer_has_its_own_line(self):
        self.refused(["-o", f"lowerdir={self.dir}/none,sandbox=on", "m"], f"lowerdir={self.dir}/none")

    def test_values(self):
        self.refused(["-o", self.stack(",sandbox=maybe"), "m"], "sandbox=maybe")

    def test_without_landlock(self):
        """In one line, and never weaker than asked for."""
        self.refused(["-e", "trace=landlock_create_ruleset", "-e", "inject=landlock_create_ruleset:error=EOPNOTSUPP", "-f",
                      "-qq", "-o", "/dev/null", os.environ["PLYFS_BIN"], "-o", self.stack(",sandbox=on"), "m"],
                     "sandbox=on: Landlock", program="strace")


if __name__ == "__main__":
    unittest.main()
