"""Attributes and permissions (semantics.md sections 4, 5 and 7)."""
import os
import stat
import struct
import time

from twin import TwinTest, as_user, main, tried

FIELDS = ("st_mode", "st_uid", "st_gid", "st_size", "st_blocks", "st_blksize", "st_atime_ns", "st_mtime_ns",
          "st_ctime_ns", "st_rdev")


class Attributes(TwinTest):
    def same_as(self, merged, real, fields=FIELDS):
        shown, there = os.lstat(self.path(merged)), os.lstat(self.path(real))
        for field in fields:
            self.assertEqual(getattr(shown, field), getattr(there, field), (merged, field))

    # S11: the real object's, whatever it is and wherever it lies.
    def test_attributes_are_the_real_object_s(self):
        with open(self.path("l/sparse"), "wb") as file:
            file.truncate(1 << 20)
            file.write(b"x" * 9000)
        os.symlink("elsewhere", self.path("l/link"))
        os.mknod(self.path("l/dev"), stat.S_IFBLK | 0o640, os.makedev(7, 99))
        self.write("l2/deep", "second layer")
        for directory in ("l/d", "l2/d"):
            os.mkdir(self.path(directory))
        for i in range(400):
            self.write(f"l/d/{'n' * 100}{i}", "")
        os.chmod(self.path("l2/d"), 0o700)
        os.utime(self.path("l/sparse"), ns=(1_000_000_001, 2_000_000_002))
        self.mount(f"lowerdir={self.dir}/l:{self.dir}/l2,upperdir={self.dir}/u,workdir={self.dir}/w")
        for name, layer in (("sparse", "l"), ("link", "l"), ("dev", "l"), ("deep", "l2"), ("d", "l")):
            self.same_as(f"m/{name}", f"{layer}/{name}")
        self.assertGreater(os.stat(self.path("m/d")).st_size, 4096)  # of the topmost, not of another
        for name in ("sparse", "link", "dev", "deep", "d"):
            os.chown(self.path("m", name), 3, 4, follow_symlinks=False)
            self.same_as(f"m/{name}", f"u/{name}")

    # S11 L16: a metacopy file's size is its own, its blocks are those of the data.
    def test_blocks_of_a_metacopy_file_are_its_data_s(self):
        with open(self.path("l2/f"), "wb") as file:
            file.write(b"d" * 20000)
        with open(self.path("l/f"), "wb") as file:
            file.truncate(20000)
        self.set_record("l/f", "metacopy", b"")
        self.mount(f"lowerdir={self.dir}/l:{self.dir}/l2,metacopy=on")
        self.same_as("m/f", "l2/f", ("st_size", "st_blocks"))
        self.same_as("m/f", "l/f", ("st_mode", "st_mtime_ns"))
        self.assertGreater(os.stat(self.path("m/f")).st_blocks, os.stat(self.path("l/f")).st_blocks)

    # A13: each change of metadata moves the ctime; what is not touched keeps its own.
    def test_ctime(self):
        changes = {
            "chmod": lambda path: os.chmod(path, 0o600),
            "chown": lambda path: os.chown(path, 5, 5),
            "utimes": lambda path: os.utime(path, (1, 2)),
            "setxattr": lambda path: os.setxattr(path, "user.a", b"1"),
            "removexattr": lambda path: os.removexattr(path, "user.a"),
            "link": lambda path: os.link(path, path + "2"),
            "unlink": lambda path: os.unlink(path + "2"),
            "rename": lambda path: (os.rename(path, path + "3"), os.rename(path + "3", path)),
            "truncate": lambda path: os.truncate(path, 2),
        }

        def lay():
            self.write("l/low", "lower")
            os.link(self.path("l/low"), self.path("l/other"))

        def act():
            moved = {}
            path = self.path("m/f")
            for name, change in changes.items():
                before = os.stat(path).st_ctime_ns
                time.sleep(0.011)  # the clock of a filesystem may tick in hundredths
                change(path)
                moved[name] = os.stat(path).st_ctime_ns > before
            before = os.stat(self.path("m/other")).st_ctime_ns, os.stat(self.path("l/other")).st_ctime_ns
            os.unlink(self.path("m/low"))
            moved["other name of an unlinked lower file"] = (
                os.stat(self.path("m/other")).st_ctime_ns, os.stat(self.path("l/other")).st_ctime_ns) != before
            return moved

        def lay_all():
            self.write("l/f", "lower")
            lay()
        moved = self.on_both(lay_all, act)
        self.assertEqual(moved.pop("other name of an unlinked lower file"), False)
        self.assertEqual(set(moved.values()), {True}, moved)


class Permissions(TwinTest):
    def made(self, name):
        self.write(name, "x")
        return self.path(name)

    # C13 A2: who may write the file need not be able to make anything where it is copied to.
    def test_copy_up_needs_only_the_right_to_the_operation(self):
        def lay():
            os.makedirs(self.path("l/d"))
            self.write("l/d/mine", "x")
            os.chown(self.path("l/d/mine"), 1000, 1001)
            os.chmod(self.path("l/d/mine"), 0o600)
            os.chmod(self.path("w"), 0o700)

        def append():
            with open(self.path("m/d/mine"), "a", encoding="utf-8") as file:
                file.write("y")

        def act():
            results = [as_user(1000, append), as_user(1002, append),
                       as_user(1000, lambda: self.write("m/d/new", "x"))]
            st = os.stat(self.path("u/d/mine"))
            return results, st.st_uid, st.st_gid, stat.S_IMODE(st.st_mode), self.read("u/d/mine"), os.stat(
                self.path("u/d")).st_uid
        self.assertEqual(self.on_both(lay, act), (["ok", "EACCES", "EACCES"], 1000, 1001, 0o600, "xy", 0))

    # A3: sticky directories, and who owns what in them.
    def test_sticky_directories(self):
        def lay():
            os.mkdir(self.path("l/t"))
            os.chmod(self.path("l/t"), 0o1777)
            for uid in (1000, 1001):
                self.write(f"l/t/{uid}", "x")
                os.chown(self.path(f"l/t/{uid}"), uid, uid)

        def act():
            path = self.path
            return [as_user(1000, lambda: os.unlink(path("m/t/1001"))),
                    as_user(1000, lambda: os.rename(path("m/t/1001"), path("m/t/x"))),
                    as_user(1000, lambda: os.rename(path("m/t/1000"), path("m/t/1001"))),
                    as_user(1000, lambda: os.unlink(path("m/t/1000"))),
                    as_user(1001, lambda: os.rename(path("m/t/1001"), path("m/t/y")))]
        self.assertEqual(self.on_both(lay, act), ["EPERM", "EPERM", "EPERM", "ok", "ok"])

    # A3: a mount that is read-only, from the first or by remount.
    def test_read_only_mounts(self):
        def lay():
            os.mkdir(self.path("l/d"))

        def every_change():
            path = self.path
            return {
                "write": tried(os.open, path("m/f"), os.O_WRONLY),
                "truncate at open": tried(os.open, path("m/f"), os.O_RDONLY | os.O_TRUNC),
                "truncate": tried(os.truncate, path("m/f"), 0),
                "create": tried(os.open, path("m/new"), os.O_CREAT | os.O_WRONLY),
                "tmpfile": tried(os.open, path("m"), os.O_TMPFILE | os.O_RDWR),
                "mkdir": tried(os.mkdir, path("m/new")),
                "mkdir there": tried(os.mkdir, path("m/d")),
                "mknod": tried(os.mkfifo, path("m/new")),
                "symlink": tried(os.symlink, "x", path("m/new")),
                "link": tried(os.link, path("m/f"), path("m/new")),
                "unlink": tried(os.unlink, path("m/f")),
                "rmdir": tried(os.rmdir, path("m/d")),
                "rename": tried(os.rename, path("m/f"), path("m/new")),
                "chmod": tried(os.chmod, path("m/f"), 0),
                "chown": tried(os.chown, path("m/f"), 1, 1),
                "utime": tried(os.utime, path("m/f"), (1, 1)),
                "setxattr": tried(os.setxattr, path("m/f"), "user.a", b"1"),
                "removexattr": tried(os.removexattr, path("m/f"), "user.a"),
                "access": os.access(path("m/f"), os.W_OK),
                "read": self.read("m/f"),
            }
        above = self.stack
        self.stack = lambda extra="": f"ro,lowerdir={self.dir}/l:{self.dir}/l2" + extra
        without_upper = self.on_both(lay, every_change)
        self.stack = lambda extra="": above(extra) + ",ro"
        with_upper = self.on_both(lay, every_change)
        self.assertEqual(without_upper, with_upper)
        self.assertEqual((with_upper.pop("access"), with_upper.pop("read")), (False, "lower"))
        self.assertEqual(with_upper.pop("mkdir there"), "EEXIST")
        self.assertEqual(set(with_upper.values()), {"EROFS"}, with_upper)

    # A9: who may set an ACL, where, and what becomes of set-group-id.
    def test_setting_acls(self):
        def acl(*entries):
            return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
        mine = acl((1, 7, 0xFFFFFFFF), (2, 6, 1005), (4, 5, 0xFFFFFFFF), (0x10, 7, 0xFFFFFFFF), (0x20, 4, 0xFFFFFFFF))

        def lay():
            os.mkdir(self.path("l/d"))
            for name in ("mine", "d"):
                os.chown(self.path("l", name) if name == "d" else self.made("l/mine"), 1000, 1001)
                os.chmod(self.path("l", name), 0o2755)

        def act():
            access, default = "system.posix_acl_access", "system.posix_acl_default"
            path = self.path
            results = [as_user(1002, lambda: os.setxattr(path("m/mine"), access, mine)), os.listdir(path("u")),
                       as_user(1000, lambda: os.setxattr(path("m/mine"), access, mine)),
                       as_user(1000, lambda: os.setxattr(path("m/mine"), default, mine)),
                       as_user(1000, lambda: os.setxattr(path("m/d"), default, mine)),
                       as_user(1005, lambda: os.open(path("m/mine"), os.O_WRONLY))]
            self.write("m/d/child", "x")
            return results + [oct(os.stat(path("m", name)).st_mode) for name in ("mine", "d", "d/child")] + [
                self.xattr("u/mine", access), self.xattr("u/d", default), self.xattr("u/d/child", access)]
        seen = self.on_both(lay, act)
        self.assertEqual(seen[:6], ["EPERM", [], "ok", "EACCES", "ok", "ok"])
        self.assertEqual(seen[6], oct(stat.S_IFREG | 0o774))

    # F24 N16: the umask counts only where no default ACL does.
    def test_umask_and_default_acl(self):
        acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in (
            (1, 7, 0xFFFFFFFF), (4, 7, 0xFFFFFFFF), (0x20, 7, 0xFFFFFFFF)))

        def lay():
            for name in ("plain", "acl"):
                os.mkdir(self.path("l", name))
                self.write(f"l/{name}/gone", "x")
            os.setxattr(self.path("l/acl"), "system.posix_acl_default", acl)

        def act():
            before = os.umask(0o027)
            modes = []
            for name in ("plain", "acl"):
                os.unlink(self.path("m", name, "gone"))
                for made in ("new", "gone"):  # where nothing is, and over a whiteout
                    os.close(os.open(self.path("m", name, made), os.O_CREAT | os.O_WRONLY, 0o666))
                    modes.append(oct(os.stat(self.path("m", name, made)).st_mode & 0o7777))
                os.mkdir(self.path("m", name, "dir"))
                modes.append(oct(os.stat(self.path("m", name, "dir")).st_mode & 0o7777))
            os.umask(before)
            return modes
        self.assertEqual(self.on_both(lay, act), ["0o640", "0o640", "0o750", "0o666", "0o666", "0o777"])

    # A4: what the kernel decides by is never stale: a mode changed by one name counts for the other.
    def test_permissions_follow_at_once(self):
        self.write("l/f", "x")
        os.chmod(self.dir, 0o755)
        self.up()
        os.link(self.path("m/f"), self.path("m/g"))
        for i in range(20):
            mode = 0o600 if i % 2 else 0o644
            os.chmod(self.path("m/f"), mode)
            self.assertEqual(as_user(1000, lambda: self.read("m/g")), "EACCES" if i % 2 else "ok")
        os.mkdir(self.path("m/d"))
        self.write("m/d/x", "x")
        os.chmod(self.path("m/d"), 0o700)
        self.assertEqual(as_user(1000, lambda: self.read("m/d/x")), "EACCES")
        os.chmod(self.path("m/d"), 0o711)
        self.assertEqual(as_user(1000, lambda: self.read("m/d/x")), "ok")


if __name__ == "__main__":
    main()
