#!/usr/bin/python3
"""What goes wrong while mounted: layers that hang, fill up or vanish, a daemon that is killed.

rules: C10 F20 B12 B25 M14 T-g; the drop-in contract's section 2.6 and its check 39.
"""
import errno
import fcntl
import mmap
import os
import random
import signal
import struct
import subprocess
import time
import unittest

from harness import CliTest, gone

MIB = 1 << 20
FS_IOC_SHUTDOWN, NO_LOG_FLUSH = 0x8004587D, 2


class Trouble(CliTest):
    def loop_fs(self, name, mib=32):
        """A small ext4 of its own, mounted at `name`."""
        os.makedirs(self.path(name), exist_ok=True)
        image = self.path(name + ".img")
        with open(image, "wb") as file:
            file.truncate(mib * MIB)
        subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
        subprocess.run(["mount", "-o", "loop", image, self.path(name)], check=True)

    def failing(self, call, *args):
        """The errno that call(*args) fails with; 0: it did not."""
        try:
            call(*args)
        except OSError as error:
            return error.errno
        return 0

    def work_is_empty(self, work):
        """But for whiteouts, of which one may stay (M15)."""
        for name in os.listdir(os.path.join(work, "work")):
            self.assertEqual(os.lstat(os.path.join(work, "work", name)).st_rdev, 0, name)
            self.assertTrue(name.startswith("#"), name)

    def ends_well(self, pid, point="m"):
        self.assertFalse(gone(pid), "the daemon crashed")
        self.umount(point)
        self.await_end(pid)


class Hangs(Trouble):
    def lines(self, words):
        return [line for line in self.read("log").splitlines() if words in line]

    def await_lines(self, words):
        end = time.monotonic() + 20
        while not (found := self.lines(words)):
            self.assertLess(time.monotonic(), end, self.read("log"))
            time.sleep(0.02)
        return found

    def test_slow_requests_are_told_of_once_with_path_and_layer(self):
        os.makedirs(self.path("l2/d"))
        os.mkdir(self.path("m2"))
        self.write("l2/d/slow", "there at last")
        self.mount(f"lowerdir={self.dir}/l2,timeout=0", "m2")
        below = self.daemon("m2")
        self.mount(f"lowerdir={self.dir}/l:{self.dir}/m2,upperdir=u,workdir=w,lower=frozen",
                   env=dict(os.environ, PLYFS_LOG=self.path("log")))
        pid = self.daemon()
        os.stat(self.path("m/d"))
        os.kill(below, signal.SIGSTOP)
        with subprocess.Popen(["cat", self.path("m/d/slow")], stdout=subprocess.PIPE, text=True) as client:
            try:
                # LOOKUP, or OPEN if the stop came a request late.
                what = f'"/d/slow" at lowerdir={self.dir}/m2 from pid {client.pid}, for'
                self.assertIn("slow request: ", self.await_lines(what)[0])
                os.kill(pid, signal.SIGUSR1)
                self.await_lines("1 requests in flight")
                self.assertEqual([line.split(": ")[0].split("] ")[1] for line in self.lines(what)],
                                 ["slow request", "in flight"])
                time.sleep(1.5)  # the watch looks once a second: a second line would have come
                self.assertEqual(len(self.lines("slow request:")), 1)
            finally:
                os.kill(below, signal.SIGCONT)
            self.assertEqual(client.communicate(timeout=20)[0], "there at last")
        # What ends the client's file may still be under way.
        end = time.monotonic() + 20
        while not self.lines("] 0 requests in flight"):
            self.assertLess(time.monotonic(), end, self.read("log"))
            os.kill(pid, signal.SIGUSR1)
            time.sleep(0.1)
        self.umount()
        self.await_end(pid)


class Full(Trouble):
    """An upper filesystem without room: ENOSPC, and nothing that was acknowledged is lost."""

    def on_tmpfs(self):
        os.mkdir(self.path("fs"))
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,nr_inodes=200", "none", self.path("fs")], check=True)

    def on_ext4(self):
        self.loop_fs("fs", 16)

    def start(self, make_fs):
        make_fs()
        for name in ("fs/u", "fs/w"):
            os.mkdir(self.path(name))
        with open(self.path("l/big"), "wb") as file:
            file.write(b"lower" * (8 * MIB))
        self.options = f"lowerdir={self.dir}/l,upperdir={self.dir}/fs/u,workdir={self.dir}/fs/w"
        self.mount(self.options)
        self.pid = self.daemon()

    def fill(self):
        """name -> bytes acknowledged, until neither data nor names have room."""
        acknowledged, block = {}, os.urandom(64 << 10)
        for i in range(10000):
            name = f"file{i}"
            try:
                fd = os.open(self.path("m", name), os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            except OSError as error:
                self.assertEqual(error.errno, errno.ENOSPC)
                return acknowledged
            acknowledged[name] = b""
            try:
                while len(acknowledged[name]) < MIB:
                    written = os.write(fd, block)
                    acknowledged[name] += block[:written]
                os.fsync(fd)
            except OSError as error:
                self.assertEqual(error.errno, errno.ENOSPC)
            finally:
                os.close(fd)
        self.fail("it never filled up")
        return {}

    def holds(self, files):
        for name, data in files.items():
            with open(self.path("m", name), "rb") as file:
                self.assertEqual(file.read(), data, name)

    def whole(self, make_fs):
        self.start(make_fs)
        files = self.fill()
        self.assertGreater(len(files), 3)
        for call in (lambda: os.open(self.path("m/big"), os.O_RDWR), lambda: os.chmod(self.path("m/big"), 0o600),
                     lambda: os.truncate(self.path("m/big"), 30 * MIB)):
            self.assertEqual(self.failing(call), errno.ENOSPC)
        with open(self.path("m/big"), "rb") as file:
            self.assertEqual(file.read(10), b"lowerlower")
        self.assertFalse(os.path.lexists(self.path("fs/u/big")))
        self.work_is_empty(self.path("fs/w"))
        self.holds(files)
        for name in list(files)[::2]:
            os.unlink(self.path("m", name))
            del files[name]
        self.write("m/again", "room again")
        files["again"] = b"room again"
        self.holds(files)
        self.ends_well(self.pid)
        self.mount(self.options)
        self.holds(files)
        self.assertEqual(sorted(os.listdir(self.path("m"))), sorted([*files, "f", "big"]))
        self.umount()

    def test_tmpfs(self):
        self.whole(self.on_tmpfs)

    def test_ext4(self):
        self.whole(self.on_ext4)

    # F20: it is told by msync, and is nowhere.
    def test_a_store_through_a_mapping(self):
        self.start(self.on_tmpfs)
        with open(self.path("m/mapped"), "w+b") as file:
            file.truncate(MIB)
            self.fill()
            with open(self.path("m/mapped"), "rb") as reader:  # the client may keep what was read here
                self.assertEqual(reader.read(), bytes(MIB))
            with mmap.mmap(file.fileno(), MIB) as mapping:
                mapping[MIB // 2:MIB // 2 + 6] = b"stored"
                self.assertEqual(self.failing(mapping.flush), errno.ENOSPC)
        with open(self.path("m/mapped"), "rb") as file:
            self.assertEqual(file.read(), bytes(MIB))
        self.umount()
        with open(self.path("fs/u/mapped"), "rb") as file:
            self.assertEqual(file.read(), bytes(MIB))


class Vanishes(Trouble):
    """A layer that is not there any more: EIO or ESTALE for what needs it, all else goes on."""

    GONE = {errno.EIO, errno.ESTALE}

    def client_calls(self):
        """Everything a client may try; what each gave."""
        path = self.path
        calls = {
            "stat": lambda: os.stat(path("m/d/cold")), "readdir": lambda: os.listdir(path("m/d/colder")),
            "open": lambda: os.close(os.open(path("m/d/seen"), os.O_RDONLY)),
            "read": lambda: os.pread(self.held, 100, 0),
            "copy up": lambda: os.close(os.open(path("m/d/seen"), os.O_RDWR)),
            "chmod": lambda: os.chmod(path("m/d/seen2"), 0o600),
            "rename": lambda: os.rename(path("m/d/seen2"), path("m/d/x")),
            "getxattr": lambda: os.getxattr(path("m/d/seen"), "user.a"),
        }
        return {name: self.failing(call) for name, call in calls.items()}

    def start(self, lower):
        for name in ("seen", "seen2", "cold", "colder/x"):
            os.makedirs(os.path.dirname(os.path.join(lower, "d", name)), exist_ok=True)
            with open(os.path.join(lower, "d", name), "wb") as file:
                file.write(os.urandom(MIB))

    def live(self, lower):
        os.mkdir(self.path("l/own"))
        self.write("l/own/g", "other")
        self.mount(f"lowerdir={self.dir}/l:{lower},upperdir={self.dir}/u,workdir={self.dir}/w")
        for name in ("seen", "seen2"):
            os.stat(self.path("m/d", name))
        os.stat(self.path("m/own"))
        self.held = os.open(self.path("m/d/seen"), os.O_RDONLY)
        self.addCleanup(os.close, self.held)
        return self.daemon()

    def others_go_on(self, pid):
        """In a directory that the layer does not have, found before: further up nobody can tell what there is."""
        self.assertEqual(self.read("m/own/g"), "other")
        self.write("m/own/new", "new")
        os.rename(self.path("m/own/new"), self.path("m/own/newer"))
        os.unlink(self.path("m/own/g"))
        self.assertEqual(self.read("u/own/newer"), "new")
        self.assertFalse(gone(pid), "the daemon crashed")

    def test_a_daemon_beneath_dies(self):
        self.start(self.path("l2"))
        os.mkdir(self.path("m2"))
        self.mount(f"lowerdir={self.dir}/l2,timeout=0", "m2")
        below = self.daemon("m2")
        pid = self.live(self.path("m2"))
        os.kill(below, signal.SIGKILL)
        self.await_end(below)
        gave = self.client_calls()
        self.assertTrue(set(gave.values()) <= self.GONE, gave)
        self.others_go_on(pid)
        self.work_is_empty(self.path("w"))

    def test_a_filesystem_beneath_shuts_down(self):
        self.loop_fs("fs")
        os.mkdir(self.path("fs/l"))
        self.start(self.path("fs/l"))
        pid = self.live(self.path("fs/l"))
        with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as file:
            file.write("3")
        self.shut_down("fs")
        gave = self.client_calls()
        # EBADMSG: of blocks with a checksum that can be read no more (ext4).
        self.assertTrue(set(gave.values()) <= self.GONE | {0, errno.ENODATA, errno.EBADMSG}, gave)
        self.assertIn(gave["copy up"], self.GONE | {errno.EBADMSG}, gave)
        self.others_go_on(pid)

    def shut_down(self, name):
        fd = os.open(self.path(name), os.O_RDONLY)
        fcntl.ioctl(fd, FS_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        os.close(fd)

    def test_the_upper_filesystem_shuts_down(self):
        self.loop_fs("fs")
        for name in ("fs/u", "fs/w"):
            os.mkdir(self.path(name))
        self.mount(f"lowerdir={self.dir}/l,upperdir={self.dir}/fs/u,workdir={self.dir}/fs/w")
        pid = self.daemon()
        held = os.open(self.path("m/x"), os.O_RDWR | os.O_CREAT)
        self.addCleanup(os.close, held)
        self.shut_down("fs")
        # EBADMSG: ext4's word for an inode that it has to read again and had not written yet.
        gone_or_so = self.GONE | {errno.EROFS, errno.EBADMSG}
        for call in (lambda: os.mkdir(self.path("m/d")), lambda: os.pwrite(held, b"x", 0), lambda: os.fsync(held),
                     lambda: os.unlink(self.path("m/f")), lambda: os.chmod(self.path("m/f"), 0o600)):
            self.assertIn(self.failing(call), gone_or_so)
        self.assertEqual(self.read("m/f"), "lower")
        self.assertFalse(gone(pid), "the daemon crashed")

    def test_a_layer_is_removed_by_hand(self):
        self.start(self.path("l2"))
        pid = self.live(self.path("l2"))
        expected = os.pread(self.held, 100, 0)
        subprocess.run(["rm", "-r", self.path("l2")], check=True)
        self.assertEqual(os.pread(self.held, 100, 0), expected)
        gave = self.client_calls()
        del gave["read"]
        self.assertTrue(set(gave.values()) <= self.GONE | {errno.ENOENT}, gave)
        self.others_go_on(pid)


class Killed(Trouble):
    """Check 39: SIGKILL amid writes; what fsync has acknowledged is there for plyfs and for the kernel."""

    def writer(self, acknowledge):
        """Changes the tree for ever; tells the number of each file that is safe."""
        for i in range(1 << 30):
            if i % 3 == 0:  # a copy-up
                fd = os.open(self.path("m/big", str(i % 30)), os.O_RDWR)
            else:
                fd = os.open(self.path("m", f"new{i}"), os.O_RDWR | os.O_CREAT)
            os.pwrite(fd, b"%09d" % i, 0)
            os.pwrite(fd, b"%09d" % i, 100_000)
            os.fsync(fd)
            os.close(fd)
            os.write(acknowledge, b"%09d" % i)

    def kill_while_writing(self, after):
        self.mount(self.stack())
        pid = self.daemon()
        reader, writer = os.pipe()
        client = os.fork()
        if client == 0:
            try:
                self.writer(writer)
            except OSError:
                os._exit(0)
        os.close(writer)
        time.sleep(after)
        os.kill(pid, signal.SIGKILL)
        with open(reader, "rb") as told:
            text = told.read()
        os.waitpid(client, 0)
        self.umount("m", "-l")
        return [int(text[at:at + 9]) for at in range(0, len(text), 9)]

    def check(self, numbers):
        latest = {}
        for i in numbers:
            latest[f"big/{i % 30}" if i % 3 == 0 else f"new{i}"] = i
        for name, i in latest.items():
            with open(self.path("m", name), "rb") as file:
                data = file.read()
            start, size = int(data[:9]), len(data)
            if name.startswith("big/"):
                # The write that was under way may or may not have arrived.
                self.assertGreaterEqual(start, i)
                self.assertEqual((size, data[10:20]), (200_000, b"lowerlower"), name)
            else:
                self.assertEqual((start, size, int(data[100_000:])), (i, 100_009, i), name)

    def test_killed_amid_writes(self):
        os.mkdir(self.path("l/big"))
        for i in range(0, 30, 3):
            self.write(f"l/big/{i}", "lower" * 40_000)
        dice = random.Random(20)
        for _ in range(5):
            numbers = self.kill_while_writing(dice.uniform(0.05, 0.3))
            self.mount(self.stack())
            self.check(numbers)
            self.umount()
            subprocess.run(["mount", "-t", "overlay", "none", "-o", self.stack(), self.path("m")], check=True)
            self.check(numbers)
            self.umount()
            for name in os.listdir(self.path("u")):
                if name != "big":
                    os.unlink(self.path("u", name))


if __name__ == "__main__":
    unittest.main()
