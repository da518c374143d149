"""Inode numbers and link counts (semantics.md section 4)."""
import os
import subprocess

from harness import FUSE_MINOR
from twin import TwinTest, main


class Numbers(TwinTest):
    def numbers(self):
        """path -> (device, number) of everything in the mount, listings included."""
        found = {}
        for folder, folders, files in os.walk(self.path("m")):
            for name in folders + files:
                path = os.path.join(folder, name)
                found[os.path.relpath(path, self.path("m"))] = os.lstat(path)
            with os.scandir(folder) as entries:
                for entry in entries:
                    self.assertEqual(entry.inode(), os.lstat(entry.path).st_ino, entry.path)
        return found

    # S4 S5 D10: layers of several filesystems with the same numbers: one device, each number once, for life.
    def test_numbers_of_several_filesystems(self):
        for name in ("one", "two"):
            self.loop(name, ["mkfs.ext4", "-q"], size=16 << 20)
            os.mkdir(self.path(name, "l"))
            os.mkdir(self.path(name, f"l/dir-{name}"))
            for i in range(5):
                self.write(f"{name}/l/{name}{i}", "x")
        stack = f"lowerdir={self.dir}/one/l:{self.dir}/two/l:{self.dir}/l,upperdir={self.dir}/u,workdir={self.dir}/w"
        same = os.stat(self.path("one/l/one0")).st_ino, os.stat(self.path("two/l/two0")).st_ino
        self.assertEqual(same[0], same[1], "the layers were to have the same numbers")
        self.mount(stack)
        first = self.numbers()
        self.assertEqual(len(first), 13)
        self.assertEqual(len({st.st_ino for st in first.values()}), 13)
        self.assertEqual(len({st.st_dev for st in first.values()}), 1)
        for name in first:
            os.chmod(self.path("m", name), 0o700)
        after = self.numbers()
        self.umount()
        self.mount(stack)
        again = self.numbers()
        for name, st in first.items():
            self.assertEqual((st.st_ino, st.st_ino), (after[name].st_ino, again[name].st_ino), name)
        self.assertEqual(sorted(os.listdir(self.path("u"))), sorted(first))

    # S1: on one filesystem the real numbers, of the topmost lower for merged directories.
    def test_numbers_on_one_filesystem(self):
        def lay():
            for layer in ("l", "l2", "u"):
                os.mkdir(self.path(layer, "d"))
            os.mkdir(self.path("u/own"))
            self.write("u/up", "x")

        def act():
            shown = {name: os.stat(self.path("m", name)).st_ino for name in ("f", "d", "own", "up")}
            real = {"f": "l/f", "d": "l/d", "own": "u/own", "up": "u/up"}
            os.chmod(self.path("m/f"), 0o600)
            return {name: number == os.stat(self.path(real[name])).st_ino for name, number in shown.items()}, (
                os.stat(self.path("m/f")).st_ino == shown["f"])
        self.two_lowers()
        self.assertEqual(self.on_both(lay, act), ({"f": True, "d": True, "own": True, "up": True}, True))

    # S7 S8: directories that are merged or copied up have one link, others what they have.
    def test_link_counts(self):
        def lay():
            for path in ("l/merged/a", "l2/merged/b", "l/single/a", "l/copied/a", "u/own/a", "u/upon/x", "l/upon/y"):
                os.makedirs(self.path(path))
            self.write("l/one", "x")
            for name in ("two", "three"):
                os.link(self.path("l/one"), self.path("l", name))

        def act():
            os.chmod(self.path("m/copied"), 0o700)
            seen = [os.stat(self.path("m", name)).st_nlink
                    for name in ("", "merged", "single", "copied", "own", "upon", "one")]
            os.unlink(self.path("m/two"))
            return seen + [os.stat(self.path("m", name)).st_nlink for name in ("one", "three")]
        self.two_lowers()
        self.assertEqual(self.on_both(lay, act), [1, 1, 3, 1, 3, 1, 3, 3, 3])

    # X1 X2 S6: the record of where a copy came from, byte for byte the kernel's.
    def test_origins_are_the_kernel_s(self):
        # Linux 6.1 tells ext4's UUID as on disk, and whoever changed it there has not changed the mounted one.
        here = None if FUSE_MINOR >= 40 else ["mkfs.ext4", "-q"]
        for filesystem in (here, ["mkfs.xfs", "-q"], ["mkfs.btrfs", "-q"]):
            with self.subTest(filesystem=filesystem):
                top = "plain"
                if filesystem:
                    top = filesystem[0]
                    self.loop(top, filesystem, size=320 << 20)
                for name in ("l", "m"):
                    os.makedirs(self.path(top, name))
                os.mkdir(self.path(top, "l/d"))
                self.write(f"{top}/l/f", "x")
                self.write(f"{top}/l/linked", "x")
                os.link(self.path(top, "l/linked"), self.path(top, "l/again"))
                os.symlink("f", self.path(top, "l/s"))
                found = {}
                for kind in ("kernel", "plyfs"):
                    for name in ("u", "w"):
                        subprocess.run(["rm", "-rf", self.path(top, name)], check=True)
                        os.mkdir(self.path(top, name))
                    above, self.dir = self.dir, self.path(top)
                    self.up(kind)
                    for name in ("d", "f", "s", "linked"):
                        os.chown(self.path("m", name), 1, 1, follow_symlinks=False)
                    self.umount()
                    found[kind] = {name: self.record("u/" + name, "origin") for name in ("d", "f", "s", "linked")}
                    self.dir = above
                self.assertEqual(found["kernel"], found["plyfs"])
                self.assertGreater(len(found["plyfs"]["f"]), 21)
                self.assertEqual(found["plyfs"]["linked"], "ENODATA")


if __name__ == "__main__":
    main()
