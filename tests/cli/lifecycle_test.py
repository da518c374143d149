#!/usr/bin/python3
"""The daemon from start to end: what it holds, what signals do, how it ends.

rules: M18 M22; the drop-in contract's sections 2.1 and 2.6 and its checks 4, 18, 34-38, 41, 42.
"""
import contextlib
import fcntl
import os
import signal
import subprocess
import time
import unittest

from harness import BIN, SLOWER, CliTest, gone


class Daemon(CliTest):
    def test_lets_go_of_the_caller(self):
        """Check 34."""
        reader, writer = os.pipe()
        self.mount(self.stack(), pass_fds=[writer])
        os.close(writer)
        self.assertEqual(os.read(reader, 1), b"", "an inherited pipe is still held")
        os.close(reader)
        pid = self.daemon()
        for fd in range(3):
            self.assertEqual(os.readlink(f"/proc/{pid}/fd/{fd}"), "/dev/null")
        self.assertEqual(os.readlink(f"/proc/{pid}/cwd"), "/")
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        self.assertEqual(fields[1], "1", "parent")
        self.assertEqual(fields[3], str(pid), "session")

    def test_started_without_standard_streams(self):
        done = subprocess.run(["sh", "-c", f'exec "{BIN}" -o {self.stack()} {self.dir}/m 0<&- 1>&- 2>&-'], check=False)
        self.assertEqual(done.returncode, 0)
        self.write("m/x", "x")
        self.assertEqual(os.readlink(f"/proc/{self.daemon()}/fd/2"), "/dev/null")

    def test_ends_with_the_mount(self):
        """Check 35: nothing changes below upper and work once umount has returned."""
        self.mount(self.stack())
        self.write("m/x", "x")
        pid = self.daemon()
        self.umount()
        before = self.snapshot()
        self.await_end(pid)
        self.assertEqual(self.snapshot(), before)

    def snapshot(self):
        found = []
        for top in ("u", "w"):
            for where, dirs, files in os.walk(self.path(top)):
                for name in dirs + files:
                    st = os.lstat(os.path.join(where, name))
                    found.append((where, name, st.st_ino, st.st_mode, st.st_size, st.st_ctime_ns))
        return sorted(found)

    def test_again_and_again(self):
        """Check 18: the same upper, no pause."""
        for i in range(200):
            self.mount(self.stack())
            self.write(f"m/{i}", "x")
            self.umount()
        self.assertEqual(len(os.listdir(self.path("u"))), 200)

    def test_locks_are_free_though_the_process_is_not_gone(self):
        """At any size: however long the memory takes to give back, who mounts next does not wait for it."""
        self.mount(self.stack())
        pid = self.daemon()
        with self.slow_to_end(pid):
            self.umount()
            self.mount(self.stack())
            self.assertFalse(gone(pid), "it was to be ending still")
        self.await_end(pid)
        self.write("m/x", "x")

    def test_layers_can_be_unmounted_though_the_process_is_not_gone(self):
        """Who unmounts the layers' filesystem after the mount does not wait for the process either."""
        subprocess.run(["mount", "-t", "tmpfs", "layer", self.path("l")], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", self.path("l")], stderr=subprocess.DEVNULL, check=False)
        os.makedirs(self.path("l/d"))
        self.write("l/d/f", "x")
        self.mount(self.stack())
        pid = self.daemon()
        self.assertEqual(os.listdir(self.path("m/d")), ["f"])
        with self.slow_to_end(pid):
            self.umount()
            while subprocess.run(["umount", self.path("l")], stderr=subprocess.DEVNULL, check=False).returncode != 0:
                self.assertFalse(gone(pid), "busy until the process was gone")
                time.sleep(0.01)
            self.assertFalse(gone(pid), "it was to be ending still")
        self.await_end(pid)

    @contextlib.contextmanager
    def slow_to_end(self, pid):
        """As slow as a process can be in ending: its last system call never returns while this traces it."""
        with subprocess.Popen(["strace", "-f", "-qq", "-e", "trace=exit_group", "-e",
                               "inject=exit_group:delay_enter=20s", "-o", "/dev/null", "-p", str(pid)]) as tracer:
            self.addCleanup(tracer.kill)
            while not self.traced(pid):
                time.sleep(0.005)
            yield
            tracer.kill()
            tracer.wait()

    def test_gone_within_100_ms_at_500_layers(self):
        """The shortest of several: a busy machine may hold up any one of them."""
        for i in range(500):
            os.makedirs(self.path("s", str(i), "d"))
        for i in range(1000):
            self.write(f"s/0/d/{i}", "")
        self.write("list", "".join(f"{self.dir}/s/{i}\n" for i in range(500)))
        took = []
        for _ in range(3):
            self.mount(f"lowerdir=@{self.dir}/list,upperdir={self.dir}/u,workdir={self.dir}/w")
            pid = self.daemon()
            self.assertEqual(sum(1 for entry in os.scandir(self.path("m/d")) if entry.stat().st_size == 0), 1000)
            self.umount()
            begun = time.monotonic()
            while not gone(pid):
                time.sleep(0.001)
            took.append(time.monotonic() - begun)
        self.assertLess(min(took), 0.1 * SLOWER, took)

    def test_lower_may_vanish_after_mounting(self):
        """Check 42."""
        os.mkdir(self.path("bind"))
        subprocess.run(["mount", "--bind", self.path("l"), self.path("bind")], check=True)
        self.mount("lowerdir=bind")
        self.umount("bind", "-l")
        self.assertEqual(self.read("m/f"), "lower")

    def test_unmount_while_busy_is_refused(self):
        self.mount(self.stack())
        with open(self.path("m", "x"), "w", encoding="utf-8"):
            done = subprocess.run(["umount", self.path("m")], check=False, capture_output=True)
            self.assertNotEqual(done.returncode, 0)
        self.assertEqual(self.read("m/f"), "lower")

    def test_detached_by_others_while_busy(self):
        """Check 38."""
        self.mount(self.stack())
        pid = self.daemon()
        with open(self.path("m", "x"), "w", encoding="utf-8") as file:
            self.umount("m", "-l")
            time.sleep(0.2)
            file.write("late")
        self.await_end(pid)
        self.assertEqual(self.read("u/x"), "late")


class Start(CliTest):
    """While the work directory's lock is held by another, the daemon waits for it: time to do things to it."""

    def setUp(self):
        super().setUp()
        self.lock = os.open(self.path("w"), os.O_RDONLY)
        self.addCleanup(self.unlock)
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.parent = subprocess.Popen([BIN, "-o", self.stack(), "m"], cwd=self.dir, stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.end_parent)
        self.child = self.await_child()

    def await_child(self):
        """The daemon, once it has its signals in hand."""
        children = f"/proc/{self.parent.pid}/task/{self.parent.pid}/children"
        while True:
            with open(children, encoding="utf-8") as file:
                words = file.read().split()
            if words and len(os.listdir(f"/proc/{words[0]}/task")) > 1:
                return int(words[0])
            self.assertIsNone(self.parent.poll())
            time.sleep(0.005)

    def end_parent(self):
        if self.parent.poll() is None:
            self.parent.kill()
        self.parent.wait()
        self.parent.stdout.close()
        self.parent.stderr.close()

    def unlock(self):
        if self.lock >= 0:
            os.close(self.lock)
        self.lock = -1

    def test_waits_for_the_holder_to_go(self):
        time.sleep(0.1)
        self.assertIsNone(self.parent.poll())
        self.unlock()
        self.assertEqual(self.parent.wait(10), 0)
        self.assertTrue(self.mounted())

    def daemon_ends(self, which):
        os.kill(self.child, which)
        _, errors = self.parent.communicate(timeout=10)
        self.assertEqual(self.parent.returncode, 1)
        self.assertEqual(len(errors.splitlines()), 1, errors)
        self.assertFalse(self.mounted())
        return errors

    def test_told_to_end(self):
        self.daemon_ends(signal.SIGTERM)

    def test_killed(self):
        self.assertIn("signal 9", self.daemon_ends(signal.SIGKILL))

    def test_caller_that_gave_up_gets_no_mount(self):
        self.parent.kill()
        self.parent.wait(10)
        self.unlock()
        self.await_end(self.child)
        self.assertFalse(self.mounted())


class Signals(CliTest):
    def test_idle(self):
        """Check 36, with a relative mountpoint."""
        for which in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            self.mount(self.stack())
            pid = self.daemon()
            os.kill(pid, which)
            self.await_end(pid)
            self.assertFalse(self.mounted())

    def test_busy_serves_its_last_user(self):
        """Check 37."""
        self.mount(self.stack())
        pid = self.daemon()
        with open(self.path("m", "x"), "w", encoding="utf-8") as file:
            os.kill(pid, signal.SIGTERM)
            while self.mounted():
                time.sleep(0.005)
            file.write("late")
            file.flush()
            self.assertFalse(gone(pid))
        self.await_end(pid)
        self.assertEqual(self.read("u/x"), "late")

    def test_second_signal_ends_it(self):
        self.mount(self.stack())
        pid = self.daemon()
        fd = os.open(self.path("m", "x"), os.O_WRONLY | os.O_CREAT)
        os.kill(pid, signal.SIGTERM)
        while self.mounted():
            time.sleep(0.005)
        os.kill(pid, signal.SIGTERM)
        self.await_end(pid)
        with self.assertRaisesRegex(OSError, "not connected"):
            os.write(fd, b"lost")
        with contextlib.suppress(OSError):
            os.close(fd)

    def test_usr1_is_harmless(self):
        self.mount(self.stack())
        pid = self.daemon()
        os.kill(pid, signal.SIGUSR1)
        self.write("m/x", "x")
        self.assertFalse(gone(pid))

    def test_log_file(self):
        env = dict(os.environ, PLYFS_LOG=self.path("log"))
        self.mount("lowerdir=l,transport=uring", env=env)
        self.assertIn("transport=uring", self.read("log"))


class Foreground(CliTest):
    """Check 41."""

    def start(self, *words):
        process = subprocess.Popen([BIN, *words, "-o", self.stack(), "m"], cwd=self.dir, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        while not self.mounted():
            self.assertIsNone(process.poll())
            time.sleep(0.005)
        return process

    def test_interrupt(self):
        process = self.start("-f")
        self.assertEqual(self.read("m/f"), "lower")
        process.send_signal(signal.SIGUSR1)
        self.write("m/x", "x")
        self.assertIsNone(process.poll())
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(10), 0)
        self.assertFalse(self.mounted())

    def test_debug_shows_the_options(self):
        process = self.start("-d")
        self.read("m/f")
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=10)
        self.assertEqual(process.returncode, 0)
        self.assertIn(f"lowerdir={self.dir}/l", errors)

    def test_failure(self):
        self.refused(["-f", "-o", "lowerdir=none", "m"], "lowerdir=")


if __name__ == "__main__":
    unittest.main()
