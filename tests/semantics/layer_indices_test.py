"""Mounts with index_dir= over a real stack: the same tree with and without, no system call on the layers, and what
becomes of it when the files are damaged, foreign or hostile, also while clients read."""
import os
import re
import shutil
import signal
import subprocess
import threading
import time

from harness import BIN
from twin import TwinTest, main

PLYCTL = os.path.join(os.path.dirname(BIN), "plyctl")
LAYERS = 12


class LayerIndices(TwinTest):
    def setUp(self):
        super().setUp()
        self.layers = [self.path(f"layer{i}") for i in range(LAYERS)]
        for i, layer in enumerate(self.layers):
            os.makedirs(f"{layer}/d/sub")
            for name in (f"d/f{i}", "d/same", f"d/sub/x{i}"):
                self.write(f"layer{i}/{name}", f"{i}")
            os.symlink(f"f{i}", f"{layer}/d/link{i}")
        self.whiteout("layer2/d/gone")
        self.write("layer4/d/gone", "hidden")
        os.makedirs(self.path("layer3/opaque"))
        self.write("layer3/opaque/seen", "x")
        os.makedirs(self.path("layer5/opaque"))
        self.write("layer5/opaque/hidden", "x")
        os.setxattr(self.path("layer3/opaque"), "trusted.overlay.opaque", b"y")
        os.makedirs(self.path("layer1/moved"))
        os.setxattr(self.path("layer1/moved"), "trusted.overlay.redirect", b"/was/here")
        os.makedirs(self.path("layer6/was/here"))
        self.write("layer6/was/here/by_redirect", "x")
        os.makedirs(self.path("layer7/u"))
        os.setxattr(self.path("layer7/u"), "user.overlay.opaque", b"y")
        os.makedirs(self.path("layer8/u/below"))
        os.link(self.path("layer9/d/same"), self.path("layer9/d/linked"))
        os.setxattr(self.path("layer9/d/same"), "user.mine", b"value")
        os.chmod(self.path("layer9/d/f9"), 0o4711)
        os.chown(self.path("layer10/d/f10"), 12, 34)

    def index(self):
        subprocess.run([PLYCTL, "index", "--index-dir", self.path("i"), *self.layers], check=True,
                       stderr=subprocess.DEVNULL)

    def files(self):
        return sorted(self.path("i", name) for name in os.listdir(self.path("i")))

    def mount_stack(self, extra, indices=True, lines=0):
        options = f"lowerdir={':'.join(self.layers)},upperdir={self.dir}/u,workdir={self.dir}/w,{extra}"
        if indices:
            options += f",index_dir={self.dir}/i"
        if os.path.exists(self.path("log")):
            os.unlink(self.path("log"))
        self.mount(options, env={**os.environ, "PLYFS_LOG": self.path("log")})
        self.assertEqual(len(self.logged()), lines, self.logged())

    def logged(self):
        if not os.path.exists(self.path("log")):
            return []
        return [line for line in self.read("log").splitlines() if "index_dir" in line]

    def tree(self):
        found = {}
        for where, dirs, files in os.walk(self.path("m")):
            for path in [where] + [os.path.join(where, name) for name in dirs + files]:
                st = os.lstat(path)
                xattrs = [(name, os.getxattr(path, name, follow_symlinks=False))
                          for name in sorted(os.listxattr(path, follow_symlinks=False))]
                target = os.readlink(path) if os.path.islink(path) else None
                found[os.path.relpath(path, self.path("m"))] = (
                    st.st_mode, st.st_ino, st.st_nlink, st.st_uid, st.st_gid, st.st_size, st.st_blocks, st.st_mtime_ns,
                    st.st_ctime_ns, target, xattrs, self.content(path))
        return found

    def content(self, path):
        if not os.path.isfile(path) or os.path.islink(path):
            return None
        with open(path, "rb") as file:
            return file.read()

    def without(self, extra):
        self.mount_stack(extra, indices=False)
        tree = self.tree()
        self.umount()
        self.assertIn("moved/by_redirect" if "userxattr" not in extra else "u", tree)
        return tree

    def test_the_tree_is_the_same(self):
        self.index()
        for extra in ("lower=frozen", "lower=watch", "lower=frozen,memory=8K", "lower=frozen,merge_index=off",
                      "lower=frozen,userxattr", "lower=watch,userxattr"):
            with self.subTest(extra):
                expected = self.without(extra)
                self.mount_stack(extra)
                self.assertEqual(self.tree(), expected)
                self.assertEqual(self.logged(), [])
                self.umount()

    def calls_on_layers(self, act):
        """What strace sees of the daemon's system calls that name a layer or a descriptor of one."""
        trace = self.path("trace")
        strace = subprocess.Popen(["strace", "-f", "-y", "-o", trace, "-p", str(self.daemon())], text=True,
                                  stderr=subprocess.PIPE)
        self.addCleanup(strace.stderr.close)
        self.assertIn("attached", strace.stderr.readline())  # to all of its threads
        act()
        strace.send_signal(signal.SIGINT)
        strace.wait(10)
        with open(trace, encoding="utf-8", errors="replace") as file:
            return [line for line in file if re.search(r"<[^>]*/layer\d+[/>]", line)]

    def look(self):
        for where, dirs, files in os.walk(self.path("m")):
            for name in dirs + files:
                path = os.path.join(where, name)
                os.lstat(path)
                if os.path.islink(path):
                    os.readlink(path)
        for name in ("d/absent", "absent", "d/gone", "opaque/hidden"):
            self.assertFalse(os.path.lexists(self.path("m", name)), name)

    def test_frozen_asks_no_layer(self):
        self.index()
        self.mount_stack("lower=frozen")
        self.assertEqual(self.calls_on_layers(self.look), [])
        self.umount()
        # And that they would be seen.
        self.mount_stack("lower=frozen", indices=False)
        self.assertGreater(len(self.calls_on_layers(self.look)), LAYERS)

    def test_damaged_foreign_and_hostile_files(self):
        expected = self.without("lower=frozen")
        self.index()
        files = self.files()
        with open(files[0], "r+b") as file:
            file.truncate(os.path.getsize(files[0]) // 2)
        with open(files[1], "r+b") as file:
            file.seek(100)
            file.write(b"overwritten")
        shutil.copy(files[3], files[2])
        with open(files[4], "wb") as file:
            file.write(os.urandom(5000))
        os.unlink(files[5])
        os.mkfifo(files[5])
        os.unlink(files[6])
        os.symlink(files[7], files[6])
        os.chmod(files[8], 0o666)
        os.chown(files[9], 1000, 1000)
        self.mount_stack("lower=frozen", lines=8)
        self.assertEqual(self.tree(), expected)
        self.assertEqual(len(self.logged()), 8)

    # The header stays whole, so that the files are taken.
    def test_damage_that_shows_only_when_it_is_read(self):
        expected = self.without("lower=frozen")
        self.index()
        for file in self.files():
            with open(file, "r+b") as opened:
                opened.seek(540)
                opened.write(b"\xff")
        self.mount_stack("lower=frozen")
        self.assertEqual(self.tree(), expected)
        self.assertEqual(len(self.logged()), LAYERS)

    def test_truncated_and_overwritten_under_load(self):
        for i in range(60):
            for layer in self.layers[:6]:
                os.makedirs(f"{layer}/many/{i}")
                with open(f"{layer}/many/{i}/{os.path.basename(layer)}", "w", encoding="utf-8"):
                    pass
        expected = self.without("lower=frozen")
        self.index()
        # So little memory that the files are read again and again.
        self.mount_stack("lower=frozen,memory=100K")
        results = []
        threads = [threading.Thread(target=lambda: results.append(self.tree())) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number, file in enumerate(self.files()):
            time.sleep(0.005)
            if number % 2:
                os.truncate(file, 600)
            else:
                with open(file, "r+b") as opened:
                    opened.seek(520)
                    opened.write(os.urandom(3000))
        for thread in threads:
            thread.join()
        self.assertEqual(len(results), 4)
        for tree in results:
            self.assertEqual(tree, expected)
        subprocess.run(["mount", "-i", "-o", "remount", self.path("m")], check=True)
        self.assertEqual(self.tree(), expected)
        self.assertLessEqual(len(self.logged()), LAYERS)

    def test_frozen_refuses_an_index_older_than_the_root(self):
        self.index()
        self.write("layer0/new", "made later")
        self.mount_stack("lower=frozen", lines=1)
        self.assertTrue(os.path.exists(self.path("m/new")))

    def test_watch_sees_what_was_changed_since(self):
        for layer in self.layers:
            os.utime(f"{layer}/d", (1000, 1000))
        self.index()
        self.write("layer0/d/new", "made later")
        os.unlink(self.path("layer1/d/f1"))
        self.write("layer2/d/f2", "longer than it was")
        expected = self.without("lower=watch")
        self.mount_stack("lower=watch")
        self.assertEqual(self.tree(), expected)
        self.assertIn("d/new", expected)
        # And what is changed under the mount (U2).
        self.write("layer5/d/by_hand", "x")
        until = time.monotonic() + 5
        while "by_hand" not in os.listdir(self.path("m/d")) and time.monotonic() < until:
            time.sleep(0.01)
        self.assertIn("by_hand", os.listdir(self.path("m/d")))

    def test_a_folder_of_others(self):
        self.index()
        expected = self.without("lower=frozen")
        os.chmod(self.path("i"), 0o777)
        self.mount_stack("lower=frozen", lines=1)
        self.assertEqual(self.tree(), expected)

    def test_no_folder(self):
        self.refused(["-o", f"lowerdir={self.dir}/l,index_dir={self.dir}/none", "m"], "index_dir=")


if __name__ == "__main__":
    main()
