"""Clients that change what is in files, and their attributes."""
import mmap
import os
import struct
import subprocess

import tree
from clients import Client, file_entry
from stack import Problem

MIB = 1 << 20


class Mapped(Client):
    """Writes lower files through shared mappings, and reads them back by read and through another mapping."""
    SIZE = 512 << 10

    def _lower(self, name):
        return (b"%s as it was laid; " % name.encode()) * (self.SIZE // (len(name) + 19) + 1)

    def lay(self):
        for i in range(3):
            self.lay_file(i, f"mapped{i}", self._lower(f"mapped{i}")[:self.SIZE])

    def work(self):
        left = {}

        def store(name):
            dice = type(self.dice)(f"{self.number} {name}")
            wanted = bytearray(self._lower(name)[:self.SIZE])
            fd = os.open(self.path(name), os.O_RDWR)
            try:
                with mmap.mmap(fd, len(wanted)) as area:
                    for i in range(self.times(300)):
                        at, piece = dice.randrange(len(wanted) - 5000), dice.randbytes(dice.randrange(1, 5000))
                        area[at:at + len(piece)] = wanted[at:at + len(piece)] = piece
                        if i % 16 == 0:
                            if i % 32 == 0:
                                area.flush()
                            self.require(os.pread(fd, len(piece), at) == piece, f"{name}: read misses a mapped store")
                        if i % 64 == 0:
                            with open(self.path(name), "rb") as other, mmap.mmap(other.fileno(), 0,
                                                                                 prot=mmap.PROT_READ) as again:
                                self.require(again[at:at + len(piece)] == piece, f"{name}: mappings differ")
                os.ftruncate(fd, self.SIZE // 2)
                os.ftruncate(fd, self.SIZE)
                wanted[self.SIZE // 2:] = bytes(self.SIZE - self.SIZE // 2)
                os.fsync(fd)
            finally:
                os.close(fd)
            self.require(self.read(name) == wanted, f"{name}: another content than was stored")
            left[name] = file_entry(bytes(wanted))
        self.side_by_side(*(lambda i=i: store(f"mapped{i}") for i in range(3)))
        return left


class Synced(Client):
    """Appends and replaces with fsync at each step, as databases and editors do."""

    def lay(self):
        self.lay_file(2, "log", b"laid\n")
        self.lay_file(1, "config", b"laid\n")

    def work(self):
        left = {}

        def append():
            wanted = b"laid\n"
            fd = os.open(self.path("log"), os.O_WRONLY | os.O_APPEND)
            for i in range(self.times(60)):
                record = struct.pack("=I", i) + self.bytes(60)
                self.require(os.write(fd, record) == len(record), "log: a short write")
                os.fdatasync(fd)
                wanted += record
            os.close(fd)
            self.require(self.read("log") == wanted, "log: not what was appended")
            left["log"] = file_entry(wanted)

        def replace():
            for i in range(self.times(40)):
                data = b"version %d\n" % i * 50
                fd = os.open(self.path("config.new"), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
                os.write(fd, data)
                os.fsync(fd)
                os.close(fd)
                os.rename(self.path("config.new"), self.path("config"))
                folder = os.open(self.dir, os.O_RDONLY | os.O_DIRECTORY)
                os.fsync(folder)
                os.close(folder)
                self.require(self.read("config") == data, "config: not what replaced it")
            left["config"] = file_entry(data)
        self.side_by_side(append, replace)
        return left


class Copies(Client):
    """Big files: copied in each way there is, and copied up by an append."""
    SIZE = 6 * MIB + 12345

    def lay(self):
        for i in range(2):
            self.lay_file(i, f"big{i}", self.bytes(self.SIZE))

    def _copy(self, name):
        source, target = os.open(self.path("big0"), os.O_RDONLY), os.open(self.path(name), os.O_CREAT | os.O_WRONLY)
        while True:
            if name == "sendfile":
                count = os.sendfile(target, source, None, 4 * MIB)
            elif name == "copy_file_range":
                count = os.copy_file_range(source, target, 4 * MIB)
            else:
                count = os.write(target, os.read(source, 100000))
            if count == 0:
                break
        os.close(source)
        os.close(target)

    def work(self):
        data, second = self.read("big0"), self.read("big1")
        self.require(len(data) == self.SIZE == len(second), "a big file of a lower layer is short")
        for _ in range(self.times(3)):
            for name in ("sendfile", "copy_file_range", "write"):
                if os.path.exists(self.path(name)):
                    os.unlink(self.path(name))
                self._copy(name)
                self.require(tree.digest_of(self.path(name)) == tree.digest(data), f"{name}: the copy differs")
            subprocess.run(["cp", "--sparse=always", self.path("big1"), self.path("cp")], check=True)
            subprocess.run(["cmp", self.path("big1"), self.path("cp")], check=True, stdout=subprocess.PIPE)
        with open(self.path("big1"), "ab") as file:
            file.write(b"the end")
        left = {name: file_entry(data) for name in ("big0", "sendfile", "copy_file_range", "write")}
        return left | {"cp": file_entry(second), "big1": file_entry(second + b"the end")}


class Held(Client):
    """Holds more files open than the daemon may have descriptors, some without a name."""

    def lay(self):
        for i in range(200):
            self.lay_file(i % 3, f"low{i}", b"low %d" % i)

    def work(self):
        held, left = [], {f"low{i}": file_entry(b"low %d" % i) for i in range(200)}
        count = self.times(600)
        for i in range(count):
            held.append(os.open(self.path(f"held{i}"), os.O_RDWR | os.O_CREAT | os.O_EXCL))
            os.write(held[-1], b"held %d" % i)
            if i % 8 == 0:
                os.unlink(self.path(f"held{i}"))
            else:
                left[f"held{i}"] = file_entry(b"held %d and more" % i)
        lowers = [os.open(self.path(f"low{i}"), os.O_RDONLY) for i in range(200)]
        for i, fd in enumerate(held):
            self.require(os.pread(fd, 50, 0) == b"held %d" % i, f"held{i}: the descriptor reads another file")
            os.pwrite(fd, b" and more", len(b"held %d" % i))
        for i, fd in enumerate(lowers):
            self.require(os.read(fd, 50) == b"low %d" % i, f"low{i}: the descriptor reads another file")
            os.close(fd)
        for i, fd in enumerate(held):
            self.require(os.pread(fd, 50, 0) == b"held %d and more" % i, f"held{i}: what was written is not read")
            self.require(os.fstat(fd).st_nlink == (0 if i % 8 == 0 else 1), f"held{i}: another link count")
            os.close(fd)
        return left


class Attributes(Client):
    """Changes owners, modes, times and xattrs of lower files and directories, and asks for them."""

    def lay(self):
        for i in range(60):
            self.lay_file(i % 3, f"d{i % 6}/f{i}", b"%d" % i)

    def work(self):
        left = {}
        for _ in range(self.times(5)):
            for i in range(60):
                name, folder = f"d{i % 6}/f{i}", f"d{i % 6}"
                for path in (name, folder):
                    mode, uid, gid = self.dice.choice((0o640, 0o755, 0o4755, 0o2750)), self.dice.randrange(5000), i
                    value = self.bytes(self.dice.randrange(1, 300))
                    where = self.path(path)
                    os.chown(where, uid, gid)
                    os.chmod(where, mode)
                    os.setxattr(where, "user.soak", value)
                    if i % 2:
                        os.setxattr(where, "trusted.soak", value)
                    entry = {"mode": mode, "uid": uid, "gid": gid, "xattrs": tree.xattrs_of(where)}
                    entry |= {"type": "dir"} if path == folder else file_entry(b"%d" % i)
                    if path == name:
                        entry["mtime"] = 10 ** 18 + self.dice.randrange(10 ** 15)
                        os.utime(where, ns=(entry["mtime"], entry["mtime"]))
                    if entry["xattrs"]["user.soak"] != value:
                        raise Problem(f"{path}: another user.soak than was set")
                    left[path] = entry
        for path, entry in left.items():
            st = os.stat(self.path(path))
            self.require((st.st_uid, st.st_gid) == (entry["uid"], entry["gid"]), f"{path}: another owner than was set")
        return left
