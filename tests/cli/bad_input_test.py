#!/usr/bin/python3
"""What the command line refuses: exit 1, one line that names the option, nothing mounted.

rules: M4 M12 M18 M23, "Errors for bad paths" of semantics section 1; the drop-in contract's checks 30, 31, 40.
"""
import os
import subprocess
import unittest

from harness import BIN, CliTest


class BadPaths(CliTest):
    """The table of semantics section 1."""

    def bad(self, options, naming, point="m"):
        return self.refused(["-o", options, point], naming)

    def test_no_lower(self):
        self.bad("upperdir=u,workdir=w", "lowerdir")
        self.bad("lowerdir=,upperdir=u,workdir=w", "lowerdir")

    def test_missing(self):
        self.bad("lowerdir=l:none", "lowerdir=")
        self.bad("lowerdir=l,upperdir=none,workdir=w", "upperdir=")
        self.bad("lowerdir=l,upperdir=u,workdir=none", "workdir=")
        self.bad("lowerdir=l::none", "none")
        self.bad("lowerdir=@none", "lowerdir=@none")
        self.bad("@none", "@none")

    def test_not_a_directory(self):
        self.bad("lowerdir=l/f", "lowerdir=")
        self.bad("lowerdir=l,upperdir=l/f,workdir=w", "upperdir=")
        self.bad("lowerdir=l,upperdir=u,workdir=l/f", "workdir=")

    def test_upper_and_work_belong_together(self):
        self.bad("lowerdir=l,upperdir=,workdir=w", "upperdir=")
        self.assertIn("workdir=", self.bad("lowerdir=l,upperdir=u", "upperdir="))
        self.mount("lowerdir=l,workdir=none")  # work alone is ignored

    def test_upper_and_work_overlap(self):
        os.mkdir(self.path("u", "in"))
        os.mkdir(self.path("w", "in"))
        self.bad("lowerdir=l,upperdir=u,workdir=u", "workdir=")
        self.bad("lowerdir=l,upperdir=u,workdir=u/in", "workdir=")
        self.bad("lowerdir=l,upperdir=w/in,workdir=w", "workdir=")

    def test_work_elsewhere(self):
        os.mkdir(self.path("bind"))
        subprocess.run(["mount", "--bind", self.path("w"), self.path("bind")], check=True)
        self.bad("lowerdir=l,upperdir=u,workdir=bind", "workdir=")
        subprocess.run(["mount", "-t", "tmpfs", "none", self.path("bind")], check=True)
        self.bad("lowerdir=l,upperdir=u,workdir=bind", "workdir=")

    def test_upper_read_only(self):
        os.mkdir(self.path("ro"))
        subprocess.run(["mount", "-t", "tmpfs", "none", self.path("ro")], check=True)
        os.mkdir(self.path("ro", "u"))
        os.mkdir(self.path("ro", "w"))
        subprocess.run(["mount", "-o", "remount,ro", self.path("ro")], check=True)
        self.bad("lowerdir=l,upperdir=ro/u,workdir=ro/w", "dir=")

    def test_layers_overlap(self):
        os.makedirs(self.path("l", "in"))
        os.makedirs(self.path("u", "in"))
        os.makedirs(self.path("w", "in"))
        self.bad("lowerdir=l:l", "lowerdir=")
        self.bad("lowerdir=l:./l2/../l", "lowerdir=")
        self.bad("lowerdir=l:l/in", "lowerdir=")
        self.bad("lowerdir=l/in:l", "lowerdir=")
        self.bad("lowerdir=u,upperdir=u,workdir=w", "lowerdir=")
        self.bad("lowerdir=w,upperdir=u,workdir=w", "lowerdir=")
        self.bad("lowerdir=u/in,upperdir=u,workdir=w", "lowerdir=")
        self.bad("lowerdir=w/in,upperdir=u,workdir=w", "lowerdir=")

    def test_upper_and_work_inside_a_lower_are_fine(self):
        os.makedirs(self.path("l", "in", "u"))
        os.makedirs(self.path("l", "in", "w"))
        self.mount("lowerdir=l,upperdir=l/in/u,workdir=l/in/w")

    def test_colons(self):
        for value in (":l", "l:", "l:::l2", "l::l2:l", "::l"):
            self.bad(f"lowerdir={value}", "lowerdir=")
        self.bad("lowerdir=l,lowerdir+=l2", "lowerdir+=")
        self.bad("lowerdir=l://p/d/x", "lowerdir=")

    def test_mountpoint(self):
        self.bad("lowerdir=l", "none", point="none")
        self.bad("lowerdir=l", "l/f", point="l/f")
        self.refused(["-o", "lowerdir=l"], "mountpoint")
        self.refused(["-o", "lowerdir=l", ""], "mountpoint: empty")
        self.refused(["overlay", "", "-o", "lowerdir=l"], "mountpoint: empty")
        self.refused([], "mountpoint")

    def test_more_layers_than_descriptors(self):
        for i in range(100):
            os.makedirs(self.path("s", str(i)))
        self.write("list", "".join(f"s/{i}\n" for i in range(100)))
        self.refused(["--nofile=64:64", BIN, "-o", "lowerdir=@list,upperdir=u,workdir=w", "m"], "limit of open files",
                     program="prlimit")

    def test_one_line_whatever_the_path(self):
        line = self.bad("lowerdir=no\nsuch\x1b[31m", "lowerdir=")
        self.assertNotIn("\x1b", line)

    def test_work_of_a_volatile_mount(self):
        self.mount(self.stack(",volatile"))
        self.umount()
        self.assertTrue(os.path.isdir(self.path("w", "work", "incompat", "volatile")))
        self.bad(self.stack(), "incompat")

    def test_upper_in_use(self):
        """Check 40; M18."""
        self.mount(self.stack())
        os.mkdir(self.path("m2"))
        self.bad(self.stack(), "in use", point="m2")
        self.umount()
        self.mount(self.stack(), point="m2")


class BadOptions(CliTest):
    def bad(self, extra, naming=None):
        return self.refused(["-o", f"lowerdir=l,{extra}", "m"], naming or extra)

    def test_values(self):
        for extra in ("uidmapping=0:1", "gidmapping=0:x:1", "uidmapping=0:0:9:5:100:9", "timeout=abc", "timeout=-1",
                      "xino=bad", "redirect_dir=maybe", "fsync=ordered", "uuid=x", "threads=0", "memory=lots",
                      "squash_to_uid=-1", "volatile=1", "userxattr=on", "timeout", "transport=tcp", "io_uring=maybe", "wh=yes",
                      "xattr_permissions=3", "noxattrs=2", "lower=live"):
            with self.subTest(extra):
                self.bad(extra)

    def test_not_yet(self):
        for extra in ("xattr_permissions=2", "verity=on", "verity=require"):
            with self.subTest(extra):
                self.bad(extra)
        for extra in ("index=on", "nfs_export=on", "metacopy=on"):
            with self.subTest(extra):
                self.refused(["-o", self.stack("," + extra), "m"], extra)

    def test_conflicts(self):
        for extra in ("metacopy=on,redirect_dir=nofollow", "userxattr,redirect_dir=on", "userxattr,metacopy=on",
                      "nfs_export=on,index=off"):
            with self.subTest(extra):
                self.bad(extra, extra.split(",", maxsplit=1)[0])

    def test_typo_of_ours(self):
        """Check 30."""
        self.assertIn("lowerdir=", self.refused(["-o", "lowrdir=x", "m"], "lowrdir=x").split("mean", 1)[1])
        self.bad("upperdr=x", "upperdir=")

    def test_strict(self):
        self.bad("bogus,strict", "bogus")
        self.refused(["--strict", "-o", "lowerdir=l,bogus", "m"], "bogus")

    def test_words(self):
        self.refused(["--bogus", "-o", "lowerdir=l", "m"], "--bogus")
        self.refused(["-x", "-o", "lowerdir=l", "m"], "-x")
        self.refused(["-o", "lowerdir=l", "a", "b", "m"], "m")
        self.refused(["m", "-o"], "-o")

    def test_remount_of_nothing(self):
        self.refused(["-o", "remount,ro", "m"], "remount")


if __name__ == "__main__":
    unittest.main()
