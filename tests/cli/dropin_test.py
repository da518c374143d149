#!/usr/bin/python3
"""Further checks of the drop-in contract that need no container tools, and shapes of the command line.

rules: M6 M8 S6 S7 A6 O1 T-g; the drop-in contract's sections 1.1, 1.5, 2.1, 2.3 and its checks 26, 32, 35, 45-47.
"""
import ctypes
import os
import select
import socket
import subprocess
import time
import unittest

from harness import BIN, SLOWER, CliTest

LIBC = ctypes.CDLL(None, use_errno=True)
IN_ALL = 0xFFF & ~0x1 & ~0x20 & ~0x10  # but for reading, opening and closing what was read


class Checks(CliTest):
    def test_35_nothing_is_written_after_unmount(self):
        """Not by the daemon that ends either: every directory of upper and work is watched."""
        self.mount(self.stack())
        os.makedirs(self.path("m/d/e"))
        self.write("m/d/e/x", "x")
        held = os.open(self.path("m/d/e/x"), os.O_RDWR)
        os.unlink(self.path("m/d/e/x"))
        os.close(held)
        pid = self.daemon()
        inotify = LIBC.inotify_init1(0)
        self.umount()
        for top in ("u", "w"):
            for where, _, _ in os.walk(self.path(top)):
                self.assertGreater(LIBC.inotify_add_watch(inotify, os.fsencode(where), IN_ALL), 0)
        self.await_end(pid)
        ready, _, _ = select.select([inotify], [], [], 0.3)
        self.assertFalse(ready and os.read(inotify, 4096))
        os.close(inotify)

    def test_45_records_of_the_overlay_are_not_shown(self):
        os.makedirs(self.path("l/d/e"))
        for name in ("trusted.overlay.opaque", "user.fuseoverlayfs.x", "user.overlay.redirect"):
            os.setxattr(self.path("l2/g"), name, b"y")
        self.mount("lowerdir=l:l2,upperdir=u,workdir=w,redirect_dir=on")
        os.rename(self.path("m/d"), self.path("m/d2"))
        os.chmod(self.path("m/f"), 0o600)
        for where, dirs, files in os.walk(self.path("m")):
            for name in dirs + files:
                shown = os.listxattr(os.path.join(where, name))
                self.assertFalse([x for x in shown if x.startswith("trusted.overlay.")], name)
        # The other family, and other tools' words, are data (O5).
        self.assertEqual(sorted(os.listxattr(self.path("m/g"))), ["user.fuseoverlayfs.x", "user.overlay.redirect"])

    def test_46_names_like_whiteouts_of_others_are_ordinary(self):
        self.write("l/.wh.g", "")
        self.mount("lowerdir=l:l2,upperdir=u,workdir=w,wh=off")
        self.write("m/.wh.x", "data")
        self.assertEqual(sorted(os.listdir(self.path("m"))), [".wh.g", ".wh.x", "f", "g"])

    def test_46_names_like_whiteouts_of_others_cannot_be_made_where_they_are_read(self):
        self.write("l/.wh.g", "")
        self.mount("lowerdir=l:l2,upperdir=u,workdir=w,wh=on")
        with self.assertRaisesRegex(OSError, "Invalid argument"):
            self.write("m/.wh.x", "data")
        self.assertEqual(sorted(os.listdir(self.path("m"))), ["f"])

    def test_7_deletions_as_containers_storage_unpacks_them(self):
        """O5: wh=auto, by a file that only we may have written above a layer; by its symlink too."""
        os.makedirs(self.path("store/overlay/l"))
        for layer in ("top", "base"):
            os.makedirs(self.path("store/overlay", layer, "diff/d"))
            os.symlink(f"../{layer}/diff", self.path("store/overlay/l", layer.upper()))
        self.write("store/overlay/top/diff/d/.wh..wh..opq", "")
        self.write("store/overlay/top/diff/.wh.gone", "")
        self.write("store/overlay/base/diff/d/below", "")
        self.write("store/overlay/base/diff/gone", "")
        said = "store/overlay/.has-mount-program"

        def seen(options, **kwargs):
            self.mount(options + ",upperdir=u,workdir=w", **kwargs)
            names = {os.path.relpath(os.path.join(where, name), self.path("m"))
                     for where, dirs, files in os.walk(self.path("m")) for name in dirs + files}
            self.umount()
            return names
        by_id = "lowerdir=store/overlay/top/diff:store/overlay/base/diff"
        by_link = "lowerdir=store/overlay/l/TOP:store/overlay/l/BASE"
        as_data = {"d", "d/.wh..wh..opq", "d/below", ".wh.gone", "gone"}
        self.assertEqual(seen(by_id), as_data)
        self.write(said, "true")
        self.assertEqual(seen(by_id), {"d"})
        self.assertEqual(seen(by_link), {"d"})
        self.assertEqual(seen(by_id + ",wh=off"), as_data)
        os.chmod(self.path(said), 0o666)
        self.assertEqual(seen(by_id), as_data)
        os.chmod(self.path(said), 0o644)
        os.chown(self.path(said), 1234, -1)
        self.assertEqual(seen(by_id), as_data)
        self.write(said, "false")
        os.chown(self.path(said), 0, -1)
        self.assertEqual(seen(by_id), as_data)
        os.unlink(self.path(said))
        os.symlink(BIN, self.path("fuse-overlayfs"))
        self.assertEqual(seen(by_id, program=self.path("fuse-overlayfs")), {"d"})

    def test_47_links_are_one_object(self):
        numbers = set()

        def look(count):
            for name in ("f", "g"):
                st = os.stat(self.path("m", name))
                numbers.add(st.st_ino)
                self.assertEqual(st.st_nlink, count)
        numbers.add(os.stat(self.path("l/f")).st_ino)
        self.mount(self.stack())
        os.link(self.path("m/f"), self.path("m/g"))
        look(2)
        self.write("m/g", "changed")
        look(2)
        self.umount()
        self.mount(self.stack())
        look(2)
        self.assertEqual(self.read("m/f"), "changed")
        self.assertEqual(len(numbers), 1, numbers)

    def test_26_fstab(self):
        os.mkdir(self.path("u x"))
        self.write("fstab", f"overlay {self.dir}/m fuse.plyfs lowerdir={self.dir}/l,upperdir={self.dir}/u\\040x,"
                   f"workdir={self.dir}/w,noauto,nofail,x-systemd.requires-mounts-for=/,allow_other 0 0\n")
        os.mkdir(self.path("bin"))
        os.symlink(BIN, self.path("bin/mount.fuse.plyfs"))
        script = f"""mount -t overlay none -o lowerdir={self.dir}/bin:/usr/sbin /usr/sbin
            mount -T {self.dir}/fstab {self.dir}/m && touch {self.dir}/m/made && umount {self.dir}/m"""
        done = subprocess.run(["unshare", "-m", "sh", "-ec", script], check=False, text=True, capture_output=True)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))
        self.assertTrue(os.path.exists(self.path("u x/made")))


class Shapes(CliTest):
    def test_a_connection_that_the_caller_has_mounted(self):
        """1.1: mount.fuse3 -o drop_privileges passes /dev/fd/N."""
        fd = os.open("/dev/fuse", os.O_RDWR)
        options = f"fd={fd},rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions"
        self.assertEqual(LIBC.mount(b"mine", os.fsencode(self.path("m")), b"fuse.plyfs", 0, options.encode()), 0)
        done = self.run_plyfs("-o", f"lowerdir={self.dir}/l", f"/dev/fd/{fd}", pass_fds=[fd])
        os.close(fd)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(self.read("m/f"), "lower")

    def test_a_descriptor_that_is_no_connection(self):
        with open(self.path("l/f"), encoding="utf-8") as file:
            self.refused(["-o", "lowerdir=l", f"/dev/fd/{file.fileno()}"], "/dev/fd/", pass_fds=[file.fileno()])
        self.refused(["-o", "lowerdir=l", "/dev/fd/77"], "/dev/fd/77")

    def test_lowers_from_a_descriptor_ended_by_nul(self):
        reader, writer = os.pipe()
        os.write(writer, b"l\0l2\0")
        os.close(writer)
        done = self.run_plyfs("-o", f"lowerdir=@{reader},lowerdir+=w", "m", pass_fds=[reader])
        os.close(reader)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(sorted(os.listdir(self.path("m"))), ["f", "g"])

    def test_names_in_a_list_are_taken_as_they_are(self):
        for name in ("#x", "a:b", "c,d", "e\\f", " g "):
            os.mkdir(self.path(name))
            self.write(f"{name}/in", name)
            self.write("list", name + "\n")
            self.mount("lowerdir=@list")
            self.assertEqual(self.read("m/in"), name)
            self.umount()

    def test_100000_lowers_parse_within_a_second(self):
        """1.5; the first of them is missing, so that nothing but parsing takes time.  The shortest of three."""
        self.write("list", "".join(f"/nonexistent/plyfs/{i}\n" for i in range(100_000)))
        took = []
        for _ in range(3):
            begun = time.monotonic()
            done = self.run_plyfs("-o", "lowerdir=@list", "m")
            took.append(time.monotonic() - begun)
            self.assertEqual(done.returncode, 1)
            self.assertEqual(len(done.stderr.splitlines()), 1)
            self.assertIn("/nonexistent/plyfs/0:", done.stderr)
        self.assertLess(min(took), 1 * SLOWER, took)

    def test_propagation(self):
        subprocess.run(["mount", "--bind", self.dir, self.dir], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", self.dir], check=False)
        subprocess.run(["mount", "--make-shared", self.dir], check=True)
        for word, expected in (("private", ""), ("shared", "shared:"), ("unbindable", "unbindable")):
            self.mount(f"lowerdir=l,{word}")
            with open("/proc/self/mountinfo", encoding="utf-8") as file:
                line = [line for line in file if f" {self.dir}/m " in line][-1]
            tags = line.split(" - ")[0].split(" ")[6:]
            self.assertEqual([tag.rstrip("0123456789") for tag in tags], [expected] if expected else [], word)
            self.umount()

    def test_auto_unmount_is_accepted(self):
        self.mount(self.stack(",auto_unmount"))
        pid = self.daemon()
        os.kill(pid, 15)
        self.await_end(pid)
        self.assertFalse(self.mounted())

    def test_help_goes_by_the_name(self):
        os.symlink(BIN, self.path("fuse-overlayfs"))
        done = self.run_plyfs("--help", program=self.path("fuse-overlayfs"))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertTrue(done.stdout.startswith("Usage: fuse-overlayfs "))


class LostOutput(CliTest):
    """2.3: a caller that throws stderr away finds the reason in the system's log."""

    def refused_with_syslog(self, redirection):
        log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(log.close)
        if os.path.lexists(self.path("log")):
            os.unlink(self.path("log"))
        log.bind(self.path("log"))
        log.settimeout(0.5)
        script = f"""mount -t tmpfs none /dev && mknod /dev/null c 1 3 && ln -s {self.dir}/log /dev/log
            "$0" -o lowerdir=none m {redirection}"""
        done = subprocess.run(["unshare", "-m", "sh", "-c", script, BIN], cwd=self.dir, check=False, capture_output=True)
        self.assertEqual(done.returncode, 1)
        try:
            return log.recv(4096).decode()
        except TimeoutError:
            return ""

    def test_where_stderr_is_thrown_away(self):
        self.assertRegex(self.refused_with_syslog("2>/dev/null"), r"plyfs\[\d+\]: lowerdir=.*none: .*; ")

    def test_not_where_it_is_a_pipe(self):
        self.assertEqual(self.refused_with_syslog("2>&1 | cat >/dev/null; exit 1"), "")

    def test_what_a_live_mount_has_to_say(self):
        log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(log.close)
        log.bind(self.path("log"))
        log.settimeout(5)
        script = f"""mount -t tmpfs none /dev && mknod /dev/null c 1 3 && mknod /dev/fuse c 10 229
            ln -s {self.dir}/log /dev/log
            "$0" -o lowerdir={self.dir}/l,transport=uring {self.dir}/m && umount {self.dir}/m"""
        done = subprocess.run(["unshare", "-m", "sh", "-ec", script, BIN], check=False, text=True, capture_output=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("transport=uring", log.recv(4096).decode())


if __name__ == "__main__":
    unittest.main()
