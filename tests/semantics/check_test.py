"""plyctl check: what it finds in damaged upper directories, that it finds nothing in whole ones, and that the kernel
mounts what it has mended (docs/check.md)."""
import os
import random
import re
import shutil
import stat
import subprocess
import time

from harness import BIN, FUSE_MINOR
from twin import TwinTest, main, tried

PLYCTL = os.path.join(os.path.dirname(BIN), "plyctl")
FINDING = re.compile(r'(workdir )?"((?:[^"\\]|\\.)*)": (.*); (--repair mends it|mended|left as it is|not mended): (.*)')


class CheckTest(TwinTest):
    def check(self, *args, lowers=("l",), work="w", code=0):
        """The findings as (path, what, outcome), notes as (None, text, "note"); the last line apart."""
        where = [word for lower in lowers for word in ("--lower", self.path(lower))]
        if work:
            where += ["--workdir", self.path(work)]
        done = subprocess.run([PLYCTL, "check", self.path("u"), *where, *args], check=False, text=True, timeout=120,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(done.stderr, "")
        *lines, self.figures = done.stdout.splitlines()
        self.assertRegex(self.figures, r"\A\d+ objects in \d+ directories: ")
        found = []
        for line in lines:
            if line.startswith("note: "):
                found.append((None, line[6:], "note"))
                continue
            match = FINDING.fullmatch(line)
            self.assertTrue(match, line)
            found.append(((match[1] or "") + match[2], match[3], match[4]))
        if code is not None:
            self.assertEqual(done.returncode, code, done.stdout)
        return found

    def clean(self, *args, **kwargs):
        self.assertEqual([line for line in self.check(*args, **kwargs) if line[2] != "note"], [])
        self.assertIn("nothing is wrong", self.figures)

    def finds(self, path, naming, outcome="--repair mends it", **kwargs):
        """Exactly one finding, at `path`."""
        found = [line for line in self.check(code=1, **kwargs) if line[2] != "note"]
        self.assertEqual([(line[0], line[2]) for line in found], [(path, outcome)], found)
        self.assertIn(naming, found[0][1])

    def mends(self, path, naming, **kwargs):
        """Exactly one finding, which --repair mends, so that the next check finds nothing."""
        before = self.on_disk()
        self.finds(path, naming, **kwargs)
        self.assertEqual(self.on_disk(), before, "changed without --repair")
        found = [line for line in self.check("--repair", **kwargs) if line[2] != "note"]
        self.assertEqual([(line[0], line[2]) for line in found], [(path, "mended")])
        self.clean(**kwargs)

    def leaves(self, path, naming, **kwargs):
        """Exactly one finding, which --repair leaves."""
        before = self.on_disk()
        self.finds(path, naming, "left as it is", **kwargs)
        found = [line for line in self.check("--repair", code=1, **kwargs) if line[2] != "note"]
        self.assertEqual([(line[0], line[2]) for line in found], [(path, "left as it is")])
        self.assertEqual(self.on_disk(), before)

    def tree(self, kind, extra=""):
        """All that a mount by `kind` shows: type, mode, owner, size, links, xattrs, data, target of each path."""
        numbers = FUSE_MINOR >= 40  # a copy's number may be unknown to plyfs on Linux 6.1: docs/differences.md
        self.up(kind, extra)
        seen = {}
        for where, dirs, files in os.walk(self.path("m")):
            for name in sorted(dirs + files):
                path = os.path.join(where, name)
                st = tried(os.lstat, path)
                if isinstance(st, str):
                    seen[os.path.relpath(path, self.path("m"))] = st
                    continue
                what = [st.st_mode, st.st_uid, st.st_gid, st.st_nlink, st.st_ino if numbers else 0]
                if stat.S_ISREG(st.st_mode):
                    with open(path, "rb") as file:
                        what.append(file.read())
                if stat.S_ISLNK(st.st_mode):
                    what.append(os.readlink(path))
                what.append([(xattr, os.getxattr(path, xattr, follow_symlinks=False))
                             for xattr in sorted(os.listxattr(path, follow_symlinks=False))])
                seen[os.path.relpath(path, self.path("m"))] = what
        self.umount()
        return seen

    def fill_lowers(self):
        for name in ("dir", "dir/sub", "moved", "gone", "gone/deep", "acl"):
            os.mkdir(self.path("l", name))
        for name in ("dir/a", "dir/b", "dir/sub/c", "moved/m", "gone/deep/g", "acl/x", "one", "ren", "out"):
            self.write("l/" + name, name)
        os.link(self.path("l/one"), self.path("l/two"))
        os.symlink("dir/a", self.path("l/sym"))
        os.mkfifo(self.path("l/fifo"))

    def work_on(self, redirect):
        """Most of what can be done to a tree."""
        def at(name):
            return self.path("m", name)

        self.write("m/dir/a", "changed")
        os.unlink(at("dir/b"))
        os.chmod(at("dir/sub/c"), 0o600)
        shutil.rmtree(at("gone"))
        os.mkdir(at("gone"))
        self.write("m/gone/new", "new")
        os.link(at("one"), at("three"))
        self.write("m/two", "second")
        os.rename(at("ren"), at("dir/ren"))
        os.rename(at("dir/ren"), at("gone/ren"))
        os.link(at("out"), at("gone/in"))
        os.lchown(at("sym"), 7, 7)
        os.rename(at("sym"), at("sym2"))
        os.chmod(at("fifo"), 0o640)
        subprocess.run(["setfacl", "-m", "u:7:rwx", at("acl/x")], check=True)
        subprocess.run(["setfacl", "-d", "-m", "u:7:rwx", at("acl")], check=True)
        os.mkdir(at("acl/made"))
        os.setxattr(at("dir/a"), "user.kept", b"1")
        os.setxattr(at("dir/a"), "trusted.overlay.mine", b"escaped")
        moved = tried(os.rename, at("moved"), at("gone/moved"))
        self.assertEqual(moved, None if redirect else "EXDEV")
        if redirect:
            os.mkdir(at("moved"))
            os.rename(at("dir"), at("dir2"))
            os.rename(at("dir2/sub"), at("dir2/sub2"))
            os.rename(at("dir2/sub2"), at("sub3"))
            os.rename(at("sub3"), at("dir2/sub"))


class Clean(CheckTest):
    def check_written_by(self, kind, extra, redirect, *args):
        self.fill_lowers()
        self.up(kind, extra)
        self.work_on(redirect)
        self.umount()
        for lowers in (("l",), ()):
            for work in ("w", None):
                self.clean(*args, lowers=lowers, work=work)
        before = self.on_disk()
        self.clean("--repair", *args)
        self.assertEqual(self.on_disk(), before)
        # And worked on once more by the other.
        kernels = any(option in extra for option in ("metacopy=on", "index", "nfs_export"))
        self.up("kernel" if kernels else "plyfs", extra)
        os.chmod(self.path("m/gone/in"), 0o604)
        self.write("m/acl/x", "again")
        os.unlink(self.path("m/gone/new"))
        self.umount()
        self.clean(*args)

    def test_written_by_the_kernel(self):
        self.check_written_by("kernel", ",redirect_dir=off,metacopy=off", False)

    def test_written_by_the_kernel_with_redirects(self):
        self.check_written_by("kernel", ",redirect_dir=on,metacopy=off", True)

    def test_written_by_the_kernel_with_an_index(self):
        self.check_written_by("kernel", ",redirect_dir=on,index=on", True)

    def test_written_by_the_kernel_with_metacopy(self):
        self.check_written_by("kernel", ",redirect_dir=on,metacopy=on,index=on", True)

    def test_written_by_the_kernel_with_nfs_export(self):
        self.check_written_by("kernel", ",redirect_dir=on,nfs_export=on", True)

    def test_written_by_the_kernel_with_userxattr(self):
        self.check_written_by("kernel", ",userxattr", False, "--userxattr")

    def test_written_by_plyfs_with_userxattr(self):
        self.check_written_by("plyfs", ",userxattr", False, "--userxattr")

    def test_written_on_other_filesystems(self):
        scratch = self.dir
        for name, mkfs in (("xfs", ["mkfs.xfs", "-q"]), ("btrfs", ["mkfs.btrfs", "-q"])):
            self.loop(name, mkfs, size=320 << 20)
            for kind in ("kernel", "plyfs"):
                with self.subTest(name=name, kind=kind):
                    self.dir = os.path.join(scratch, name, kind)
                    for directory in ("", "l", "u", "w", "m"):
                        os.mkdir(self.path(directory))
                    self.write("l/f", "x")
                    self.check_written_by(kind, ",redirect_dir=on", True)
                    self.dir = scratch

    def test_written_by_plyfs(self):
        self.check_written_by("plyfs", ",redirect_dir=off", False)

    def test_written_by_plyfs_with_redirects(self):
        self.check_written_by("plyfs", ",redirect_dir=on", True)


class Damaged(CheckTest):
    """One kind of damage at a time, the kernel's view before and after."""

    def setUp(self):
        super().setUp()
        self.extra = ",redirect_dir=on"

    def handle(self, path):
        """The origin record of a lower file, as copy-up writes it."""
        os.chmod(self.path("m", path), 0o640)
        return self.record("u/" + path, "origin")

    def kernel_shows(self):
        return self.tree("kernel", self.extra)

    def kernel_finds(self, *names):
        """The errno of each name's lookup, "ok" where there is none."""
        self.up("kernel", self.extra)
        found = [tried(os.lstat, self.path("m", name)) for name in names]
        self.umount()
        return [errno if isinstance(errno, str) else "ok" for errno in found]

    # Values that both ignore: the tree is the same without them.
    def ignored(self, damage, path, naming, **kwargs):
        damage()
        before = self.kernel_shows()
        damage()  # again: the kernel may have mended it
        self.mends(path, naming, **kwargs)
        self.assertEqual(self.kernel_shows(), before)

    def test_a_whiteout_with_records(self):
        self.whiteout("u/f")
        self.ignored(lambda: self.set_record("u/f", "opaque", b"y"), "f", 'trusted.overlay.opaque "y" is on a whiteout')
        self.assertTrue(stat.S_ISCHR(os.lstat(self.path("u/f")).st_mode))

    # The kernel lists what it then does not find; after the repair neither.
    def test_an_empty_file_as_whiteout(self):
        self.write("u/f", "")
        self.set_record("u/f", "whiteout", b"")
        self.assertEqual(self.kernel_shows()["f"], "ENOENT")
        self.leaves("f", "ENOENT", work=None)
        self.mends("f", "in a directory without opaque=x")
        self.assertNotIn("f", self.kernel_shows())
        self.assertEqual(os.listdir(self.path("w/work")), [])

    def test_a_whiteout_record_on_a_file_with_contents(self):
        self.write("u/own", "contents")
        self.ignored(lambda: self.set_record("u/own", "whiteout", b""), "own", "can have no use for it")

    def test_whiteouts_over_nothing_are_only_counted(self):
        os.mkdir(self.path("u/d"))
        for name in ("f", "nothing", "d/inside"):
            self.whiteout("u/" + name)
        note = "whiteouts that hide nothing in these lowers (harmless)"
        self.assertEqual(self.check(), [(None, "2 " + note, "note")])
        self.assertEqual(self.check("--verbose"), [(None, f'"nothing": one of the {note}', "note"),
                                                   (None, f'"d/inside": one of the {note}', "note"),
                                                   (None, "2 " + note, "note")])
        self.assertEqual(self.check("--repair"), [(None, "2 " + note, "note")])

    def redirected(self, value, layers=("l/d", "l/other", "u/d", "u/d/sub")):
        for directory in layers:
            os.makedirs(self.path(directory), exist_ok=True)
        tried(os.removexattr, self.path("u/d"), "trusted.overlay.opaque")
        self.write("l/d/below", "x")
        self.write("l/other/elsewhere", "x")
        self.write("u/d/own", "x")
        self.set_record("u/d", "redirect", value)

    def test_malformed_redirects(self):
        for value in (b"", b"/", b"//other", b"/other/", b"/other//d", b"d/below"):
            self.redirected(value)
            self.assertEqual(self.kernel_shows()["d"], "EINVAL")
            self.mends("d", "EINVAL")
            self.assertEqual({name for name in self.kernel_shows() if name.startswith("d")}, {"d", "d/own", "d/sub"})
            self.assertEqual(self.tree("plyfs"), self.kernel_shows())

    def test_redirects_that_lead_out(self):
        for value in (b".", b"..", b"/../l", b"/other/../d", b"/./d"):
            self.redirected(value)
            self.assertEqual(self.kernel_shows()["d"], "EACCES")
            self.mends("d", "EACCES")
            self.assertEqual({name for name in self.kernel_shows() if name.startswith("d")}, {"d", "d/own", "d/sub"})

    def test_a_redirect_with_bytes_behind_a_nul(self):
        self.redirected(b"other\0/..")
        before = self.kernel_shows()
        self.assertIn("d/elsewhere", before)
        self.mends("d", "has bytes behind a NUL")
        self.assertEqual(self.record("u/d", "redirect"), b"other")
        self.assertEqual(self.kernel_shows(), before)

    def test_dangling_redirects(self):
        for value in (b"nowhere", b"/other/nowhere", b"/f", b"/other/elsewhere"):
            self.redirected(value)
            os.setxattr(self.path("u/d"), "trusted.overlay.origin", b"")
            self.leaves("d", "leads to a directory that no lower has")
        self.clean(lowers=())
        self.assertIn("d/own", self.kernel_shows())

    # A directory that an upper layer of two redirects is one lower's, not both's.
    def test_a_redirect_to_a_lower_that_has_a_whiteout_there(self):
        self.two_lowers()
        self.redirected(b"/other")
        os.makedirs(self.path("l2/other"))
        shutil.rmtree(self.path("l/other"))
        os.setxattr(self.path("u/d"), "trusted.overlay.origin", b"")
        self.clean(lowers=("l", "l2"))
        self.whiteout("l/other")
        self.leaves("d", "no lower has", lowers=("l", "l2"))

    def test_redirects_that_nothing_reads(self):
        self.redirected(b"/..")
        self.set_record("u/d", "opaque", b"y")
        self.ignored(lambda: self.set_record("u/d", "redirect", b"/.."), "d", "leads out of the layers")
        self.write("u/own", "x")
        self.ignored(lambda: self.set_record("u/own", "redirect", b"a/b"), "own", "is malformed")

    def test_two_directories_of_one_target(self):
        self.redirected(b"/other")
        self.whiteout("u/other")
        os.mkdir(self.path("u/e"))
        for path in ("u/d", "u/e"):
            os.setxattr(self.path(path), "trusted.overlay.origin", b"")
        self.clean()
        self.set_record("u/e", "redirect", b"other")
        self.leaves("e", 'joins the same lower directory as "d"')
        self.clean(lowers=())  # of siblings only what is written alike
        self.set_record("u/e", "redirect", b"/other")
        self.leaves("e", 'leads where that of "d" leads', lowers=())

    def copied(self, *names):
        self.up("kernel", self.extra)
        for name in names:
            os.chmod(self.path("m", name), 0o640)
        self.umount()

    def test_malformed_origins(self):
        for value in (b"junk", b"\0\xfb\x15\0\x01" + bytes(16), b"\0\xfb\xff\0\x01" + bytes(40), b"\0" * 65):
            self.write("u/f", "mine")
            self.ignored(lambda value=value: self.set_record("u/f", "origin", value), "f", "origin is malformed")
            self.assertEqual(self.record("u/f", "origin"), b"")
        os.setxattr(self.path("u/f"), "trusted.overlay.origin", b"\x01\xfb\x1d\0\x01" + bytes(24))
        self.clean()  # of a later version

    def test_origins_of_what_is_gone(self):
        self.copied("f")
        os.unlink(self.path("l/f"))
        self.ignored(lambda: None, "f", "leads to what is gone")
        self.assertEqual(self.record("u/f", "origin"), b"")

    def test_an_origin_of_another_type(self):
        os.mkdir(self.path("l/d"))
        self.copied("d")
        self.copied("f")
        directory = self.record("u/d", "origin")
        self.ignored(lambda: self.set_record("u/f", "origin", directory), "f", "leads to another type")

    # The next mount writes it anew.
    def test_the_origin_of_a_merged_directory(self):
        os.mkdir(self.path("l/d"))
        self.copied("d")
        good = self.record("u/d", "origin")
        for bad in (good[:-1] + bytes([good[-1] ^ 0xff]), ):
            self.set_record("u/d", "origin", bad)
            self.mends("d", "leads to what is gone")
            self.assertEqual(self.record("u/d", "origin"), "ENODATA")
            self.kernel_shows()
            self.assertEqual(self.record("u/d", "origin"), good)

    def test_an_origin_of_a_filesystem_that_is_not_there(self):
        self.copied("f")
        value = self.record("u/f", "origin")
        self.set_record("u/f", "origin", value[:5] + b"\x55" * 16 + value[21:])
        self.leaves("f", "is of a filesystem that none of these lowers lies on")

    def test_two_files_of_one_origin(self):
        self.copied("f")
        subprocess.run(["cp", "-a", self.path("u/f"), self.path("u/copy")], check=True)
        self.set_record("u/copy", "origin", self.record("u/f", "origin"))
        os.link(self.path("u/f"), self.path("u/link"))
        self.assertEqual(self.kernel_finds("f", "link", "copy"), ["ok", "ok", "ESTALE"])
        for lowers in (("l",), ()):
            self.finds("f", 'origin is that of "copy" too', lowers=lowers)
        self.mends("f", "origin is that of")
        self.assertEqual(self.kernel_finds("f", "link", "copy"), ["ok", "ok", "ok"])

    def test_impure_is_missing(self):
        self.write("l/deep", "x")
        os.mkdir(self.path("l/d"))
        self.write("l/d/f", "x")
        self.copied("f", "d/f")
        before = self.kernel_shows()
        for path, shown in (("u", "."), ("u/d", "d")):
            os.removexattr(self.path(path), "trusted.overlay.impure")
            self.mends(shown, "impure is missing")
            self.assertEqual(self.record(path, "impure"), b"y")
        self.assertEqual(self.kernel_shows(), before)

    # D14: the kernel looks up what it lists in an impure directory, and fails with the first that is refused.
    def test_impure_is_missing_where_something_is_refused(self):
        self.copied("f")
        self.write("u/g", "x")
        self.set_record("u/g", "metacopy", b"")
        os.removexattr(self.path("u"), "trusted.overlay.impure")
        for args in ((), ("--repair",)):
            found = [line for line in self.check(*args, code=1) if line[2] != "note"]
            self.assertEqual([(line[0], line[2]) for line in found], [("g", "left as it is"), (".", "left as it is")])
        self.assertEqual(sorted(self.kernel_shows()), ["f", "g"])
        os.unlink(self.path("u/g"))
        self.mends(".", "impure is missing")

    def test_values_that_mean_nothing(self):
        os.mkdir(self.path("l/d"))
        os.mkdir(self.path("u/d"))
        self.write("l/d/below", "x")
        self.write("u/f", "x")
        self.set_record("u/d", "origin", b"")
        for path, record, value in (("d", "opaque", b"Y"), ("d", "opaque", b"y\0"), ("d", "opaque", b""),
                                    ("d", "impure", b"no"), ("f", "protattr", b"z"), ("f", "nlink", b"U+"),
                                    ("f", "opaque", b"y"), ("f", "uuid", bytes(16)), ("d", "upper", b"x"),
                                    ("d", "metacopy", b""), ("d", "nlink", b"U+1"), ("d", "opaque", b"y" * 3000)):
            self.ignored(lambda path=path, record=record, value=value: self.set_record("u/" + path, record, value),
                         path, "trusted.overlay." + record)
            self.assertEqual(self.record("u/" + path, record), "ENODATA")
        self.ignored(lambda: self.set_record("u", "uuid", b"short"), ".", "uuid is malformed")

    def test_metacopy_without_data(self):
        self.extra = ",metacopy=on"
        self.copied("f")
        before = self.kernel_shows()
        note = "1 files that hold metadata only; for the kernel with metacopy=on, plyfs refuses them (EPERM)"
        self.assertEqual(self.check(), [(None, note, "note")])
        self.set_record("u/f", "metacopy", b"junk")
        self.leaves("f", "metacopy is malformed")
        self.assertEqual(self.kernel_shows(), before)
        self.set_record("u/f", "metacopy", b"")
        self.set_record("u/f", "redirect", b"a/b")
        self.leaves("f", "EINVAL")
        self.set_record("u/f", "redirect", b"/nowhere")
        self.leaves("f", "no lower has its data")
        self.clean(lowers=())
        self.assertEqual(self.kernel_finds("f"), ["EIO"])
        # In a data-only layer, to which a lower metacopy file leads.
        os.removexattr(self.path("u/f"), "trusted.overlay.redirect")
        self.set_record("l/f", "metacopy", b"")
        self.set_record("l/f", "redirect", b"/data")
        self.write("l2/data", "data")
        with_data = ["--lower", f"{self.path('l')}::{self.path('l2')}"]
        self.clean(*with_data, lowers=())
        os.unlink(self.path("l2/data"))
        found = self.check(*with_data, lowers=(), code=1)
        self.assertIn("no data-only lower has its data", found[0][1])

    def test_what_a_lower_refuses(self):
        self.two_lowers()
        for directory in ("u/d", "l/d", "l2/d"):
            os.mkdir(self.path(directory))
        self.set_record("u/d", "origin", b"")
        self.set_record("l/d", "redirect", b"a/b")
        self.leaves("d", "for what a lower holds: Invalid argument", lowers=("l", "l2"))
        self.assertEqual(self.kernel_shows()["d"], "EINVAL")

    def test_both_families(self):
        self.write("u/own", "x")
        self.set_record("u/own", "protattr", b"i")
        os.setxattr(self.path("u/own"), "user.overlay.protattr", b"a")
        self.leaves("own", "has records of both families")
        os.removexattr(self.path("u/own"), "trusted.overlay.protattr")
        self.assertEqual(self.check(), [(None, "1 objects with user.overlay.*, which is data here; was upper written with "
                                         "userxattr?", "note")])
        self.assertEqual(self.check("--userxattr"), [])

    def test_redirects_with_userxattr(self):
        os.mkdir(self.path("u/d"))
        os.setxattr(self.path("u/d"), "user.overlay.redirect", b"/other")
        found = self.check("--userxattr", code=1)
        self.assertEqual([line[0] for line in found], ["d"])
        self.assertIn("EPERM", found[0][1])

    def test_unknown_records_are_counted(self):
        self.set_record("u", "later", b"1")
        self.assertEqual(self.check(), [(None, "1 objects with overlay records that are unknown here", "note")])

    def test_link_counts(self):
        os.link(self.path("l/f"), self.path("l/g"))
        self.write("u/own", "x")
        self.set_record("u/own", "nlink", b"U+1")
        self.clean(work=None)
        self.mends("own", "on what the index does not have")
        self.extra = ",index=on"
        self.copied("f")
        self.clean()
        good = self.record("u/f", "nlink")
        for bad in (b"U-2", b"U+9", b"L-5", b"L+4"):
            self.set_record("u/f", "nlink", bad)
            self.leaves("f", "links of the 1 that upper has")
        self.set_record("u/f", "nlink", b"L+0")
        self.clean()
        self.set_record("u/f", "nlink", good)
        self.clean()

    # M26: the root's origin is of the topmost lower.
    def test_another_topmost_lower(self):
        self.extra = ",index=on"
        self.copied("f")
        self.clean()
        self.clean(lowers=("l", "l2"))
        found = self.check(lowers=("l2", "l"), code=1)
        self.assertEqual([line[0] for line in found], ["."])
        self.assertIn("ESTALE", found[0][1])


class Work(CheckTest):
    def setUp(self):
        super().setUp()
        self.tree("kernel")  # makes w/work

    def test_temporaries(self):
        self.write("w/work/#1f", "half a file")
        self.mends("workdir work/#1f", "left by a mount that was cut off")
        os.makedirs(self.path("w/work/#a"))
        self.whiteout("w/work/#a/x")
        self.mends("workdir work/#a", "the next mount deletes it")
        # The kernel cleans two levels and then mounts read-only; M14.
        os.makedirs(self.path("w/work/#b/c/d/e"))
        self.write("w/work/#b/c/d/e/f", "x")
        self.up("kernel")
        self.assertEqual(tried(os.mkdir, self.path("m/d")), "EROFS")
        self.umount()
        self.mends("workdir work/#b", "the kernel, which does not clean so deep, would mount read-only")
        self.up("kernel")
        os.mkdir(self.path("m/d"))
        self.umount()
        for entry in os.listdir(self.path("w/work")):
            os.unlink(self.path("w/work", entry))
        self.assertEqual(os.listdir(self.path("w/work")), [])
        self.whiteout("w/work/#2")
        self.clean("--repair")
        self.assertEqual(os.listdir(self.path("w/work")), ["#2"])

    def test_what_is_no_temporary(self):
        self.write("w/mine", "x")
        self.clean()
        self.write("w/work/thesis", "x")
        self.leaves("workdir work/thesis", "the next mount deletes it")
        os.rename(self.path("w/work/thesis"), self.path("w/work/incompat"))
        self.leaves("workdir work/incompat", "is no temporary")

    def test_volatile_marks(self):
        self.up("kernel", ",volatile")
        self.write("m/new", "x")
        self.umount()
        self.leaves("workdir work/incompat/volatile", "may be missing or torn")
        shutil.rmtree(self.path("w/work/incompat"))
        os.makedirs(self.path("w/work/incompat/later"))
        self.leaves("workdir work/incompat/later", "a feature unknown here")

    def test_the_index(self):
        os.link(self.path("l/f"), self.path("l/g"))
        self.up("kernel", ",index=on")
        self.write("m/f", "x")
        self.umount()
        self.assertEqual(len(os.listdir(self.path("w/index"))), 1)
        self.clean()
        self.write("w/index/#7", "x")
        self.mends("workdir index/#7", "was left by a mount")
        name = os.listdir(self.path("w/index"))[0]
        shouted = name[:6] + name[6:].upper()
        for name in ("notes", "00fb", "abc", shouted):
            self.write("w/index/" + name, "x")
            self.leaves("workdir index/" + name, "(EINVAL)")
            os.unlink(self.path("w/index", name))
        os.mkdir(self.path("w/index/notes"))
        mounted = subprocess.run(["mount", "-t", "overlay", "overlay", "-o", self.stack(",index=on"), self.path("m")],
                                 check=False, stderr=subprocess.DEVNULL)
        self.assertNotEqual(mounted.returncode, 0)

    def test_who_may_not_read_it(self):
        os.chmod(self.dir, 0o755)
        for name in ("u", "w", "w/work"):
            os.chown(self.path(name), 1000, 1000)
        copy = self.path("plyctl")
        shutil.copy(PLYCTL, copy)
        args = [copy, "check", self.path("u"), "--workdir", self.path("w")]
        done = subprocess.run([*args, "--userxattr"], check=False, text=True, user=1000, group=1000, extra_groups=[],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        self.assertIn('workdir "work": cannot be read: Permission denied', done.stdout)
        os.chmod(self.path("w/work"), 0o700)
        done = subprocess.run([*args, "--userxattr"], check=False, text=True, user=1000, group=1000, extra_groups=[],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        done = subprocess.run(args, check=False, text=True, user=1000, group=1000, extra_groups=[],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, r"\Aplyctl: check: .*: trusted\.overlay\.\* records show to root only; .*\n\Z")


class Cut(CheckTest):
    """Trees that a mount has not finished: copies of a live one's, and a filesystem whose state is cut."""

    def check_cut(self, kind, extra):
        before = self.tree("kernel", extra)
        found = self.check("--repair")
        self.assertEqual([line for line in found if line[2] not in ("note", "mended")], [])
        self.clean()
        self.assertEqual(self.tree("kernel", extra), before, kind)
        self.assertEqual(self.tree("plyfs", extra), before, kind)
        return found

    # upper and work are copied while the kernel works, once after each of a few thousand changes.
    def test_copies_of_a_live_mount(self):
        for round, kind in enumerate(("kernel", "plyfs")):
            scratch, self.dir = self.dir, self.path(f"round{round}")
            for name in ("", "l", "u", "w", "m"):
                os.mkdir(self.path(name))
            self.write("l/f", "lower")
            self.fill_lowers()
            self.up(kind, ",redirect_dir=on")
            self.work_on(True)
            # Cut amid an operation: what stands in work/ while it goes on.
            subprocess.run(["cp", "-a", self.path("u"), self.path("u2")], check=True)
            subprocess.run(["cp", "-a", self.path("w"), self.path("w2")], check=True)
            self.umount()
            for name in ("u", "w"):
                shutil.rmtree(self.path(name))
                os.rename(self.path(name + "2"), self.path(name))
            self.write("w/work/#3", "a copy that was not finished")
            os.makedirs(self.path("w/work/#4/in"))
            self.write("w/work/#4/in/x", "x")
            found = self.check_cut(kind, ",redirect_dir=on")
            self.dir = scratch
            # The rest of work the kernel has cleaned.
            self.assertEqual([line[0] for line in found], ["workdir work/#4"])

    # The image is copied while a mount works in it: what is there amid its operations.
    def test_an_image_cut_under_a_live_mount(self):
        for kind in ("kernel", "plyfs"):
            for cut in range(3):
                with self.subTest(kind=kind, cut=cut):
                    self.cut_image(kind, cut)

    def cut_image(self, kind, cut):
        scratch = self.dir
        name = f"{kind}{cut}"
        self.loop(name, ["mkfs.ext4", "-q"])
        image, self.dir = self.path(name + ".img"), self.path(name)
        try:
            for directory in ("l", "u", "w", "m"):
                os.mkdir(self.path(directory))
            self.fill_lowers()
            self.write("l/f", "lower")
            self.up(kind, ",redirect_dir=on")
            busy = subprocess.Popen(["sh", "-c", """i=0; while [ ! -e ../stop ]; do i=$((i+1))
                echo $i >>dir/a; mv dir d2; mv d2 dir; rm -rf gone; mkdir gone; echo $i >gone/f$((i%7))
                chmod 6$((i%7))0 acl/x; ln -f out gone/in$((i%5)); mv moved/m moved/n; mv moved/n moved/m; done"""],
                                    cwd=self.path("m"), stderr=subprocess.DEVNULL)
            try:
                time.sleep(0.1 * (cut + 1))
                subprocess.run(["fsfreeze", "-f", self.dir], check=True)
                try:
                    shutil.copy(image, image + ".cut")
                finally:
                    subprocess.run(["fsfreeze", "-u", self.dir], check=True)
            finally:
                self.write("stop", "")
                busy.wait(timeout=60)
            self.umount()
        finally:
            self.dir = scratch
        # The daemon may hold its layers for a moment more.
        end = time.monotonic() + 10
        while subprocess.run(["umount", self.path(name)], check=False, stderr=subprocess.DEVNULL).returncode != 0:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)
        subprocess.run(["mount", "-o", "loop", image + ".cut", self.path(name)], check=True)
        try:
            self.dir = self.path(name)
            left = os.listdir(self.path("w/work"))
            found = self.check(code=None)
            told = {line[0] for line in found if line[2] == "--repair mends it"}
            self.assertLessEqual(told, {f"workdir work/{entry}" for entry in left}, found)
            self.check("--repair")
            self.clean()
            for entry in os.listdir(self.path("w/work")):
                self.assertTrue(stat.S_ISCHR(os.lstat(self.path("w/work", entry)).st_mode))
            shown = self.tree("kernel", ",redirect_dir=on")
            self.assertEqual([name for name, what in shown.items() if isinstance(what, str)], [])
            self.assertEqual(self.tree("plyfs", ",redirect_dir=on"), shown)
        finally:
            self.dir = scratch


class Use(CheckTest):
    def refuses(self, *args, naming):
        disk = self.on_disk()
        done = subprocess.run([PLYCTL, "check", *args], check=False, text=True, cwd=self.dir, timeout=60,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, r"\Aplyctl: check: [^\n]+; [^\n]+\n\Z", "no remedy, or not one line")
        self.assertIn(naming, done.stderr)
        self.assertEqual(self.on_disk(), disk)

    def test_live_mounts(self):
        self.up("plyfs")
        self.refuses("u", naming=f"u: in use by a mount (pid {self.daemon()}); unmount that first")
        self.refuses("--repair", "--lower", "l", "u", naming="in use")
        self.refuses("l2", "--workdir", "w", naming="w: in use by a mount")
        self.umount()
        self.up("kernel")
        for args in (["u"], ["u", "--repair"], ["u", "--workdir", "w", "--lower=l"]):
            self.refuses(*args, naming="u: in use by the kernel overlay mounted on " + self.path("m"))
        self.refuses("l2", "--workdir", "w", naming="w: in use by the kernel overlay")
        self.umount()
        self.clean()

    def test_bad_input(self):
        self.refuses(naming="no upper directory")
        self.refuses("u", "l", naming="l: one upper directory")
        self.refuses("u", "--fix", naming="--fix")
        self.refuses("u", "--lower", naming="--lower")
        self.refuses("u", "--lower", "l::", naming="--lower l::")
        self.refuses("u", "--workdir=", naming="--workdir=")
        self.refuses("nowhere", naming="nowhere: No such file or directory")
        self.refuses("l/f", naming="l/f: Not a directory")
        self.refuses("u", "--lower", "nowhere", naming="nowhere: no such directory")
        self.refuses("u", "--lower", "u", naming="is the upper directory too")
        self.refuses("u", "--lower", "l", "--lower", "l", naming="is there twice")
        self.refuses("u", "--workdir", "nowhere", naming="nowhere: No such file or directory")
        self.refuses("u", "--workdir", "/dev/shm", naming="/dev/shm: not on the same mount")
        self.refuses("u", "--workdir", "u", naming="u: overlaps with the upper directory")
        os.mkdir(self.path("u/inside"))
        self.refuses("u", "--workdir", "u/inside", naming="overlaps")
        self.refuses("u\n\x1b[2J", naming="u??[2J: No such file")

    def test_what_cannot_be_mended(self):
        self.loop("fs", ["mkfs.ext4", "-q"])
        for name in ("l", "u", "w"):
            os.mkdir(self.path("fs", name))
            shutil.rmtree(self.path(name))
            os.symlink("fs/" + name, self.path(name))
        os.mkdir(self.path("u/d"))
        self.set_record("u/d", "opaque", b"n")
        subprocess.run(["mount", "-o", "remount,ro", self.path("fs")], check=True)
        found = self.check("--repair", code=1)
        self.assertEqual([(line[0], line[2]) for line in found], [("d", "not mended")])
        subprocess.run(["mount", "-o", "remount,rw", self.path("fs")], check=True)
        self.mends("d", "opaque")


class Hostile(CheckTest):
    def test_names_are_quoted(self):
        name = 'a "b"\n\x1b[31m: \udcff'
        os.mkdir(self.path("u", name))
        os.setxattr(self.path("u", name), "trusted.overlay.opaque", b"\n")
        found = self.check(code=1)
        self.assertEqual([line[0] for line in found], ['a \\"b\\"\\n\\x1b[31m: \\xff'])
        self.assertIn('trusted.overlay.opaque "\\n" has', found[0][1])

    # A million components would take as long as they take; this is ten times what a path can have.
    def test_a_deep_tree(self):
        os.chdir(self.path("u"))
        try:
            for i in range(400):
                os.mkdir("d" * 120)
                os.chdir("d" * 120)
            os.mkdir("e")
            os.setxattr("e", "trusted.overlay.opaque", b"n")
            os.mkdir("e/below")
        finally:
            os.chdir("/")
        path = "/".join(["d" * 120] * 400 + ["e"])
        self.finds(path, "means nothing")
        self.assertIn("402 objects in 403 directories", self.figures)
        self.assertEqual([(line[0], line[2]) for line in self.check("--repair")], [(path, "mended")])
        self.clean()
        subprocess.run(["rm", "-rf", self.path("u")], check=True)

    # Neither what symlinks lead to nor what is mounted in upper is looked at.
    def test_ways_out(self):
        os.mkdir(self.path("l2/out"))
        self.set_record("l2/out", "opaque", b"n")
        os.symlink(self.path("l2/out"), self.path("u/link"))
        os.symlink("..", self.path("u/up"))
        os.mkfifo(self.path("u/fifo"))
        os.mkdir(self.path("u/loop"))
        self.write("u/f", "x")
        subprocess.run(["mount", "--bind", self.path("u"), self.path("u/loop")], check=True)
        self.set_record("l2/out", "redirect", b"/..")
        disk = self.on_disk()
        self.clean("--repair")
        self.assertIn("5 objects in 2 directories", self.figures)
        self.assertEqual(self.on_disk(), disk)
        # Without the privilege to look beneath it that is said.
        self.umount("u/loop")

    def test_a_mount_that_cannot_be_looked_beneath(self):
        os.mkdir(self.path("u/loop"))
        os.chmod(self.dir, 0o755)
        subprocess.run(["mount", "--bind", self.path("u"), self.path("u/loop")], check=True)
        copy = self.path("plyctl")
        shutil.copy(PLYCTL, copy)
        done = subprocess.run([copy, "check", self.path("u"), "--userxattr"], check=False, text=True, user=1000, group=1000,
                              extra_groups=[], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        self.assertIn('"loop": something is mounted here; what lies beneath was not checked', done.stdout)
        self.umount("u/loop")

    def test_the_largest_values(self):
        self.loop("big", ["mkfs.xfs", "-q"], size=320 << 20)
        shutil.rmtree(self.path("u"))
        os.mkdir(self.path("big/u"))
        os.symlink("big/u", self.path("u"))
        os.mkdir(self.path("u/d"))
        for record in ("redirect", "opaque", "origin", "impure", "protattr", "upper", "later"):
            self.set_record("u/d", record, b"/" * 65536)
        # More names than a list can hold.
        for i in range(340):
            os.setxattr(self.path("u/d"), "user." + "n" * 200 + str(i), b"x" * (60000 if i < 30 else 1))
        self.assertIn(tried(os.listxattr, self.path("u/d")), ("E2BIG", "ERANGE"))
        found = self.check("--repair", lowers=("l",), work=None)
        self.assertEqual({line[2] for line in found}, {"mended", "note"})
        self.assertTrue(all(len(line[1]) < 300 for line in found), found)
        self.clean(work=None)


class Random(CheckTest):
    """Upper directories full of records of any value on objects of any kind."""
    ROUNDS = int(os.environ.get("PLYFS_CHECK_ROUNDS", "25"))

    def lay(self, dice):
        """Directories, files, whiteouts and so on of few names, in upper and two lowers, with records in upper."""
        handles = [self.record("w/seed/" + name, "origin") for name in ("f", "d")]
        values = {
            "opaque": [b"y", b"x", b"n", b"", b"yy"], "impure": [b"y", b"", b"n"], "nlink": [b"U+1", b"L-1", b"U", b""],
            "redirect": [b"a", b"b", b"/a", b"/a/b", b"/b/a", b"/..", b"..", b"/a//b", b"", b"a/b", b"b\0", b"/nowhere"],
            "origin": [b"", b"junk", *handles], "metacopy": [b"", b"x"], "protattr": [b"a", b"", b"zz"],
            "whiteout": [b"", b"y"], "uuid": [bytes(16), b"u"], "upper": [handles[1]], "later": [b"1"]}
        records = {}
        for layer in ("u", "l", "l2"):
            dirs = [layer]
            while dirs:
                here = dirs.pop()
                for name in dice.sample(["a", "b", "c", "d", "e"], dice.randrange(1, 5)):
                    path = f"{here}/{name}"
                    kind = dice.randrange(10)
                    if kind < 5 and path.count("/") < 4:
                        os.mkdir(self.path(path))
                        dirs.append(path)
                    elif kind < 7:
                        self.write(path, dice.choice(["", "of " + layer]))
                    elif kind == 7:
                        os.symlink("a", self.path(path))
                    elif kind == 8:
                        self.whiteout(path)
                    else:
                        os.mkfifo(self.path(path))
                    if layer == "u":
                        for record in dice.sample(sorted(values), dice.choice([0, 0, 1, 1, 2, 3])):
                            value = dice.choice(values[record])
                            self.set_record(path, record, value)
                            records.setdefault(path[2:], []).append((record, value))
        return records

    def seen_by_the_kernel(self):
        """Type, mode and contents of what can be found, name by name."""
        self.up("kernel", ",redirect_dir=on")
        seen = {}
        for where, dirs, files in os.walk(self.path("m")):
            for name in dirs + files:
                path = os.path.join(where, name)
                st = tried(os.lstat, path)
                if not isinstance(st, str):
                    what = self.read(path) if stat.S_ISREG(st.st_mode) else None
                    seen[os.path.relpath(path, self.path("m"))] = (st.st_mode, what)
        self.umount()
        return seen

    def test_one_repair_mends_all_that_it_says(self):
        for name in ("seed", "seed/d"):
            os.mkdir(self.path("w", name))
        self.write("w/seed/f", "x")
        # Two handles, as copy-up writes them.
        os.mkdir(self.path("l/d"))
        self.up("kernel")
        for name in ("f", "d"):
            os.chmod(self.path("m", name), 0o700)
            self.set_record("w/seed/" + name, "origin", self.record("u/" + name, "origin"))
        self.umount()
        self.two_lowers()
        mended = 0
        for seed in range(self.ROUNDS):
            with self.subTest(seed=seed):
                for name in ("u", "l", "l2"):
                    shutil.rmtree(self.path(name))
                    os.mkdir(self.path(name))
                self.lay(random.Random(seed))
                lowers = (("l", "l2"), ("l",), ())[seed % 3]
                before = None
                if len(lowers) == 2:
                    self.seen_by_the_kernel()  # it writes records that it misses (L24), which change what it lists
                    before = self.seen_by_the_kernel()
                told = [line[:2] for line in self.check(lowers=lowers, code=None) if line[2] == "--repair mends it"]
                done = [line[:2] for line in self.check("--repair", lowers=lowers, code=None) if line[2] == "mended"]
                self.assertEqual(set(told) - set(done), set(), "said, but not done")
                left = [line for line in self.check(lowers=lowers, code=None) if line[2] not in ("note", "left as it is")]
                self.assertEqual(left, [])
                mended += len(done)
                if before is None:
                    continue
                after = self.seen_by_the_kernel()
                self.assertEqual({name: after.get(name) for name in before}, before)
        self.assertGreater(mended, 5 * self.ROUNDS)


if __name__ == "__main__":
    main()
