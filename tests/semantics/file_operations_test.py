"""File operations that a client kernel passes on, or answers itself (semantics.md section 7, F)."""
import ctypes
import errno
import fcntl
import mmap
import os
import resource
import signal
import stat
import struct
import threading
import time

from harness import FUSE_MINOR
from twin import LIBC, TwinTest, libc, main, tried

KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE = 1, 2, 16
AT_FDCWD, AT_HANDLE_FID = -100, 0x200
IN_ALL = 0xFFF
FS_IOC_GETFLAGS, FS_IOC_SETFLAGS = 0x80086601, 0x40086602
FS_IMMUTABLE_FL, FS_APPEND_FL, FS_NOATIME_FL = 0x10, 0x20, 0x80
F_SETLEASE, F_GETLEASE = 1024, 1025


def fallocate(fd, mode, offset, length):
    libc("fallocate", fd, mode, ctypes.c_long(offset), ctypes.c_long(length))


class AsynchronousWriter:
    """Writes whole files by io_submit (Linux AIO), one write at a time."""
    SETUP, DESTROY, GETEVENTS, SUBMIT, PWRITE = 206, 207, 208, 209, 1  # x86-64

    def __init__(self, fd, size):
        self.fd, self.buffer = fd, mmap.mmap(-1, size)
        self.context = ctypes.c_ulong(0)
        libc("syscall", self.SETUP, 1, ctypes.byref(self.context))

    def write(self, byte):
        self.buffer[:] = byte * len(self.buffer)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self.buffer))
        request = ctypes.create_string_buffer(
            struct.pack("=QIIHhIQQqQII", 0, 0, 0, self.PWRITE, 0, self.fd, address, len(self.buffer), 0, 0, 0, 0))
        requests = (ctypes.c_void_p * 1)(ctypes.addressof(request))
        libc("syscall", self.SUBMIT, self.context, ctypes.c_long(1), requests)
        event = (ctypes.c_longlong * 4)()
        libc("syscall", self.GETEVENTS, self.context, ctypes.c_long(1), ctypes.c_long(1), event, None)
        return event[2]

    def close(self):
        libc("syscall", self.DESTROY, self.context)


def handle_of(path, flags):
    """"ok", or the name of the errno of name_to_handle_at."""
    handle = ctypes.create_string_buffer(struct.pack("=Ii", 128, 0) + bytes(128))
    mount = ctypes.c_int()
    if LIBC.name_to_handle_at(AT_FDCWD, os.fsencode(path), handle, ctypes.byref(mount), flags) == -1:
        return errno.errorcode[ctypes.get_errno()]
    return "ok"


class FileOperations(TwinTest):
    def read_bytes(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    # F1: the upper file is what is allocated, punched and zeroed.
    def test_fallocate(self):
        def lay():
            with open(self.path("l/f"), "wb") as file:
                file.write(b"x" * 65536)

        def act():
            seen = []
            fd = self.open("m/f", os.O_RDWR)
            for mode, offset, length in ((0, 65536, 65536), (KEEP_SIZE, 262144, 65536),
                                         (PUNCH_HOLE | KEEP_SIZE, 8192, 16384), (ZERO_RANGE, 40960, 8192),
                                         (ZERO_RANGE | KEEP_SIZE, 131072, 4096), (PUNCH_HOLE, 0, 1)):
                result = tried(fallocate, fd, mode, offset, length)
                there = os.stat(self.path("u/f"))
                with open(self.path("u/f"), "rb") as file:
                    data = file.read()
                seen.append((result, there.st_size, there.st_blocks, data))
                with open(self.path("m/f"), "rb") as file:
                    self.assertEqual(file.read(), data)
            return seen
        seen = self.on_both(lay, act)
        with open(self.path("plain"), "wb") as file:
            zeroed = tried(fallocate, file.fileno(), ZERO_RANGE, 0, 4096)  # tmpfs cannot
        self.assertEqual([(result, size) for result, size, _, _ in seen],
                         [(None, 131072), (None, 131072), (None, 131072), (zeroed, 131072), (zeroed, 131072),
                          ("EOPNOTSUPP", 131072)])
        self.assertLess(seen[2][2], seen[1][2])

    # F5: from a lower file, within one file, past its end.
    def test_copy_file_range(self):
        def lay():
            self.write("l/f", "0123456789")

        def act():
            source, target = self.open("m/f"), self.open("m/new", os.O_RDWR | os.O_CREAT)
            results = [tried(os.copy_file_range, source, target, *args)
                       for args in ((10, 0, 0), (5, 3, 20), (100, 8, 0), (5, 50, 0))]
            results.append(tried(os.copy_file_range, target, target, 4, 0, 30))
            results.append(tried(os.copy_file_range, target, target, 4, 0, 2))
            results.append(tried(os.copy_file_range, target, source, 4, 0, 0))
            return results, self.read("u/new"), os.listdir(self.path("u"))
        results, text, names = self.on_both(lay, act)
        self.assertEqual(results, [10, 5, 2, 0, 4, "EINVAL", "EBADF"])
        self.assertEqual((text, names), ("8923456789" + "\0" * 10 + "34567" + "\0" * 5 + "8923", ["new"]))

    # F6: the holes of the real file, before and after copy-up.
    def test_holes(self):
        def lay():
            with open(self.path("l/f"), "wb") as file:
                for at in (1 << 16, 1 << 20):
                    file.seek(at)
                    file.write(b"x" * 4096)
                file.truncate(2 << 20)

        def act():
            fd = self.open("m/f")
            found = [tried(os.lseek, fd, at, how) for at in (0, 1 << 16, 1 << 17, 1 << 20, 3 << 19, 2 << 20)
                     for how in (os.SEEK_DATA, os.SEEK_HOLE)]
            os.chmod(self.path("m/f"), 0o600)
            # Where small holes lie in a copy is the copier's affair (C8).
            return found, tried(os.lseek, fd, 0, os.SEEK_DATA), tried(os.lseek, fd, 3 << 19, os.SEEK_DATA)
        before, first, last = self.on_both(lay, act)
        self.assertEqual(before[:4], [1 << 16, 0, 1 << 16, (1 << 16) + 4096])
        self.assertEqual(before[-2:], ["ENXIO", "ENXIO"])
        self.assertEqual((first, last), (1 << 16, "ENXIO"))

    # F10 F11: nothing is to be done for a lower file, and nothing is copied for it.
    def test_fsync(self):
        def lay():
            os.mkdir(self.path("l/d"))

        def act():
            results = [tried(os.fsync, self.open(path)) for path in ("m/f", "m/d")]
            results += [tried(os.fdatasync, self.open(path)) for path in ("m/f", "m/d")]
            untouched = os.listdir(self.path("u"))
            self.write("m/d/new", "x")
            results += [tried(os.fsync, self.open(path)) for path in ("m/d/new", "m/d", "m")]
            return results, untouched
        self.assertEqual(self.on_both(lay, act), ([None] * 7, []))

    # F7: what reaches the filesystem is aligned as the client aligned it.
    def test_direct_io(self):
        block = 4096

        def lay():
            with open(self.path("l/f"), "wb") as file:
                file.write(b"".join(bytes([i]) * block for i in range(8)))

        def act():
            buffer = mmap.mmap(-1, 2 * block)
            fd = self.open("m/f", os.O_RDWR | os.O_DIRECT)
            seen = [tried(os.preadv, fd, [buffer], offset) for offset in (0, block, 7 * block, 8 * block, 512, 100)]
            buffer[:] = b"w" * 2 * block
            seen += [tried(os.pwritev, fd, [buffer], offset) for offset in (block, 8 * block)]
            aligned = self.read_bytes("m/f")
            seen.append(tried(os.pwritev, fd, [buffer], 100))  # tmpfs takes it
            return seen, aligned, self.read_bytes("m/f")
        seen, data, after = self.on_both(lay, act)
        self.assertEqual((seen[:4], seen[6:8]), ([2 * block, 2 * block, block, 0], [2 * block, 2 * block]))
        self.assertEqual(data[:4 * block], b"\0" * block + b"w" * 2 * block + bytes([3]) * block)
        self.assertEqual(after == data, seen[8] == "EINVAL")

    # F7 F20: the last page of a mapping is as long as the file, whatever the handle that it is written through.
    def test_mapping_of_a_file_opened_with_o_direct(self):
        def lay():
            self.write("l/f", "." * 5000)

        def act():
            fd = self.open("m/f", os.O_RDWR | os.O_DIRECT)
            with mmap.mmap(fd, 5000) as mapping:
                mapping[4990:5000] = b"0123456789"
                flushed = tried(mapping.flush)
            return flushed, tried(os.fsync, fd), self.read("u/f")[4985:]
        self.assertEqual(self.on_both(lay, act), (None, None, ".....0123456789"))

    # F7: who reads through the page cache while an asynchronous O_DIRECT write is under way leaves nothing old
    # behind in it.
    def test_direct_asynchronous_writes_beside_buffered_reads(self):
        size, rounds, patterns = 160 * 4096, 100, (b"a", b"b")

        def read_on(fd, done):
            while not done.is_set():
                os.pread(fd, size, 0)

        def act():
            reading, done = self.open("m/f"), threading.Event()
            writer = AsynchronousWriter(self.open("m/f", os.O_RDWR | os.O_DIRECT), size)
            readers = [threading.Thread(target=read_on, args=(reading, done)) for _ in range(2)]
            for reader in readers:
                reader.start()
            try:
                old = 0
                for i in range(rounds):
                    byte = patterns[i % 2]
                    self.assertEqual(writer.write(byte), size)
                    old += os.pread(reading, size, 0) != byte * size
                return old
            finally:
                done.set()
                for reader in readers:
                    reader.join()
                writer.close()
        self.assertEqual(self.on_both(lambda: self.write("l/f", ""), act), 0)

    # F12: chattr moves the ctime, and it shows at once.
    def test_flags_move_the_ctime(self):
        def act():
            fd = self.open("m/f")
            os.fchmod(fd, 0o600)
            before = os.fstat(fd).st_ctime_ns
            time.sleep(0.02)  # longer than the filesystem's tick
            flags = struct.unpack("l", fcntl.ioctl(fd, FS_IOC_GETFLAGS, bytes(8)))[0]
            fcntl.ioctl(fd, FS_IOC_SETFLAGS, struct.pack("l", flags ^ FS_NOATIME_FL))
            return os.fstat(fd).st_ctime_ns > before
        self.assertTrue(self.on_both(lambda: None, act))

    # A14: what a file that was opened before it was protected still takes, and what is asked of it by its name.
    def test_protected_while_it_is_open(self):
        outcomes = self.on_both(lambda: None, self.protected_outcomes)
        self.assertEqual(outcomes["ftruncate", "i", "rw"], ("None", 5))
        self.assertEqual(outcomes["fallocate", "i", "rw"], ("EPERM", 8192))

    def protected_outcomes(self):
        calls = {
            "pwrite": lambda fd, _: os.pwrite(fd, b"x", 0),
            "ftruncate": lambda fd, _: os.ftruncate(fd, 5),
            "fallocate": lambda fd, _: fallocate(fd, 0, 0, 9000),
            "keep size": lambda fd, _: fallocate(fd, KEEP_SIZE, 0, 9000),
            "punch": lambda fd, _: fallocate(fd, PUNCH_HOLE | KEEP_SIZE, 0, 4096),
            "zero": lambda fd, _: fallocate(fd, ZERO_RANGE, 0, 4096),
            "copy to": lambda fd, _: os.copy_file_range(self.source, fd, 100, 0, 0),
            "copy from": lambda fd, _: os.copy_file_range(fd, self.source, 100, 0, 0),
            "fchmod": lambda fd, _: os.fchmod(fd, 0o600),
            "fchown": lambda fd, _: os.fchown(fd, 1, 1),
            "fchown to nobody else": lambda fd, _: os.fchown(fd, -1, -1),
            "touch": lambda fd, _: os.utime(fd),
            "set times": lambda fd, _: os.utime(fd, (5, 5)),
            "setxattr": lambda fd, _: os.setxattr(fd, "user.a", b"1"),
            "truncate": lambda _, path: os.truncate(path, 5),
            "unlink": lambda _, path: os.unlink(path),
            "link": lambda _, path: os.link(path, path + "-"),
            "open": lambda _, path: os.close(os.open(path, os.O_WRONLY)),
            "open to append": lambda _, path: os.close(os.open(path, os.O_WRONLY | os.O_APPEND)),
        }
        self.source = self.open("m/source", os.O_RDWR | os.O_CREAT)
        os.pwrite(self.source, bytes(8192), 0)
        return {(name, letters, mode): self.outcome(call, self.path("m", f"{name}-{letters}-{mode}"), flags, opened)
                for name, call in calls.items()
                for letters, flags in (("i", FS_IMMUTABLE_FL), ("a", FS_APPEND_FL), ("ia", FS_IMMUTABLE_FL | FS_APPEND_FL))
                for mode, opened in (("rw", os.O_RDWR), ("append", os.O_RDWR | os.O_APPEND), ("r", os.O_RDONLY))}

    @staticmethod
    def outcome(call, path, flags, opened):
        """What a call on a file says that was opened first and protected then, and the size that it has after it."""
        with open(path, "wb") as file:
            file.write(bytes(8192))
        fd = os.open(path, opened)
        control = os.open(path, os.O_RDONLY)
        was = struct.unpack("l", fcntl.ioctl(control, FS_IOC_GETFLAGS, bytes(8)))[0]
        fcntl.ioctl(control, FS_IOC_SETFLAGS, struct.pack("l", was | flags))
        try:
            return str(tried(call, fd, path)), os.fstat(fd).st_size
        finally:
            fcntl.ioctl(control, FS_IOC_SETFLAGS, struct.pack("l", was))
            os.close(fd)
            os.close(control)

    # A14: kernels before 5.15 set the flags on the upper object itself, and they protect it still.
    def test_flags_of_upper_itself(self):
        flagged = {"log": FS_APPEND_FL, "fixed": FS_IMMUTABLE_FL, "d": FS_IMMUTABLE_FL}

        def flag(name, wanted):
            fd = self.open(f"u/{name}", os.O_RDONLY)
            was = struct.unpack("l", fcntl.ioctl(fd, FS_IOC_GETFLAGS, bytes(8)))[0]
            fcntl.ioctl(fd, FS_IOC_SETFLAGS,
                        struct.pack("l", was & ~(FS_APPEND_FL | FS_IMMUTABLE_FL) | wanted))

        def lay():
            os.makedirs(self.path("u/d/sub"))
            self.write("u/d/sub/f", "")
            for name in ("log", "fixed"):
                self.write(f"u/{name}", "first")
            for name, wanted in flagged.items():
                flag(name, wanted)

        def appended(flags):
            fd = os.open(self.path("m/log"), flags | os.O_APPEND)
            written = os.write(fd, b" more")
            os.close(fd)
            return written

        def act():
            try:
                return self.outcomes_of_flagged(appended, flagged), self.read("u/log")
            finally:
                for name in flagged:
                    flag(name, 0)
        outcomes, log = self.on_both(lay, act)
        self.assertEqual(outcomes[:3], [5, 5, "EPERM"])
        self.assertEqual(outcomes[8], "EPERM")
        self.assertEqual(log, "first more more")

    def outcomes_of_flagged(self, appended, names):
        def path(name):
            return self.path("m", name)

        def flags(name):
            return struct.unpack("l", fcntl.ioctl(self.open(f"m/{name}", os.O_RDONLY), FS_IOC_GETFLAGS, bytes(8)))[0]
        return [tried(appended, os.O_WRONLY), tried(appended, os.O_RDWR), tried(os.open, path("log"), os.O_WRONLY),
                tried(os.truncate, path("log"), 0), tried(os.open, path("fixed"), os.O_WRONLY | os.O_APPEND),
                tried(os.chmod, path("fixed"), 0o600), tried(os.unlink, path("log")),
                tried(os.rename, path("fixed"), path("x")), tried(os.rmdir, path("d/sub")),
                tried(os.mkdir, path("d/new")),
                [flags(name) & (FS_APPEND_FL | FS_IMMUTABLE_FL) for name in names]]

    # A14: the kernel lets nobody take O_APPEND from an append-only file's descriptor; plyfs refuses the write then.
    def test_an_append_only_file_is_appended_to(self):
        def act():
            path = self.path("m/log")
            with open(path, "wb") as file:
                file.write(b"first line")
            control = self.open("m/log")
            was = struct.unpack("l", fcntl.ioctl(control, FS_IOC_GETFLAGS, bytes(8)))[0]
            fcntl.ioctl(control, FS_IOC_SETFLAGS, struct.pack("l", was | FS_APPEND_FL))
            fd = self.open("m/log", os.O_WRONLY | os.O_APPEND)
            written = [tried(os.write, fd, b" and more")]
            if tried(fcntl.fcntl, fd, fcntl.F_SETFL, 0) != "EPERM":
                written.append(tried(os.pwrite, fd, b"FIRST", 0))
            else:
                written.append("EPERM")
            fcntl.ioctl(control, FS_IOC_SETFLAGS, struct.pack("l", was))
            with open(path, "rb") as file:
                return written, file.read()
        self.assertEqual(self.on_both(lambda: None, act), ([9, "EPERM"], b"first line and more"))

    # F20: stores through a mapping and writes through a descriptor are one file.
    def test_shared_mappings(self):
        def lay():
            with open(self.path("l/f"), "wb") as file:
                file.write(b"." * 8192)

        def act():
            fd = self.open("m/f", os.O_RDWR)
            mapped = mmap.mmap(fd, 8192)
            mapped[0:5] = b"store"
            seen = [os.pread(fd, 6, 0)]
            os.pwrite(fd, b"write", 4096)
            seen.append(mapped[4096:4102])
            mapped.flush()
            with open(self.path("u/f"), "rb") as file:
                seen.append(file.read(6))
            mapped.close()
            return seen
        self.assertEqual(self.on_both(lay, act), [b"store.", b"write.", b"store."])

    # F26: opened by the kernel alone, for writing too, and never copied up for it.
    def test_special_files(self):
        def lay():
            os.mkfifo(self.path("l/fifo"))
            os.mknod(self.path("l/null"), stat.S_IFCHR | 0o666, os.makedev(1, 3))

        def act():
            reader = self.open("m/fifo", os.O_RDONLY | os.O_NONBLOCK)
            writer = self.open("m/fifo", os.O_WRONLY)
            os.write(writer, b"through")
            null = self.open("m/null", os.O_RDWR | os.O_TRUNC)
            return os.read(reader, 99), os.write(null, b"x"), os.read(null, 9), os.listdir(self.path("u"))
        self.assertEqual(self.on_both(lay, act), (b"through", 1, b"", []))

    # F28: whoever appends appends at the end as it is now; no file grows beyond the caller's limit.
    def test_appending_and_limits(self):
        def act():
            first, second = (self.open("m/f", os.O_WRONLY | os.O_APPEND) for _ in range(2))
            for fd, text in ((first, b"1"), (second, b"22"), (first, b"333")):
                os.write(fd, text)
            text = self.read("m/f")
            before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            limits = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (16, limits[1]))
            try:
                seen = [tried(os.write, first, b"x" * 50), tried(os.write, first, b"x"), tried(os.ftruncate, first, 17)]
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, limits)
                signal.signal(signal.SIGXFSZ, before)
            return text, seen, os.stat(self.path("u/f")).st_size
        self.assertEqual(self.on_both(lambda: None, act), ("lower122333", [5, "EFBIG", "EFBIG"], 16))

    # C8: holes stay holes.
    def test_copies_of_sparse_files_are_sparse(self):
        with open(self.path("l/f"), "wb") as file:
            file.truncate(50 << 20)
            file.seek(20 << 20)
            file.write(b"x")
        self.up()
        os.chmod(self.path("m/f"), 0o600)
        copy = os.stat(self.path("u/f"))
        self.assertEqual(copy.st_size, 50 << 20)
        self.assertLessEqual(copy.st_blocks, 16)

    # F14: no handles that could be opened, but those that only tell objects apart.
    def test_handles(self):
        def act():
            return handle_of(self.path("m/f"), 0), handle_of(self.path("m/f"), AT_HANDLE_FID)
        if FUSE_MINOR < 40:  # FUSE_NO_EXPORT_SUPPORT: docs/differences.md, Linux 6.1
            self.up()
            self.assertEqual(act(), ("ok", "EINVAL"))
            return
        self.assertEqual(self.on_both(lambda: None, act), ("EOPNOTSUPP", "ok"))

    # F16: what is done through the mount is told, what is done in layers is not.
    def test_inotify(self):
        def lay():
            os.mkdir(self.path("l/d"))
            for name in ("old", "gone", "low"):
                self.write(f"l/d/{name}", "x")

        def act():
            watch = libc("inotify_init1", os.O_NONBLOCK)
            self.held.append(watch)
            libc("inotify_add_watch", watch, os.fsencode(self.path("m/d")), IN_ALL)
            libc("inotify_add_watch", watch, os.fsencode(self.path("m/d/low")), IN_ALL)
            self.write("m/d/low", "written")
            self.write("m/d/new", "x")
            os.chmod(self.path("m/d/old"), 0o600)
            os.rename(self.path("m/d/old"), self.path("m/d/renamed"))
            os.unlink(self.path("m/d/gone"))
            os.mkdir(self.path("m/d/sub"))
            os.link(self.path("m/d/low"), self.path("m/d/link"))
            self.write("l/d/by_hand", "x")
            return self.events(watch)
        events = self.on_both(lay, act)
        self.assertIn("renamed", {name for _, name in events})
        self.assertNotIn("by_hand", {name for _, name in events})

    def events(self, watch):
        found, data, at = [], b"", 0
        while isinstance(part := tried(os.read, watch, 65536), bytes):
            data += part
        while at < len(data):
            _, mask, _, length = struct.unpack_from("=iIII", data, at)
            found.append((mask, data[at + 16:at + 16 + length].rstrip(b"\0").decode()))
            at += 16 + length
        return found

    # F18
    def test_leases(self):
        def act():
            reader = self.open("m/f")
            seen = [tried(fcntl.fcntl, reader, F_SETLEASE, fcntl.F_RDLCK), tried(fcntl.fcntl, reader, F_GETLEASE),
                    tried(os.open, self.path("m/f"), os.O_WRONLY | os.O_NONBLOCK),
                    tried(fcntl.fcntl, reader, F_SETLEASE, fcntl.F_UNLCK)]
            writer = self.open("m/new", os.O_RDWR | os.O_CREAT)
            seen += [tried(fcntl.fcntl, writer, F_SETLEASE, fcntl.F_WRLCK), tried(fcntl.fcntl, writer, F_GETLEASE),
                     tried(os.open, self.path("m/new"), os.O_RDONLY | os.O_NONBLOCK),
                     tried(fcntl.fcntl, writer, F_SETLEASE, fcntl.F_UNLCK)]
            return seen
        before = signal.signal(signal.SIGIO, signal.SIG_IGN)
        self.addCleanup(signal.signal, signal.SIGIO, before)
        seen = self.on_both(lambda: None, act)
        self.assertEqual(seen, [0, fcntl.F_RDLCK, "EAGAIN", 0] +
                         [0, fcntl.F_WRLCK, "EAGAIN", 0])


if __name__ == "__main__":
    main()
