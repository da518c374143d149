"""Layers, upper and work as a mount finds and leaves them (semantics.md section 1)."""
import ctypes
import os
import stat
import subprocess

from harness import BIN
from twin import TwinTest, main, tried

CAP_DAC_READ_SEARCH = 2
PR_CAPBSET_DROP = 24


class Depth(TwinTest):
    DEPTH, NAME = 30, "d" * 200

    def at_depth(self, top, each=None, last=None):
        """Goes down, calling each(level) in every directory, and gives what last() does in the lowest."""
        os.chdir(self.path(top))
        try:
            for level in range(self.DEPTH):
                if each:
                    each(level)
                os.chdir(self.NAME)
            return last() if last else None
        finally:
            os.chdir("/")

    # rules: L6: layers are merged however deep they are, beyond what one path can name.
    def test_deeper_than_paths_are_long(self):
        def lay():
            for layer in ("l", "l2"):
                self.at_depth(layer, lambda level: os.mkdir(self.NAME), lambda layer=layer: self.write_here("of-" + layer))

        def act():
            def last():
                os.chmod("of-l2", 0o600)
                os.rename("of-l", "moved")
                self.write_here("new")
                return (sorted(os.listdir(".")), os.stat("of-l2").st_mode, tried(os.stat, "absent"))
            return (self.at_depth("m", None, last),
                    self.at_depth("u", None, lambda: sorted(os.listdir("."))))
        self.two_lowers()
        seen = self.on_both(lay, act)
        self.assertEqual(seen[0][0], ["moved", "new", "of-l2"])
        self.assertEqual(seen[1], ["moved", "new", "of-l", "of-l2"])
        for layer in ("l", "l2", "u"):
            subprocess.run(f"rm -rf {self.dir}/*/{layer}", shell=True, check=True)

    @staticmethod
    def write_here(name):
        with open(name, "w", encoding="utf-8") as file:
            file.write(name)


class Stacking(TwinTest):
    # rules: M11: an overlay is a lower like any other, at any depth, and never an upper.
    def test_overlays_beneath(self):
        self.up("kernel")
        os.mkdir(self.path("m2"))
        self.mount(f"lowerdir={self.dir}/m", "m2")
        os.mkdir(self.path("m3"))
        self.mount(f"lowerdir={self.dir}/m2:{self.dir}/l2", "m3")
        self.assertEqual(sorted(os.listdir(self.path("m3"))), ["f", "g"])
        self.assertEqual(self.read("m3/f"), "lower")
        for name in ("u2", "w2"):
            os.mkdir(self.path("m", name))
        os.mkdir(self.path("m4"))
        done = self.run_plyfs("-o", f"lowerdir={self.dir}/l2,upperdir={self.dir}/m/u2,workdir={self.dir}/m/w2",
                              self.path("m4"))
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"upperdir={self.dir}/m/u2", done.stderr)

    # M11: the kernel's overlay over plyfs, which writes nothing there.
    def test_the_kernel_above_plyfs(self):
        self.up()
        for name in ("u2", "w2", "m2"):
            os.mkdir(self.path(name))
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o",
                        f"lowerdir={self.dir}/m,upperdir={self.dir}/u2,workdir={self.dir}/w2", self.path("m2")],
                       check=True)
        self.write("m2/f", "changed")
        self.assertEqual((self.read("m/f"), self.read("u2/f")), ("lower", "changed"))

    # M10: what is mounted inside a layer is not seen, what it covers is; upper is a layer like the others.
    def test_submounts_are_looked_beneath(self):
        def lay():
            for path in ("l/d/sub", "u/d/sub", "u/own", "l/low"):
                os.makedirs(self.path(path))
                self.write(path + "/" + path.split("/")[0], "covered")
                subprocess.run(["mount", "-t", "tmpfs", "tmpfs", self.path(path)], check=True)
                self.write(path + "/mounted", "x")

        def act():
            seen = {path: sorted(os.listdir(self.path("m", path))) for path in ("d/sub", "own", "low")}
            for path in seen:
                self.write(f"m/{path}/new", "x")
            os.rename(self.path("m/own/u"), self.path("m/d/sub/moved"))
            os.unlink(self.path("m/low/l"))
            return seen, [sorted(os.listdir(self.path("m", path))) for path in seen], [
                os.path.exists(self.path(path, "new")) for path in ("l/d/sub", "u/d/sub", "u/own", "l/low")]
        seen, after, in_the_mounts = self.on_both(lay, act)
        self.assertEqual(seen, {"d/sub": ["l", "u"], "own": ["u"], "low": ["l"]})
        self.assertEqual(after, [["l", "moved", "new", "u"], ["new"], ["new"]])
        self.assertEqual(in_the_mounts, [False] * 4)

    # M21: those of U, else those of L1.
    def test_the_root_is_the_topmost_layer_s(self):
        os.chmod(self.path("l"), 0o751)
        os.chmod(self.path("u"), 0o715)
        os.chown(self.path("u"), 7, 8)
        self.up()
        root = os.stat(self.path("m"))
        self.assertEqual((stat.S_IMODE(root.st_mode), root.st_uid, root.st_gid), (0o715, 7, 8))
        self.assertEqual(tried(os.rmdir, self.path("m")), "EBUSY")
        self.umount()
        self.mount(f"lowerdir={self.dir}/l:{self.dir}/l2")
        self.assertEqual(stat.S_IMODE(os.stat(self.path("m")).st_mode), 0o751)
        self.assertEqual(tried(os.rmdir, self.path("m")), "EBUSY")


class UpperAndWork(TwinTest):
    # M16: whatever the name is, and for volatile mounts too.
    def test_incompatible_work_is_refused_until_it_is_cleared(self):
        os.makedirs(self.path("w/work/incompat/from_the_future"))
        for extra in ("", ",volatile"):
            line = self.refused(["-o", self.stack(extra), self.path("m")], f"workdir={self.dir}/w")
            self.assertIn("from_the_future", line)
        os.rmdir(self.path("w/work/incompat/from_the_future"))
        os.rmdir(self.path("w/work/incompat"))
        self.up()

    # M13 M14 M15: W/work is made, emptied however deep it is, and nothing else in W is touched.
    def test_work_is_emptied_at_mount(self):
        os.makedirs(self.path("w/work/a/b/c/d"))
        self.write("w/work/a/b/c/d/f", "x")
        os.mkdir(self.path("w/index"))
        self.write("w/junk", "mine")
        self.up()
        left = os.listdir(self.path("w/work"))
        self.assertTrue(all(name.startswith("#") and self.is_whiteout("w/work/" + name) for name in left), left)
        self.assertEqual(sorted(os.listdir(self.path("w"))), ["index", "junk", "work"])
        self.assertEqual(sorted(os.listdir(self.path("m"))), ["f"])
        self.write("m/f", "the mount is not read-only")
        self.umount()
        subprocess.run(["rm", "-rf", self.path("w/work")], check=True)
        self.up()
        made = os.stat(self.path("w/work"))
        self.assertEqual((stat.S_IMODE(made.st_mode), made.st_uid, made.st_gid), (0, 0, 0))

    def is_whiteout(self, path):
        st = os.lstat(self.path(path))
        return stat.S_ISCHR(st.st_mode) and st.st_rdev == 0

    # M17: nothing of ours in U or in W/index, and what stands there already stays.
    def test_no_name_of_plyfs_s_own_is_left(self):
        os.mkdir(self.path("w/index"))
        self.write("w/index/foreign", "x")
        os.mkdir(self.path("l/d"))
        self.up()
        self.write("m/f", "changed")
        self.write("m/new", "n")
        os.rmdir(self.path("m/d"))
        os.mkdir(self.path("m/d"))
        self.umount()
        self.assertEqual(sorted(os.listdir(self.path("u"))), ["d", "f", "new"])
        self.assertEqual(sorted(os.listdir(self.path("w"))), ["index", "work"])
        self.assertEqual(os.listdir(self.path("w/index")), ["foreign"])
        for name in os.listdir(self.path("w/work")):
            self.assertTrue(name.startswith("#"), name)
        os.unlink(self.path("w/index/foreign"))
        self.up("kernel", ",index=on")  # which any foreign name would forbid
        self.assertEqual(self.read("m/f"), "changed")

    # M28: the kernel's rule: made once, kept, and not where an overlay without one has been.
    def test_uuid_is_written_as_the_kernel_does(self):
        for extra, impure, written in (("", False, True), ("", True, False), (",uuid=on", True, True),
                                       (",uuid=null", False, False), (",uuid=off", False, False)):
            with self.subTest(extra=extra, impure=impure):
                found = {}
                for kind in ("kernel", "plyfs"):
                    os.rename(self.path("u"), self.path("u-" + os.urandom(4).hex()))
                    os.mkdir(self.path("u"))
                    if impure:
                        self.set_record("u", "impure", b"y")
                    self.up(kind, extra)
                    self.umount()
                    first = self.record("u", "uuid")
                    self.up(kind, extra)
                    self.umount()
                    self.assertEqual(self.record("u", "uuid"), first)
                    found[kind] = len(first) == 16 if isinstance(first, bytes) else first
                self.assertEqual(found, {kind: True if written else "ENODATA" for kind in found})

    # M30 N6: changes of lowers between mounts show, a directory made in the mount merges with one added later.
    def test_lowers_change_between_mounts(self):
        os.mkdir(self.path("l/d"))
        self.write("l/d/old", "1")
        self.write("l/gone", "x")
        self.up()
        os.mkdir(self.path("m/made"))
        self.write("m/d/mine", "2")
        self.umount()
        os.mkdir(self.path("l/made"))
        self.write("l/made/later", "3")
        os.unlink(self.path("l/gone"))
        os.rename(self.path("l/d/old"), self.path("l/d/new"))
        self.write("l/f", "rewritten")
        for kind in ("plyfs", "kernel"):
            self.up(kind)
            self.assertEqual(sorted(os.listdir(self.path("m"))), ["d", "f", "made"])
            self.assertEqual(sorted(os.listdir(self.path("m/d"))), ["mine", "new"])
            self.assertEqual(os.listdir(self.path("m/made")), ["later"])
            self.assertEqual(self.read("m/f"), "rewritten")
            self.umount()

    # M20: without privilege in the initial user namespace the records are user.overlay.*, and one line says so.
    def test_in_a_user_namespace(self):
        os.makedirs(self.path("l/d/sub"))
        self.write("l/d/x", "x")
        script = """
            "$0" -o "$1" m || exit 1
            rm -r m/d && mkdir m/d && echo new >m/d/new && chmod 600 m/f && rmdir m/d 2>/dev/null
            ls m/d && umount m"""
        done = subprocess.run(["unshare", "-Urm", "sh", "-c", script, BIN, self.stack()], cwd=self.dir, check=False,
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env=dict(os.environ, PLYFS_LOG=self.path("said")))
        self.assertEqual((done.returncode, done.stdout), (0, "new\n"))
        self.assertEqual(self.xattr("u/d", "user.overlay.opaque"), b"y")
        self.assertEqual(self.record("u/d", "opaque"), "ENODATA")
        self.assertEqual(self.xattr("u/f", "user.overlay.origin"), b"")  # X3
        self.assertEqual(self.read("said").count("userxattr taken"), 1)


class Origins(TwinTest):
    # X3: above an overlay, whose handles nobody can decode.
    def test_origin_is_empty_above_what_has_no_handles(self):
        found = {}
        for kind in ("kernel", "plyfs"):
            for name in ("u2", "w2", "m2", "u", "w"):
                subprocess.run(["rm", "-rf", self.path(name)], check=True)
                os.mkdir(self.path(name))
            self.up("kernel")
            options = f"lowerdir={self.dir}/m,upperdir={self.dir}/u2,workdir={self.dir}/w2"
            if kind == "kernel":
                subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, self.path("m2")], check=True)
            else:
                self.mount(options, "m2")
            os.chmod(self.path("m2/f"), 0o600)
            found[kind] = self.record("u2/f", "origin")
            self.umount("m2")
            self.umount("m", "-l")  # the daemon above may be dying still
        self.assertEqual(found, {"kernel": b"", "plyfs": b""})

    # X3: a daemon that may not open by handle.
    def test_origin_is_empty_without_the_capability(self):
        def drop():
            libc = ctypes.CDLL(None)
            assert libc.prctl(PR_CAPBSET_DROP, CAP_DAC_READ_SEARCH, 0, 0, 0) == 0
        self.write("l/h", "x")
        self.mount(self.stack(), preexec_fn=drop)
        os.chmod(self.path("m/f"), 0o600)
        self.assertEqual(self.record("u/f", "origin"), b"")
        self.again()
        os.chmod(self.path("m/h"), 0o600)
        self.assertGreater(len(self.record("u/h", "origin")), 21)
        self.assertEqual(self.read("m/f"), "lower")


if __name__ == "__main__":
    main()
