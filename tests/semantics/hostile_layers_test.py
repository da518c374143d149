"""A stack made to lead root out of its layers, walked as root: what lies outside is never shown.

rules: L13 U8
"""
import os
import stat
import threading
import time
import unittest

from harness import CliTest

CANARY = b"what lies outside of every layer"
REDIRECTS = ("/../outside", "/..", "..", "../outside", "/x/../../outside", "/link", "/link/secret", "link", "/dir/link",
             "/dir/link/secret", "/", "", "//outside", "a/b", "/outside\0/x", "/" + "a" * 300, "/" + "b/" * 1400)


def attempt(act, *args, **kwargs):
    try:
        return act(*args, **kwargs)
    except OSError:
        return None


class HostileLayers(CliTest):
    def setUp(self):
        super().setUp()
        os.mkdir(self.path("outside"))
        with open(self.path("outside/secret"), "wb") as file:
            file.write(CANARY)
        os.mkdir(self.path("l/dir"))
        for place in ("l/link", "l/dir/link", "l2/absolute"):
            os.symlink(self.path("outside"), self.path(place))
        os.symlink("../outside", self.path("l2/relative"))
        os.symlink("../outside", self.path("l/merged"))  # a directory in one layer, a way out in the other
        os.mkdir(self.path("l2/merged"))
        os.mkdir(self.path("l2/link"))
        self.write("l2/link/kept", "kept")

    def mount_all(self, extra):
        lowers = f"{self.path('l')}:{self.path('l2')}"
        self.mount(f"lowerdir={lowers},upperdir={self.path('u')},workdir={self.path('w')},redirect_dir=on{extra}")

    def read_all(self, where):
        """Reads all that a walk finds, without following what the tree says are symlinks; gives how many files."""
        files = 0
        for at, dirs, names in os.walk(where, onerror=lambda _: None):
            for name in dirs + names:
                path = os.path.join(at, name)
                st = attempt(os.lstat, path)
                if st is None or stat.S_ISLNK(st.st_mode):
                    attempt(os.readlink, path)
                    continue
                for xattr in attempt(os.listxattr, path) or ():
                    attempt(os.getxattr, path, xattr)
                if not stat.S_ISREG(st.st_mode):
                    continue
                fd = attempt(os.open, path, os.O_RDONLY | os.O_NOFOLLOW)
                if fd is None:
                    continue
                self.assertNotIn(CANARY, attempt(os.read, fd, 1 << 20) or b"", path)
                os.close(fd)
                files += 1
        return files

    def read_inside(self, path):
        """What the mount has there, no symlink of it followed: the daemon alone could go astray."""
        at = os.open(self.path("m"), os.O_PATH)
        for name in path[:-1]:
            below = attempt(os.open, name, os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY, dir_fd=at)
            os.close(at)
            if below is None:
                return None
            at = below
        fd = attempt(os.open, path[-1], os.O_RDWR | os.O_NOFOLLOW, dir_fd=at)
        os.close(at)
        if fd is None:
            return None
        data = attempt(os.read, fd, 100)
        os.close(fd)
        return data

    def test_redirects_that_lead_out(self):
        for i, target in enumerate(REDIRECTS):
            for layer in ("l", "u"):
                path = self.path(layer, f"redirect{i}")
                os.mkdir(path)
                os.setxattr(path, "trusted.overlay.redirect", target.encode())
                file = self.path(layer, f"meta{i}")
                open(file, "wb").close()
                os.truncate(file, len(CANARY))
                os.setxattr(file, "trusted.overlay.metacopy", b"")
                os.setxattr(file, "trusted.overlay.redirect", (target + "/secret").encode())
        for extra in ("", ",lower=frozen"):
            with self.subTest(extra=extra):
                self.mount_all(extra)
                self.assertGreater(self.read_all(self.path("m")), 0)
                for i in range(len(REDIRECTS)):
                    self.assertIsNone(attempt(os.stat, self.path("m", f"redirect{i}", "secret")), REDIRECTS[i])
                self.umount()

    def test_nodes_names_and_attributes_of_strangers(self):
        os.mknod(self.path("l/null"), 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        os.mknod(self.path("l/whiteout"), stat.S_IFCHR, 0)
        self.write("l/setuid", "setuid")
        os.chown(self.path("l/setuid"), 1000, 1000)
        os.chmod(self.path("l/setuid"), 0o6755)
        for name in (b"\xff" * 255, b"new\nline", b"\x1b[31m", "ü".encode() * 127, b" ", b"-rf"):
            with open(os.fsencode(self.path("l")) + b"/" + name, "wb") as file:
                file.write(name)
        os.setxattr(self.path("l/f"), "trusted.overlay.opaque", b"y" * 1000)
        os.setxattr(self.path("l/dir"), "trusted.overlay.origin", os.urandom(200))
        os.setxattr(self.path("l/dir"), "trusted.overlay.impure", b"")
        self.mount_all("")
        self.assertGreater(self.read_all(self.path("m")), 6)
        for name in (b"\xff" * 255, b"new\nline", b"-rf"):
            path = os.fsencode(self.path("m")) + b"/" + name
            with open(path, "r+b") as file:
                self.assertEqual(file.read(), name)
                file.write(b"more")
            self.assertEqual(os.stat(os.fsencode(self.path("u")) + b"/" + name).st_size, len(name) + 4)
        st = os.lstat(self.path("m/setuid"))
        self.assertEqual((st.st_uid, stat.S_IMODE(st.st_mode)), (1000, 0o6755))
        # Changed by a stranger to it, it keeps its owner and loses both bits.
        pid = os.fork()
        if pid == 0:
            os.setresuid(65534, 65534, 65534)
            os._exit(attempt(os.open, self.path("m/setuid"), os.O_WRONLY) is not None)
        self.assertEqual(os.waitpid(pid, 0)[1], 0)

    def test_a_directory_that_becomes_a_way_out_while_it_is_walked(self):
        for name in ("flip", "flip/deep", "spare"):
            os.mkdir(self.path("l", name))
        self.write("l/flip/deep/secret", "inside")
        os.symlink(self.path("outside"), self.path("l/way-out"))
        os.mkdir(self.path("outside/deep"))
        with open(self.path("outside/deep/secret"), "wb") as file:
            file.write(CANARY)
        self.mount_all("")
        done = threading.Event()

        def flip():
            while not done.is_set():
                for one, other in (("flip", "spare"), ("way-out", "flip"), ("flip", "way-out"), ("spare", "flip")):
                    attempt(os.rename, self.path("l", one), self.path("l", other + ".new"))
                    attempt(os.rename, self.path("l", other + ".new"), self.path("l", other))

        thread = threading.Thread(target=flip)
        thread.start()
        try:
            until = time.monotonic() + 3
            while time.monotonic() < until:
                for path in (("flip", "deep", "secret"), ("way-out", "deep", "secret"), ("flip", "secret")):
                    self.assertNotEqual(self.read_inside(path), CANARY, path)
        finally:
            done.set()
            thread.join()
        with open(self.path("outside/deep/secret"), "rb") as file:
            self.assertEqual(file.read(), CANARY)


if __name__ == "__main__":
    unittest.main()
