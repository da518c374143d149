#!/usr/bin/python3
"""Mounts that cannot be: upper in use, mountpoint busy, no device, no privilege.  Exit 1, one line of cause and
remedy, nothing mounted, nothing changed on disk (harness.refused looks).

rules: M12 M18 M20; the drop-in contract's checks 31, 40 and its sections 2.1, 2.3, 2.6, 3.5.
"""
import contextlib
import os
import subprocess
import tempfile
import unittest

from harness import BIN, MORE_OPTIONS, CliTest

HIDE_FUSE = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /dev && mknod /dev/null c 1 3 && exec "$0" "$@"']


# fusermount3 needs an /etc/mtab, which a Debian that nobody has booted yet lacks.
MTAB = """[ -e /etc/mtab ] || {
    mkdir /dev/etc /dev/etc.work
    mount -t overlay none -o lowerdir=/etc,upperdir=/dev/etc,workdir=/dev/etc.work /etc
    ln -s ../proc/self/mounts /etc/mtab
}"""


def fuse_mode(mode):
    """Runs what follows where /dev/fuse has that mode."""
    return ["unshare", "-m", "sh", "-ec", f"""
        mount -t tmpfs -o mode=755 none /dev
        mknod -m 666 /dev/null c 1 3
        mknod -m {mode} /dev/fuse c 10 229
        {MTAB}
        exec "$0" "$@" """]


NOBODY = 65534


def as_user(uid=NOBODY):
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]


class InUse(CliTest):
    def setUp(self):
        super().setUp()
        os.mkdir(self.path("m2"))

    def test_by_another_plyfs(self):
        """Check 40: after waiting for the holder to go, the line names it."""
        self.mount(self.stack())
        line = self.refused(["-o", self.stack(), "m2"], f"upperdir={self.dir}/u: in use")
        self.assertIn(f"pid {self.daemon()}", line)
        self.umount()
        self.mount(self.stack(), point="m2")

    def test_work_by_another_plyfs(self):
        os.mkdir(self.path("u2"))
        self.mount(self.stack())
        line = self.refused(["-o", f"lowerdir=l,upperdir=u2,workdir={self.dir}/w", "m2"], f"workdir={self.dir}/w: in use")
        self.assertIn(f"pid {self.daemon()}", line)

    def test_upper_as_work_of_another_plyfs(self):
        for name in ("u2", "w2"):
            os.mkdir(self.path(name))
        self.mount(self.stack())
        self.refused(["-o", f"lowerdir=l,upperdir={self.dir}/w,workdir=w2", "m2"], "upperdir=")
        self.refused(["-o", f"lowerdir=l,upperdir=u2,workdir={self.dir}/u", "m2"], "workdir=")

    def test_by_the_kernel(self):
        subprocess.run(["mount", "-t", "overlay", "none", "-o", self.stack(), self.path("m2")], check=True)
        line = self.refused(["-o", self.stack(), "m"], f"upperdir={self.dir}/u: in use")
        self.assertIn(f"{self.dir}/m2", line)
        os.mkdir(self.path("u2"))
        self.refused(["-o", f"lowerdir=l,upperdir=u2,workdir={self.dir}/w", "m"], f"workdir={self.dir}/w: in use")
        self.umount("m2")
        self.mount(self.stack())

    def test_by_the_kernel_under_a_name_with_odd_bytes(self):
        odd = 'a b,c:d\\e="f"'
        for name in ("u", "w"):
            os.makedirs(self.path(odd, name))
        written = self.path(odd).replace("\\", "\\\\").replace(",", "\\,").replace(":", "\\:")
        subprocess.run(["mount", "-t", "overlay", "none", "-o",
                        f"lowerdir={self.dir}/l,upperdir={written}/u,workdir={written}/w", self.path("m2")], check=True)
        self.refused(["-o", f"lowerdir=l,upperdir={written}/u,workdir={written}/w", "m"], "in use")


class Busy(CliTest):
    def test_another_plyfs_is_there(self):
        for name in ("u2", "w2"):
            os.mkdir(self.path(name))
        self.mount(self.stack())
        self.refused(["-o", "lowerdir=l2", "m"], f"mountpoint {self.dir}/m: ")
        self.refused(["-o", "lowerdir=l,upperdir=u2,workdir=w2", "m"], f"mountpoint {self.dir}/m: ")
        self.assertEqual(self.read("m/f"), "lower")

    def test_a_lower_of_ours_is_there(self):
        """Stacked on purpose: the mount below is a layer of the one above."""
        self.mount("lowerdir=l")
        self.mount("lowerdir=m:l2")
        self.assertEqual(sorted(os.listdir(self.path("m"))), ["f", "g"])
        self.umount()
        self.assertEqual(os.listdir(self.path("m")), ["f"])

    def test_other_filesystems_are_covered(self):
        subprocess.run(["mount", "-t", "tmpfs", "none", self.path("m")], check=True)
        self.mount("lowerdir=l")

    def test_a_dead_mount_is_there(self):
        self.mount(f"lowerdir={self.dir}/l")
        pid = self.daemon()
        os.kill(pid, 9)
        self.await_end(pid)
        self.assertIn("umount -l", self.refused(["-o", "lowerdir=l2", "m"], "mountpoint m: "))


class NoDevice(CliTest):
    def refused_without(self, options):
        return self.refused([*HIDE_FUSE[1:], BIN, "-o", options, self.path("m")], "/dev/fuse", program=HIDE_FUSE[0])

    def test_upper_and_work_stay_as_they_are(self):
        self.assertIn("modprobe fuse", self.refused_without(self.stack()))
        self.refused_without(self.stack(",volatile"))
        self.refused_without("lowerdir=l")

    def test_leftovers_of_an_earlier_mount_stay_too(self):
        self.mount(self.stack())
        self.umount()
        os.makedirs(self.path("w/work/#7/x/y"))
        self.refused_without(self.stack())



class NoPrivilege(CliTest):
    """By a user who may not mount.  The scratch directory and the program lie where he can reach them."""

    def setUp(self):
        super().setUp()
        self.bin = os.path.join(tempfile.mkdtemp(prefix="plyfs-cli-bin-"), "plyfs")
        self.addCleanup(subprocess.run, ["rm", "-rf", os.path.dirname(self.bin)], check=False)
        subprocess.run(["cp", BIN, self.bin], check=True)
        os.chmod(os.path.dirname(self.bin), 0o755)
        for name in ("", "l", "l2", "u", "w", "m"):
            os.chown(self.path(name), NOBODY, NOBODY)
            os.chmod(self.path(name), 0o755)

    def refused_to(self, runner, naming, options=None, **kwargs):
        runner = [*fuse_mode(666), *runner] if runner[0] != "unshare" else runner
        return self.refused([*runner[1:], self.bin, "-o", options or self.stack(), self.path("m")], naming,
                            program=runner[0], **kwargs)

    def run_as_user(self, script):
        """What a script prints that is run by the user: $1 is the program, $2 the options, $3 the mountpoint."""
        done = subprocess.run([*fuse_mode(666), *as_user(), "sh", "-ec", script, "sh", self.bin,
                               self.stack(",nodev,noatime,private" + MORE_OPTIONS), self.path("m")],
                              check=False, text=True, capture_output=True, timeout=30)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.splitlines()

    def test_user_without_fusermount3(self):
        line = self.refused_to([*as_user(), "env", "PATH=/nowhere"], "fusermount3")
        self.assertIn(self.path("m"), line)

    def test_user_whose_mountpoint_is_not_his(self):
        os.chown(self.path("m"), 0, 0)
        self.refused_to(as_user(), f"mountpoint {self.dir}/m: ")

    def test_user_and_what_only_root_may(self):
        self.refused_to(as_user(), "allow_other", self.stack(",allow_other"))
        self.refused_to(as_user(), "allow_root", self.stack(",allow_root"))

    def test_user_who_may_not_open_the_device(self):
        self.refused_to([*fuse_mode(600), *as_user()], "/dev/fuse: Permission denied")

    def test_root_without_the_capability(self):
        line = self.refused_to(["setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin"],
                               f"mountpoint {self.dir}/m: ")
        self.assertIn("CAP_SYS_ADMIN", line)

    def test_work_of_somebody_else(self):
        os.chown(self.path("w"), 0, 0)
        self.refused_to(as_user(), f"workdir={self.dir}/w: ")
        os.chmod(self.path("w"), 0o700)
        self.refused_to(as_user(), f"workdir={self.dir}/w: ")

    def test_user_through_fusermount3(self):
        found = self.run_as_user("""
            "$1" -o "$2" "$3"
            grep " $3 " /proc/self/mountinfo
            cd "$3"
            rm f && mkdir -p d/e && echo new >d/e/g && mv d/e/g d/h && rm -r d && mkdir d && ls
            cd /
            fusermount3 -u "$3" && "$1" -o "$2,volatile" "$3" && fusermount3 -u "$3"
            """)
        for word in ("nosuid", "nodev", "noatime", "fuse.plyfs", f"user_id={NOBODY}"):
            self.assertIn(word, found[0])
        self.assertEqual(found[1:], ["d"])
        self.assertEqual(os.lstat(self.path("u/f")).st_rdev, 0)
        self.assertTrue(os.path.exists(self.path("w/work/incompat/volatile/dirty")))
        self.refused_to(as_user(), "incompat")

    def test_user_told_to_end(self):
        self.assertEqual(self.run_as_user("""
            "$1" -o "$2" "$3"
            for p in /proc/[0-9]*; do [ "$(readlink $p/exe)" != "$1" ] || kill ${p#/proc/}; done
            while grep -q " $3 " /proc/self/mountinfo; do sleep 0.01; done
            ls "$3"
            """), [])

    def test_root_of_a_user_namespace(self):
        """3.5: mount(2) by itself, records in user.overlay.*."""
        os.makedirs(self.path("l/d"))
        self.write("l/d/x", "")
        os.chown(self.path("l/d"), NOBODY, NOBODY)
        os.chown(self.path("l/d/x"), NOBODY, NOBODY)
        script = """set -e
            PATH=/nowhere "$1" -o "$2" "$3"
            grep " $3 " /proc/self/mountinfo
            cd "$3" && rm -r d && mkdir d && echo y >d/y && ls d
            cd / && umount "$3"
            """
        done = subprocess.run([*fuse_mode(666), *as_user(), "unshare", "-Urm", "sh", "-c", script, "sh", self.bin, self.stack(MORE_OPTIONS),
                               self.path("m")], check=False, text=True, capture_output=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn(" - fuse.plyfs plyfs rw,user_id=0,", done.stdout.splitlines()[0])
        self.assertEqual(done.stdout.splitlines()[1:], ["y"])
        self.assertEqual(os.getxattr(self.path("u/d"), "user.overlay.opaque"), b"y")
        with contextlib.suppress(OSError):
            self.fail(os.getxattr(self.path("u/d"), "trusted.overlay.opaque"))

    def test_root_of_a_user_namespace_without_a_mount_namespace(self):
        line = self.refused_to([*fuse_mode(666), *as_user(), "unshare", "-Ur"], f"mountpoint {self.dir}/m: ")
        self.assertIn("CAP_SYS_ADMIN", line)

    def test_root_of_a_user_namespace_who_may_not_open_the_device(self):
        line = self.refused_to([*fuse_mode(600), *as_user(), "unshare", "-Urm"], "/dev/fuse: Permission denied")
        self.assertIn(f"mountpoint {self.dir}/m", line)


if __name__ == "__main__":
    unittest.main()
