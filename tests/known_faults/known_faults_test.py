"""Faults that plyfs must not have (semantics.md, section 10), each on a real mount."""
import ctypes
import errno
import fcntl
import mmap
import os
import stat
import struct
import subprocess
import time
import unittest

from harness import BIRTH_TIMES, CliTest

LIBC = ctypes.CDLL(None, use_errno=True)
AT_FDCWD = -100
RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT = 1, 2, 4
FS_IOC_GETFLAGS, FS_IOC_SETFLAGS, FS_IOC_FSGETXATTR = 0x80086601, 0x40086602, 0x801C581F
FS_IMMUTABLE_FL, FS_APPEND_FL, FS_NODUMP_FL = 0x10, 0x20, 0x40
CAPABILITY = bytes.fromhex("0100000200040000000000000000000000000000")


def renameat2(old, new, flags):
    if LIBC.renameat2(AT_FDCWD, os.fsencode(old), AT_FDCWD, os.fsencode(new), flags) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def link_fd(fd, new):
    # os.link follows no symlink in /proc.
    at_symlink_follow = 0x400
    if LIBC.linkat(AT_FDCWD, f"/proc/self/fd/{fd}".encode(), AT_FDCWD, os.fsencode(new), at_symlink_follow) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class KnownFaults(CliTest):
    def setUp(self):
        super().setUp()
        os.unlink(self.path("l/f"))

    def up(self, extra=""):
        self.mount(self.stack(extra))

    def again(self, extra=""):
        subprocess.run(["umount", self.path("m")], check=True)
        self.up(extra)

    def refused(self, error, call, *args, **kwargs):
        with self.assertRaises(OSError) as caught:
            call(*args, **kwargs)
        self.assertEqual(caught.exception.errno, error)

    def as_user(self, uid, call):
        """Runs call() in a child as `uid`; 0 or the errno it failed with."""
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
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    # rules: B1 B2 C19 F20
    def test_a_descriptor_opened_before_copy_up_sees_what_is_written_after(self):
        self.write("l/f", "old-data")
        self.write("l/g", "old-data")
        self.up()
        for name, reads_first in (("m/f", True), ("m/g", False)):
            fd = os.open(self.path(name), os.O_RDONLY)
            if reads_first:
                self.assertEqual(os.pread(fd, 99, 0), b"old-data")
                mapped = mmap.mmap(fd, 8, prot=mmap.PROT_READ)
            else:
                os.rename(self.path(name), self.path("m/renamed"))
                name = "m/renamed"
            with open(self.path(name), "r+b") as writer:
                writer.write(b"NEW")
            self.assertEqual(os.pread(fd, 99, 0), b"NEW-data")
            if reads_first:
                self.assertEqual(mapped[:8], b"NEW-data")
                mapped.close()
            os.truncate(self.path(name), 3)
            self.assertEqual(os.pread(fd, 99, 0), b"NEW")
            self.assertEqual(os.fstat(fd).st_size, 3)
            os.close(fd)

    # rules: B3 S6 S8
    def test_links_of_one_lower_file_part_for_good(self):
        self.write("l/a", "one")
        os.link(self.path("l/a"), self.path("l/b"))
        self.up()
        with open(self.path("m/a"), "w", encoding="utf-8") as file:
            file.write("TWO")
        for _ in range(2):
            self.assertEqual((self.read("m/a"), self.read("m/b")), ("TWO", "one"))
            a, b = os.stat(self.path("m/a")), os.stat(self.path("m/b"))
            self.assertNotEqual(a.st_ino, b.st_ino)
            self.assertEqual((a.st_nlink, b.st_nlink), (1, 2))
            self.again()
        self.write("m/b", "THREE")
        self.assertEqual(self.read("m/a"), "TWO")

    # rules: B4 B13 B14
    def test_links_made_through_the_mount_stay_one_file(self):
        self.up()
        self.write("m/p", "x")
        os.link(self.path("m/p"), self.path("m/q"))
        self.again()
        self.write("m/q", "by q")
        self.assertEqual(self.read("m/p"), "by q")
        p, q = os.stat(self.path("m/p")), os.stat(self.path("m/q"))
        self.assertEqual((p.st_ino, p.st_nlink), (q.st_ino, 2))
        fd = os.open(self.path("m/q"), os.O_RDWR)
        os.unlink(self.path("m/q"))
        self.assertEqual(os.fstat(fd).st_nlink, 1)
        os.unlink(self.path("m/p"))
        self.assertEqual(os.fstat(fd).st_nlink, 0)
        os.pwrite(fd, b"still", 0)
        os.ftruncate(fd, 3)
        os.fchmod(fd, 0o640)
        os.setxattr(fd, "user.late", b"1")
        os.utime(fd, (1, 2))
        self.assertEqual(os.pread(fd, 9, 0), b"sti")
        after = os.fstat(fd)
        self.assertEqual((after.st_mode & 0o7777, after.st_mtime), (0o640, 2.0))
        os.close(fd)

    # rules: B5 B6 A8 C16
    def test_changes_of_a_symlink_do_not_touch_its_target(self):
        self.write("outside", "host file")
        os.symlink(self.path("outside"), self.path("l/sl"))
        before = os.stat(self.path("outside"))
        self.up()
        link = self.path("m/sl")
        os.setxattr(link, "trusted.evil", b"1", follow_symlinks=False)
        os.lchown(link, 12, 34)
        os.utime(link, (1, 2), follow_symlinks=False)
        self.assertEqual(os.getxattr(self.path("u/sl"), "trusted.evil", follow_symlinks=False), b"1")
        self.assertEqual(os.lstat(link).st_uid, 12)
        after = os.stat(self.path("outside"))
        self.assertEqual((before.st_uid, before.st_ctime_ns), (after.st_uid, after.st_ctime_ns))
        self.assertNotIn("trusted.evil", os.listxattr(self.path("outside")))

    # rules: B7 L13
    def test_nothing_outside_a_layer_is_reached(self):
        self.write("outside", "secret")
        os.mkdir(self.path("l/d"))
        os.symlink(self.dir, self.path("l/way-out"))
        for value in (b"..", b"/../..", b"../l2", b"/way-out"):
            name = "r" + value.hex()
            os.mkdir(self.path("u", name))
            os.setxattr(self.path("u", name), "trusted.overlay.redirect", value)
        self.up(",redirect_dir=on")
        for name in os.listdir(self.path("u")):
            try:
                self.assertEqual(os.listdir(self.path("m", name)), [])
            except OSError as error:
                self.assertIn(error.errno, (errno.EINVAL, errno.EACCES))

    # rules: B8 B26 C16 F26
    def test_special_files_of_a_lower_change_without_being_opened(self):
        os.mkfifo(self.path("l/fifo"), 0o600)
        os.mknod(self.path("l/dev"), stat.S_IFBLK | 0o600, os.makedev(7, 99))
        self.up()
        for name, kind in (("fifo", stat.S_ISFIFO), ("dev", stat.S_ISBLK)):
            os.chmod(self.path("m", name), 0o644)
            os.chown(self.path("m", name), 5, 6)
            os.rename(self.path("m", name), self.path("m", name + "2"))
            st = os.lstat(self.path("u", name + "2"))
            self.assertTrue(kind(st.st_mode))
            self.assertEqual((st.st_mode & 0o777, st.st_uid, st.st_gid), (0o644, 5, 6))
        self.assertEqual(os.lstat(self.path("u/dev2")).st_rdev, os.makedev(7, 99))

    # rules: B9 A11 F25
    def test_a_stranger_s_write_clears_set_id_bits_and_capabilities(self):
        self.write("l/s", "data")
        os.chmod(self.path("l/s"), 0o6777)
        os.setxattr(self.path("l/s"), "security.capability", CAPABILITY)
        os.chmod(self.dir, 0o755)
        self.up()

        def write_byte():
            fd = os.open(self.path("m/s"), os.O_WRONLY)
            os.write(fd, b"x")
        self.assertEqual(self.as_user(1000, write_byte), 0)
        self.assertEqual(os.stat(self.path("m/s")).st_mode & 0o7777, 0o777)
        self.assertNotIn("security.capability", os.listxattr(self.path("m/s")))

    # rules: B10 L10 L16 X5
    def test_records_of_others_are_read(self):
        self.write("l2/data", "the data")
        os.mkdir(self.path("l/x"))
        self.write("l/x/hidden", "")
        os.setxattr(self.path("l/x"), "trusted.overlay.opaque", b"x")
        os.setxattr(self.path("l/x/hidden"), "trusted.overlay.whiteout", b"")
        os.mkdir(self.path("l2/x"))
        self.write("l2/x/hidden", "seen?")
        self.write("l2/x/seen", "seen")
        os.mkdir(self.path("l2/old"))
        self.write("l2/old/inside", "moved")
        os.mkdir(self.path("l/new"))
        os.setxattr(self.path("l/new"), "trusted.overlay.redirect", b"/old")
        with open(self.path("l/data"), "wb") as file:
            file.truncate(8)
        os.setxattr(self.path("l/data"), "trusted.overlay.metacopy", b"")
        self.mount(f"lowerdir={self.dir}/l:{self.dir}/l2,metacopy=on")
        self.assertEqual(self.read("m/data"), "the data")
        self.assertEqual(os.listdir(self.path("m/new")), ["inside"])
        self.assertEqual(os.listdir(self.path("m/x")), ["seen"])
        self.assertFalse(os.path.exists(self.path("m/x/hidden")))

    # rules: B15 N18 F21
    def test_temporary_files_have_no_name_until_they_are_linked(self):
        self.up()
        fd = os.open(self.path("m"), os.O_TMPFILE | os.O_RDWR, 0o600)
        os.write(fd, b"data")
        self.assertEqual(os.fstat(fd).st_nlink, 0)
        link_fd(fd, self.path("m/t"))
        self.assertEqual(os.fstat(fd).st_nlink, 1)
        self.assertEqual(self.read("m/t"), "data")
        exclusive = os.open(self.path("m"), os.O_TMPFILE | os.O_RDWR | os.O_EXCL, 0o600)
        self.refused(errno.ENOENT, link_fd, exclusive, self.path("m/e"))

    # rules: B16 B17 R2 N15 F22
    def test_clients_cannot_make_whiteouts(self):
        self.write("l/f", "x")
        self.up()
        self.refused(errno.EPERM, os.mknod, self.path("m/n"), stat.S_IFCHR, 0)
        self.refused(errno.EINVAL, renameat2, self.path("m/f"), self.path("m/g"), RENAME_WHITEOUT)
        self.refused(errno.EINVAL, renameat2, self.path("m/f"), self.path("m/g"), RENAME_EXCHANGE | RENAME_NOREPLACE)
        self.assertEqual(os.listdir(self.path("m")), ["f"])

    # rules: B18 A14 A15 F12
    def test_file_flags(self):
        self.write("l/f", "x")
        self.up()
        fd = os.open(self.path("m/f"), os.O_RDONLY)

        def flags():
            return struct.unpack("i", fcntl.ioctl(fd, FS_IOC_GETFLAGS, struct.pack("i", 0)))[0]
        plain = flags()
        fcntl.ioctl(fd, FS_IOC_SETFLAGS, struct.pack("i", plain | FS_IMMUTABLE_FL))
        self.assertTrue(flags() & FS_IMMUTABLE_FL)
        self.assertEqual(len(fcntl.ioctl(fd, FS_IOC_FSGETXATTR, bytes(28))), 28)
        self.assertEqual(os.getxattr(self.path("u/f"), "trusted.overlay.protattr"), b"i")
        self.refused(errno.EPERM, open, self.path("m/f"), "a")
        self.refused(errno.EPERM, os.unlink, self.path("m/f"))
        self.refused(errno.EPERM, os.rename, self.path("m/f"), self.path("m/g"))
        self.refused(errno.EPERM, os.link, self.path("m/f"), self.path("m/g"))
        self.refused(errno.EPERM, os.chmod, self.path("m/f"), 0o600)
        os.close(fd)
        self.again()
        self.refused(errno.EPERM, os.unlink, self.path("m/f"))
        fd = os.open(self.path("m/f"), os.O_RDONLY)
        fcntl.ioctl(fd, FS_IOC_SETFLAGS, struct.pack("i", plain | FS_APPEND_FL))
        self.refused(errno.EPERM, os.truncate, self.path("m/f"), 0)
        with open(self.path("m/f"), "a", encoding="utf-8") as file:
            file.write("y")
        fcntl.ioctl(fd, FS_IOC_SETFLAGS, struct.pack("i", plain))
        os.close(fd)
        os.unlink(self.path("m/f"))

    # rules: B19 B21 F23 S14
    def test_atime_of_lowers_is_left_alone_and_birth_is_told(self):
        self.write("l/f", "data")
        os.utime(self.path("l/f"), (1, 2))
        self.up()
        self.read("m/f")
        os.listdir(self.path("m"))
        self.assertEqual(os.stat(self.path("l/f")).st_atime, 1)
        birth = subprocess.run(["stat", "-c", "%W", self.path("m/f"), self.path("l/f")], check=True, text=True,
                               stdout=subprocess.PIPE).stdout.split()
        self.assertEqual(birth[0], birth[1] if BIRTH_TIMES else "0")
        self.assertGreater(int(birth[1]), 0)

    # rules: B22 B23 N4 R9 O6
    def test_only_the_kernel_s_records_are_written(self):
        os.makedirs(self.path("l/d/e"))
        os.mkdir(self.path("l/empty"))
        self.up()
        self.refused(errno.EXDEV, os.rename, self.path("m/empty"), self.path("m/moved"))
        os.rmdir(self.path("m/d/e"))
        os.rmdir(self.path("m/d"))
        os.mkdir(self.path("m/d"))
        self.assertEqual(os.listdir(self.path("u/d")), [])
        self.assertEqual(os.getxattr(self.path("u/d"), "trusted.overlay.opaque"), b"y")
        self.assertEqual(sorted(os.listdir(self.path("u"))), ["d"])

    # rules: B24 D4 D6
    def test_a_listing_is_not_disturbed_by_changes(self):
        for i in range(2000):
            self.write(f"l/n{i:04}", "")
        self.up()
        seen = []
        with os.scandir(self.path("m")) as entries:
            for count, entry in enumerate(entries):
                seen.append(entry.name)
                if count % 10 == 0:
                    self.write(f"m/new{count}", "")
                    victim = self.path(f"m/n{1999 - count // 10:04}")
                    if os.path.exists(victim):
                        os.unlink(victim)
        old = [name for name in seen if name.startswith("n") and not name.startswith("new")]
        self.assertEqual(len(old), 2000)
        self.assertEqual(len(seen), len(set(seen)))

    # rules: B25 C10 C8
    def test_a_full_upper_loses_nothing(self):
        image, upper = self.path("image"), self.path("full")
        with open(image, "wb") as file:
            file.truncate(8 << 20)
        subprocess.run(["mkfs.ext4", "-q", image], check=True)
        os.mkdir(upper)
        subprocess.run(["mount", "-o", "loop", image, upper], check=True)
        for name in ("u", "w"):
            os.mkdir(os.path.join(upper, name))
        with open(self.path("l/big"), "wb") as file:
            file.write(os.urandom(20 << 20))
        self.write("l/small", "small")
        self.mount(f"lowerdir={self.dir}/l,upperdir={upper}/u,workdir={upper}/w")
        self.refused(errno.ENOSPC, open, self.path("m/big"), "r+b")
        self.refused(errno.ENOSPC, os.chmod, self.path("m/big"), 0o600)
        self.assertNotIn("big", os.listdir(os.path.join(upper, "u")))
        self.assertEqual([n for n in os.listdir(os.path.join(upper, "w/work"))
                          if not stat.S_ISCHR(os.lstat(os.path.join(upper, "w/work", n)).st_mode)], [])
        with open(self.path("m/big"), "rb") as merged, open(self.path("l/big"), "rb") as lower:
            self.assertEqual(merged.read(), lower.read())
        self.write("m/small", "still room for this")
        with open(self.path("m/big"), "wb"):  # truncated at open: nothing is copied (C9)
            pass
        self.assertEqual(os.stat(self.path("m/big")).st_size, 0)

    # rules: C22 F28
    def test_a_running_program_is_not_written(self):
        subprocess.run(["cp", "/bin/sleep", self.path("l/sleep")], check=True)
        self.up()
        running = subprocess.Popen([self.path("m/sleep"), "30"])
        try:
            time.sleep(0.2)
            self.refused(errno.ETXTBSY, open, self.path("m/sleep"), "r+b")
        finally:
            running.kill()
            running.wait()

    # rules: C23 F19
    def test_locks_are_held_across_copy_up(self):
        self.write("l/f", "x")
        self.up()
        first = os.open(self.path("m/f"), os.O_RDONLY)
        fcntl.flock(first, fcntl.LOCK_EX)
        self.write("m/f", "copied up")
        second = os.open(self.path("m/f"), os.O_RDONLY)
        self.refused(errno.EWOULDBLOCK, fcntl.flock, second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(first)
        fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(second)

    # rules: A1 A2 A5 A12
    def test_permissions_are_the_visible_object_s(self):
        self.write("l/mine", "x")
        os.chown(self.path("l/mine"), 1000, 1000)
        self.write("l/roots", "x")
        os.setxattr(self.path("l/roots"), "trusted.t", b"1")
        os.chmod(self.dir, 0o755)
        os.chmod(self.path("l"), 0o700)
        os.chmod(self.path("u"), 0o755)
        self.up()
        path = self.path
        self.assertEqual(self.as_user(1000, lambda: os.close(os.open(path("m/mine"), os.O_WRONLY))), 0)
        self.assertEqual(self.as_user(1000, lambda: os.open(path("m/roots"), os.O_WRONLY)), errno.EACCES)
        self.assertEqual(self.as_user(1000, lambda: os.chmod(path("m/roots"), 0o777)), errno.EPERM)
        self.assertEqual(self.as_user(1000, lambda: os.utime(path("m/roots"), (1, 1))), errno.EPERM)
        self.assertEqual(self.as_user(1000, lambda: os.getxattr(path("m/roots"), "trusted.t")), errno.ENODATA)
        self.assertEqual(os.listdir(self.path("u")), ["mine"])


if __name__ == "__main__":
    unittest.main()
