#!/usr/bin/python3
"""What the command line accepts, on real mounts: escapes, quotes, lists, flags, personalities.

rules: M1 M2 M3 M5 M6 M7 M9; the drop-in contract's checks 17, 19-23, 25, 27-30, 32, 33.
"""
import os
import subprocess
import tempfile
import unittest

from harness import BIN, CliTest


class Escapes(CliTest):
    """Check 28: the right directory each time, as lower and as upper."""

    def as_lower(self, name, written):
        os.mkdir(self.path(name))
        self.write(os.path.join(name, "here"), name)
        self.mount(f"lowerdir={written}")
        self.assertEqual(self.read("m/here"), name)
        self.umount()

    def as_upper(self, name, written):
        os.makedirs(self.path(name), exist_ok=True)
        self.mount(f"lowerdir=l,upperdir={written},workdir=w")
        self.write("m/made", name)
        self.umount()
        self.assertTrue(os.path.exists(self.path(name, "made")))

    def test_colon(self):
        self.as_lower("c:d", r"c\:d")
        self.as_upper("c:d", r"c\:d")

    def test_bare_colon_in_upper(self):
        self.as_upper("c:d", "c:d")

    def test_colon_as_fuse_overlayfs_spells_it(self):
        self.as_lower("c:d", r"c\\:d")
        self.as_upper("c:d", r"c\\:d")

    def test_comma(self):
        self.as_lower("e,f", r"e\,f")
        self.as_upper("e,f", r"e\,f")

    def test_octal_comma_as_libfuse_reads_it(self):
        self.as_lower("e,f", r"e\054f")

    def test_backslash(self):
        self.as_lower("g\\h", r"g\\h")
        self.as_upper("g\\h", r"g\\h")

    def test_spaces_quotes_newlines_are_ordinary(self):
        self.as_lower('a "b"\nc', 'a "b"\nc')

    def test_slashes_and_dots(self):
        self.as_lower("s", "./s//")
        os.makedirs(self.path("deep", "inside"))
        os.mkdir(self.path("deep", "diff1"))
        self.write("deep/diff1/here", "diff1")
        os.mkdir(self.path("links"))
        os.symlink("../deep/inside", self.path("links", "LINK"))
        # Not lexically: that would be links/diff1.
        self.mount("lowerdir=links/LINK/../diff1")
        self.assertEqual(self.read("m/here"), "diff1")

    def test_overlay_volume_of_buildah(self):
        """Check 17: one backslash arrives, no standard stream is of use."""
        os.mkdir(self.path("a:b"))
        done = subprocess.run([BIN, "-o", rf"lowerdir={self.dir}/a\:b,upperdir={self.dir}/u,workdir={self.dir}/w,private",
                               self.path("m")], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False)
        self.assertEqual(done.returncode, 0)
        self.assertTrue(self.mounted())

    def test_quoted_context_first_middle_last(self):
        """Check 29."""
        context = 'context="a:b:c:s0:c1,c2"'
        for options in (f"{context},lowerdir=l,noexec", f"lowerdir=l,{context},noexec", f"noexec,lowerdir=l,{context}"):
            self.mount(options)
            self.assertIn("noexec", self.flags())
            self.umount()

    def test_empty_items(self):
        self.mount("lowerdir=l,upperdir=u,workdir=w,,noatime,")
        self.assertIn("noatime", self.flags())


class Layers(CliTest):
    def test_one_lower_is_read_only(self):
        self.mount("lowerdir=l")
        self.assertEqual(self.read("m/f"), "lower")
        with self.assertRaisesRegex(OSError, "Read-only"):
            self.write("m/x", "")

    def test_left_is_top(self):
        self.write("l2/f", "second")
        self.mount("lowerdir=l2:l")
        self.assertEqual(self.read("m/f"), "second")

    def test_last_value_wins(self):
        done = self.run_plyfs("-o", "lowerdir=l2", "-olowerdir=l", "m")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.read("m/f"), "lower")

    def test_repeatable_lowers(self):
        os.mkdir(self.path("x:y"))
        self.write("x:y/h", "colon")
        self.mount("lowerdir+=x:y,lowerdir+=l,lowerdir+=l2")
        self.assertEqual(sorted(os.listdir(self.path("m"))), ["f", "g", "h"])

    def test_read_only_view_of_an_upper(self):
        """Check 27."""
        self.mount(self.stack(",ro"))
        with self.assertRaisesRegex(OSError, "Read-only"):
            self.write("m/x", "")
        self.umount()
        self.assertEqual(os.listdir(self.path("u")), [])

    def test_five_thousand_lowers_from_a_file(self):
        """Check 32."""
        os.mkdir(self.path("many"))
        lines = []
        for i in range(5000):
            os.mkdir(self.path("many", str(i)))
            lines.append(f"many/{i}")
        self.write("many/0/top", "0")
        self.write("many/4999/bottom", "4999")
        self.write("list", "\n".join(lines) + "\n")
        self.mount("lowerdir=@list,upperdir=u,workdir=w")
        self.assertEqual(sorted(os.listdir(self.path("m"))), ["bottom", "top"])
        self.assertEqual(self.read("m/bottom"), "4999")

    def test_options_from_a_descriptor(self):
        with tempfile.TemporaryFile() as options:
            options.write(b"lowerdir+=l\0lowerdir+=l2\0noexec\0")
            options.seek(0)
            done = self.run_plyfs("-o", f"@{options.fileno()}", "m", pass_fds=[options.fileno()])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("noexec", self.flags())
        self.assertEqual(self.read("m/g"), "second")

    def test_longest_option_string(self):
        """Check 32: the longest that execve takes."""
        options = self.stack(",x-")
        options += "p" * (131071 - len(options))
        self.mount(options)
        self.umount()

    def test_lower_may_hold_the_mountpoint(self):
        os.mkdir(self.path("l", "m"))
        self.mount("lowerdir=l", point="l/m")
        self.assertEqual(self.read("l/m/f"), "lower")


class Words(CliTest):
    def test_shape_of_mount_fuse(self):
        done = self.run_plyfs("overlay", "m", "-o", "rw,lowerdir=l,x-gvfs-hide,nofail,noatime,defaults,dev,suid")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(self.type(), "fuse.plyfs")
        self.assertIn("noatime", self.flags())

    def test_empty_source(self):
        done = self.run_plyfs("", "m", "-o", "lowerdir=l")
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_unknown_options_are_warned_of(self):
        """Check 30."""
        done = self.mount("lowerdir=l,bogus,bogus2=3", warnings=2)
        self.assertIn("unknown argument ignored: bogus\n", done.stderr)
        self.assertIn("unknown argument ignored: bogus2=3\n", done.stderr)

    def test_mount_flags_last_wins(self):
        self.mount("lowerdir=l,nodev,nosuid,noexec,dev")
        self.assertTrue({"nosuid", "noexec"} <= self.flags())
        self.assertNotIn("nodev", self.flags())

    def test_names_shown(self):
        self.mount("lowerdir=l,fsname=some:where,subtype=kind")
        self.assertEqual(self.type(), "fuse.kind")
        with open("/proc/mounts", encoding="utf-8") as mounts:
            self.assertIn(f"some:where {self.dir}/m ", mounts.read())

    def test_remount(self):
        """Check 25, as mount(8) does it and by hand."""
        self.mount(self.stack(",nosuid"))
        for change, writable in (("ro", False), ("rw", True)):
            done = self.run_plyfs("-o", f"remount,{change},user_id=0,group_id=0,allow_other", "m")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("nosuid", self.flags())
            if writable:
                self.write("m/x", "x")
            else:
                with self.assertRaisesRegex(OSError, "Read-only"):
                    self.write("m/x", "x")

    def test_version_and_help_without_dev_fuse(self):
        """Check 33."""
        hide = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /dev && exec "$0" "$1"', BIN]
        for word in ("--version", "-V", "--help", "-h"):
            done = subprocess.run([*hide, word], check=False, text=True, capture_output=True)
            self.assertEqual((done.returncode, done.stderr), (0, ""), word)
            self.assertIn("plyfs", done.stdout.splitlines()[0])
        self.assertRegex(self.run_plyfs("-V").stdout,
                         r"\Aplyfs: version \d+\.\d+\.\d+\nFUSE library version \d+\..*\n"
                         r"using FUSE kernel interface version 7\.\d+\n\Z")


class Names(CliTest):
    """What the program's own name changes."""

    def setUp(self):
        super().setUp()
        os.mkdir(self.path("bin"))
        for name in ("fuse-overlayfs", "mount.plyfs", "mount.fuse.plyfs"):
            os.symlink(BIN, self.path("bin", name))

    def test_fuse_overlayfs(self):
        program = self.path("bin", "fuse-overlayfs")
        self.assertRegex(self.run_plyfs("--version", program=program).stdout,
                         r"\Afuse-overlayfs: version 1\.16 \(plyfs \d+\.\d+\.\d+\)\n")
        self.mount("lowerdir=l:l2:l:,upperdir=u,workdir=w,lowrdir=x", program=program, warnings=1)
        self.assertEqual(self.type(), "fuse.fuse-overlayfs")
        self.assertIn("noatime", self.flags())

    def test_helper_of_mount(self):
        program = self.path("bin", "mount.plyfs")
        args = ["overlay", "m", "-n", "-v", "-o", "rw,lowerdir=l", "-t", "plyfs"]
        done = self.run_plyfs("overlay", "m", "-f", "-o", "lowerdir=l", program=program)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertFalse(self.mounted(), "-f is fake")
        done = self.run_plyfs(*args, program=program)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertTrue(self.mounted())
        self.umount()
        self.refused(["overlay", "m", "-o", "rw,lowerdir=none"], "lowerdir=", code=32, program=program)
        self.refused(["overlay", "m", "--bogus"], "--bogus", code=1, program=program)

    @unittest.skipUnless(os.path.exists("/sbin/mount.fuse3"), "needs mount.fuse3")
    def test_mount_fuse3(self):
        """Checks 19, 21, 22: its output ends when it does."""
        env = dict(os.environ, PATH=self.path("bin") + ":" + os.environ["PATH"])
        done = subprocess.run(["mount.fuse3", "overlay", self.path("m"), "-o", f"workdir={self.dir}/w", "-o",
                               f"upperdir={self.dir}/u", "-o", f"lowerdir={self.dir}/l2:{self.dir}/l", "-t",
                               "fuse-overlayfs"], env=env, check=False, text=True, capture_output=True, timeout=20)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))
        self.assertEqual(self.type(), "fuse.fuse-overlayfs")
        kind = subprocess.run(["stat", "-fc", "%t", self.path("m")], check=True, text=True, capture_output=True)
        self.assertEqual(kind.stdout.strip(), "65735546")
        subprocess.run(["fusermount3", "-u", self.path("m")], check=True)
        self.assertFalse(self.mounted())

    def test_mount_8(self):
        """Checks 23-25: mount(8) finds its helpers in /sbin, where a private namespace has them."""
        script = f"""set -e
            mount -t overlay none -o lowerdir={self.dir}/bin:/usr/sbin /usr/sbin
            show() {{ findmnt -rno FSTYPE,OPTIONS {self.dir}/m; }}
            mount -t fuse.plyfs overlay {self.dir}/m -o {self.stack(",x-gvfs-hide,_netdev,nofail,noatime,defaults")}
            show
            mount -o remount,ro {self.dir}/m && show
            mount -o remount,rw {self.dir}/m && show
            umount {self.dir}/m
            mount -v -n -t plyfs none {self.dir}/m -o {self.stack()}
            show
            umount {self.dir}/m
            mount -t plyfs none {self.dir}/m -o lowerdir={self.dir}/none || echo code $?
            """
        done = subprocess.run(["unshare", "-m", "sh", "-c", script], check=False, text=True, capture_output=True,
                              timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        options = "user_id=0,group_id=0,default_permissions,allow_other"
        self.assertEqual(done.stdout.splitlines(), [
            f"fuse.plyfs rw,noatime,{options}", f"fuse.plyfs ro,noatime,{options}", f"fuse.plyfs rw,noatime,{options}",
            f"fuse.plyfs rw,relatime,{options}", "code 32"])
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertIn("lowerdir=", done.stderr)


if __name__ == "__main__":
    unittest.main()
