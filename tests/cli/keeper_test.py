#!/usr/bin/python3
"""The process that keeps the mount (tools/plyfs/keeper.h): it unmounts for the daemon, and a dead daemon's mount is
ENOTCONN and never a hang, also where the kernel holds back one of its threads.

rules: M14; the drop-in contract's section 2.6.
"""
import errno
import os
import signal
import subprocess
import sys
import time
import unittest

from harness import BIN, MORE_OPTIONS, CliTest, comm, gone, keeper_of


def await_true(what, seconds=20):
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            raise AssertionError("it never came")
        time.sleep(0.01)


class KeeperTest(CliTest):
    def start(self, options=None, **kwargs):
        self.mount(options or self.stack(), **kwargs)
        daemon = self.daemon()
        return daemon, keeper_of(daemon)

    def open_error(self, path):
        """The errno of an open that another process does, which is let go if it hangs."""
        script = "import os, sys\ntry:\n os.open(sys.argv[1], 0)\nexcept OSError as e:\n sys.exit(e.errno)"
        return subprocess.run([sys.executable, "-c", script, self.path(path)], check=False, timeout=20).returncode


class Keeper(KeeperTest):
    def test_holds_nothing_of_the_daemon_or_the_caller(self):
        reader, writer = os.pipe()
        _, keeper = self.start(pass_fds=[writer])
        os.close(writer)
        self.assertEqual(os.read(reader, 1), b"", "an inherited pipe is still held")
        os.close(reader)
        held = sorted(os.readlink(f"/proc/{keeper}/fd/{fd}") for fd in os.listdir(f"/proc/{keeper}/fd"))
        self.assertEqual([name for name in held if not name.startswith(("socket:", "anon_inode:"))],
                         [name for name in held if name.endswith("/abort")] + ["/dev/null"] * 3)
        self.assertEqual(sum(name.startswith("socket:") for name in held), 1)
        self.assertEqual(os.readlink(f"/proc/{keeper}/cwd"), "/")
        with open(f"/proc/{keeper}/cmdline", "rb") as file:
            self.assertEqual(file.read().strip(b"\0"), b"plyfs-keeper")

    def test_ends_with_the_mount(self):
        daemon, keeper = self.start()
        self.umount()
        self.await_end(daemon)
        self.await_end(keeper)

    def test_signals_of_the_group_are_the_daemons(self):
        """A terminal's and systemd's reach both."""
        daemon, keeper = self.start()
        for which in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
            os.kill(keeper, which)
        self.assertEqual(self.read("m/f"), "lower")
        os.kill(daemon, signal.SIGTERM)
        self.await_end(daemon)
        self.await_end(keeper)
        self.assertFalse(self.mounted())

    def test_unmounts_for_the_daemon(self):
        """By its own call: the daemon asks for no unmounting while there is a keeper."""
        daemon, keeper = self.start()
        trace = self.path("trace")
        with subprocess.Popen(["strace", "-f", "-qq", "-e", "trace=umount2", "-o", trace, "-p", str(daemon),
                               "-p", str(keeper)]) as tracer:
            await_true(lambda: self.traced(daemon) and self.traced(keeper))
            os.kill(daemon, signal.SIGTERM)
            self.await_end(daemon)
            self.await_end(keeper)
            tracer.wait(20)
        self.assertRegex(self.read("trace"), rf"\A{keeper} +umount2\(")
        self.assertEqual(self.read("trace").count("umount2("), 1)

    def test_without_it_the_daemon_unmounts_itself(self):
        daemon, keeper = self.start()
        os.kill(keeper, signal.SIGKILL)
        self.await_end(keeper)
        self.assertEqual(self.read("m/f"), "lower")
        os.kill(daemon, signal.SIGTERM)
        self.await_end(daemon)
        # A confined one cannot, and leaves a dead mount.
        self.assertEqual(self.mounted(), "sandbox=on" in MORE_OPTIONS)

    def test_started_by_somebody_who_is_gone_and_without_it(self):
        """Nobody is left who wanted the mount: the daemon takes it away itself, or else ends."""
        with subprocess.Popen(["strace", "-f", "-qq", "-e", "trace=mount", "-e", "inject=mount:delay_exit=60s", "-o",
                               "/dev/null", BIN, "-o", self.stack() + MORE_OPTIONS, "m"], cwd=self.dir,
                              stderr=subprocess.DEVNULL) as tracer:
            # Here also where the test fails, or its pipes would be waited for.
            self.addCleanup(tracer.kill)
            await_true(self.mounted)
            with open(f"/proc/{tracer.pid}/task/{tracer.pid}/children", encoding="utf-8") as file:
                starter = int(file.read())
            with open(f"/proc/{starter}/task/{starter}/children", encoding="utf-8") as file:
                daemon, = (int(pid) for pid in file.read().split() if comm(pid) != "plyfs-keeper")
            for process in (keeper_of(daemon), starter):
                os.kill(process, signal.SIGKILL)
                self.await_end(process)
            tracer.kill()
        self.addCleanup(self.kill_if_there, daemon)
        self.await_end(daemon)
        self.assertEqual(self.mounted(), "sandbox=on" in MORE_OPTIONS)
        if self.mounted():
            self.assertEqual(self.open_error("m"), errno.ENOTCONN)

    def kill_if_there(self, pid):
        if not gone(pid):
            os.kill(pid, signal.SIGKILL)

    def test_unmounts_nothing_but_its_mount(self):
        daemon, keeper = self.start()
        subprocess.run(["mount", "-t", "tmpfs", "cover", self.path("m")], check=True)
        os.kill(daemon, signal.SIGTERM)
        time.sleep(0.2)
        self.assertEqual([kind for point, kind, _ in self.mounts() if point == self.path("m")], ["fuse.plyfs", "tmpfs"])
        self.umount()
        self.umount()
        self.await_end(daemon)
        self.await_end(keeper)

    def test_killed_in_the_foreground(self):
        with subprocess.Popen([BIN, "-f", "-o", self.stack(), "m"], cwd=self.dir, stderr=subprocess.DEVNULL) as daemon:
            await_true(self.mounted)
            await_true(lambda: self.read("m/f") == "lower")
            keeper = keeper_of(daemon.pid)
            daemon.kill()
        self.await_end(keeper)
        self.assertEqual(self.open_error("m"), errno.ENOTCONN)
        self.assertTrue(self.mounted())


class Held(KeeperTest):
    """A notice about a name in d waits for d's lock, which a lookup in d holds, whose answer does not come.  The killed
    daemon cannot end before the notice, nor the notice before the lookup."""

    def stuck_in_a_notice(self, pid):
        for thread in os.listdir(f"/proc/{pid}/task"):
            try:
                with open(f"/proc/{pid}/task/{thread}/stack", encoding="utf-8") as file:
                    if "fuse_reverse_inval_entry" in file.read():
                        return True
            except (FileNotFoundError, ProcessLookupError):
                pass
        return False

    def in_a_lookup(self, pid):
        with open(f"/proc/{pid}/stack", encoding="utf-8") as file:
            return "fuse_lookup" in file.read()

    def hold(self):
        """The daemon and the keeper, and the client whose lookup holds d."""
        os.mkdir(self.path("l/d"))
        for name in ("told", "slow"):
            self.write("l/d/" + name, "x")
        daemon, keeper = self.start(f"lowerdir={self.dir}/l,merge_index=off")
        # Where the keeper did not, or else nobody would ever be let go.
        self.addCleanup(subprocess.run, ["umount", "-f", self.path("m")], check=False, stderr=subprocess.DEVNULL)
        self.assertEqual(self.read("m/d/told"), "x")
        # Whatever the daemon does with this name takes a minute.
        tracer = subprocess.Popen(["strace", "-f", "-qq", "-P", "d/slow", "-e", "inject=all:delay_enter=60s", "-o",
                                   "/dev/null", "-p", str(daemon)])
        self.addCleanup(tracer.wait)
        self.addCleanup(tracer.kill)
        await_true(lambda: self.traced(daemon))
        client = subprocess.Popen(["stat", self.path("m/d/slow")], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                  text=True)
        self.addCleanup(client.stderr.close)
        self.addCleanup(client.wait)
        self.addCleanup(client.kill)
        # A change that comes before the lookup would be told before it.
        await_true(lambda: self.in_a_lookup(client.pid))
        os.unlink(self.path("l/d/told"))
        await_true(lambda: self.stuck_in_a_notice(daemon))
        return daemon, keeper, client

    def test_killed(self):
        daemon, keeper, client = self.hold()
        os.kill(daemon, signal.SIGKILL)
        _, errors = client.communicate(timeout=20)
        self.assertRegex(errors, "not connected|abort")
        self.await_end(daemon)
        self.await_end(keeper)
        self.assertEqual(self.open_error("m/d"), errno.ENOTCONN)
        self.assertTrue(self.mounted(), "what a dead daemon served stays mounted")


if __name__ == "__main__":
    unittest.main()
