"""The same layers under kernel overlayfs and under plyfs: what a test does to them must come out alike.

A twin test gives on_both() one function that lays the layers and one that acts on the mount; both see the
scratch directory by self.path(), a directory of its own for each of the two mounts.
"""
import ctypes
import errno
import os
import struct
import subprocess
import unittest

from harness import CliTest

LIBC = ctypes.CDLL(None, use_errno=True)


# One number, two names; python prefers the other.
errno.errorcode[errno.EOPNOTSUPP] = "EOPNOTSUPP"
errno.errorcode[errno.EAGAIN] = "EAGAIN"


def tried(call, *args, **kwargs):
    """The result, or the name of the errno."""
    try:
        return call(*args, **kwargs)
    except OSError as error:
        return errno.errorcode[error.errno]


def libc(name, *args):
    """A call of the C library that python lacks; OSError when it answers -1."""
    result = getattr(LIBC, name)(*args)
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def as_user(uid, call):
    """Runs call() in a child as `uid`; "ok" or the name of the errno it failed with."""
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            call()
            os._exit(0)
        except OSError as error:
            os._exit(error.errno)
        finally:
            os._exit(255)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return errno.errorcode[status] if status else "ok"


def entries(fd, size):
    """(name, offset, number, d_type) of each entry that one getdents64 with a buffer of `size` gives."""
    sys_getdents64 = 217
    buffer = ctypes.create_string_buffer(size)
    length = libc("syscall", ctypes.c_long(sys_getdents64), fd, buffer, ctypes.c_size_t(size))
    found, at = [], 0
    while at < length:
        number, offset, record, kind = struct.unpack_from("=QqHB", buffer.raw, at)
        name = buffer.raw[at + 19:at + record].split(b"\0", 1)[0].decode(errors="surrogateescape")
        found.append((name, offset, number, kind))
        at += record
    return found


def listing(fd, size=32768):
    """All entries from where the descriptor stands, the dots left out."""
    found = []
    while part := entries(fd, size):
        found += [entry for entry in part if entry[0] not in (".", "..")]
    return found


class TwinTest(CliTest):
    def setUp(self):
        super().setUp()
        self.held = []
        self.rounds = 0
        self.addCleanup(self.let_go)

    def open(self, path, flags=os.O_RDONLY):
        """A descriptor that is closed before the mount goes."""
        self.held.append(os.open(self.path(path), flags))
        return self.held[-1]

    def let_go(self):
        while self.held:
            os.close(self.held.pop())

    def up(self, kind="plyfs", extra="", point="m"):
        """Mounts the scratch directory's l, u and w by `kind`."""
        if kind == "plyfs":
            self.mount(self.stack(extra), point)
        else:
            subprocess.run(["mount", "-t", "overlay", "overlay", "-o", self.stack(extra), self.path(point)], check=True)

    def two_lowers(self):
        """From now on the stack has l2 below l."""
        above = self.stack
        self.stack = lambda extra="": above(extra).replace("/l,", f"/l:{self.dir}/l2,")

    def again(self, extra=""):
        self.umount()
        self.up("plyfs", extra)

    def on_both(self, lay, act, extra=""):
        """What act() gives, the same under both; l holds a file f already."""
        results = {}
        above = self.dir
        self.rounds += 1
        for kind in ("kernel", "plyfs"):
            self.dir = os.path.join(above, f"{kind}{self.rounds}")
            for name in ("", "l", "l2", "u", "w", "m"):
                os.mkdir(self.path(name))
            os.chmod(self.dir, 0o755)
            os.chmod(above, 0o755)
            try:
                self.write("l/f", "lower")
                lay()
                self.up(kind, extra)
                results[kind] = act()
                self.let_go()
                self.umount()
            finally:
                self.dir = above
        self.assertEqual(results["kernel"], results["plyfs"])
        return results["plyfs"]

    def xattr(self, path, name):
        return tried(os.getxattr, self.path(path), name, follow_symlinks=False)

    def record(self, path, name):
        """A record of the overlay's on an object in a layer."""
        return self.xattr(path, "trusted.overlay." + name)

    def set_record(self, path, name, value):
        os.setxattr(self.path(path), "trusted.overlay." + name, value, follow_symlinks=False)

    def whiteout(self, path):
        os.mknod(self.path(path), 0o020000, 0)

    def loop(self, name, mkfs, options="loop", size=64 << 20):
        """A fresh filesystem of its own, mounted at `name`."""
        image = self.path(name + ".img")
        with open(image, "wb") as file:
            file.truncate(size)
        subprocess.run([*mkfs, image], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.makedirs(self.path(name), exist_ok=True)
        subprocess.run(["mount", "-o", options, image, self.path(name)], check=True)


main = unittest.main
