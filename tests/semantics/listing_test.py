"""Listings as clients read them (semantics.md section 3)."""
import os
import time

from twin import TwinTest, entries, listing, main, tried


class Listings(TwinTest):
    def names(self, fd):
        return sorted(name for name, _, _, _ in listing(fd))

    # D3: one layer's directory, whole and in pieces of every size, with offsets that may be gone back to.
    def test_a_directory_of_one_layer(self):
        os.mkdir(self.path("l/d"))
        for i in range(300):
            self.write(f"l/d/{i}", "")
        self.up()
        fd = self.open("m/d")
        expected = sorted(str(i) for i in range(300))
        whole = listing(fd)
        self.assertEqual(sorted(name for name, _, _, _ in whole), expected)
        os.lseek(fd, 0, os.SEEK_SET)
        self.assertEqual(listing(fd, 64), whole)
        offsets = [offset for _, offset, _, _ in whole]
        self.assertEqual(len(set(offsets)), 300)
        for at in (0, 1, 150, 298):
            os.lseek(fd, offsets[at], os.SEEK_SET)
            self.assertEqual(listing(fd), whole[at + 1:])

    # D2: the same order at each open without a change, each name once, the dots too.
    def test_order_is_stable(self):
        for layer in ("l", "l2"):
            os.mkdir(self.path(layer, "d"))
            for i in range(0, 200, 1 if layer == "l" else 3):
                self.write(f"{layer}/d/{layer}{i % 150}", "")
        self.two_lowers()
        self.up()
        first, second = (entries(self.open("m/d"), 1 << 20) for _ in range(2))
        self.assertEqual(first, second)
        names = [name for name, _, _, _ in first]
        self.assertEqual(len(names), len(set(names)))
        self.assertLessEqual({".", ".."}, set(names))
        real = set(os.listdir(self.path("l/d"))) | set(os.listdir(self.path("l2/d")))
        self.assertEqual(set(names), real | {".", ".."})

    # S13: the longest name, and one that is longer than any layer takes.
    def test_the_longest_names(self):
        longest = "n" * 255

        def lay():
            self.write("l/" + longest, "x")

        def act():
            return (self.read("m/" + longest), sorted(os.listdir(self.path("m"))),
                    tried(os.stat, self.path("m", longest + "n")), tried(os.mkdir, self.path("m", longest + "n")),
                    tried(os.rename, self.path("m/f"), self.path("m", "o" * 255)), os.listdir(self.path("u")).sort())
        self.assertEqual(self.on_both(lay, act)[2:5], ("ENAMETOOLONG", "ENAMETOOLONG", None))

    # D5: what is done by hand while somebody holds the directory open shows to the next open and to a rewind.
    def test_every_open_and_every_rewind_lists_afresh(self):
        self.up()
        held = self.open("m")
        self.assertEqual(self.names(held), ["f"])
        self.write("l/by_hand", "x")
        until = time.monotonic() + 5
        while "by_hand" not in os.listdir(self.path("m")) and time.monotonic() < until:
            time.sleep(0.01)
        self.assertEqual(sorted(os.listdir(self.path("m"))), ["by_hand", "f"])
        self.assertEqual(self.names(held), [])
        os.lseek(held, 0, os.SEEK_SET)
        self.assertEqual(self.names(held), ["by_hand", "f"])
        self.write("m/by_mount", "x")
        os.lseek(held, 0, os.SEEK_SET)
        self.assertEqual(self.names(held), ["by_hand", "by_mount", "f"])

    # D8: an open stream ends as it began, though the directory goes to upper.
    def test_copy_up_under_an_open_stream(self):
        def lay():
            os.mkdir(self.path("l/d"))
            for i in range(500):
                self.write(f"l/d/{i}", "")

        def act():
            fd = self.open("m/d")
            seen = [name for name, _, _, _ in entries(fd, 1024)]
            self.write("m/d/new", "x")
            seen += self.names(fd)
            os.lseek(fd, 0, os.SEEK_SET)
            return sorted(seen), self.names(fd)
        first, second = self.on_both(lay, act)
        self.assertEqual(len(first), 502)  # with the dots
        self.assertNotIn("new", first)
        self.assertIn("new", second)
        self.assertEqual(len(second), 501)

    # D12: a filesystem that keeps no types in its directories.
    def test_layers_without_types(self):
        self.loop("plain", ["mkfs.ext4", "-q", "-O", "^filetype"])
        for name in ("l", "u", "w"):
            os.mkdir(self.path("plain", name))
        os.mkdir(self.path("plain/l/dir"))
        self.write("plain/l/file", "x")
        os.symlink("file", self.path("plain/l/link"))
        os.mkfifo(self.path("plain/l/fifo"))
        self.write("l2/hidden", "x")
        self.whiteout("plain/l/hidden")
        kinds = {entry[3] for entry in listing(self.open("plain/l"))}
        self.assertEqual(kinds, {0}, "the layer was to tell no types")
        self.mount(f"lowerdir={self.dir}/plain/l:{self.dir}/l2,upperdir={self.dir}/plain/u,workdir={self.dir}/plain/w")
        self.write("m/made", "x")
        os.unlink(self.path("m/file"))
        found = {name: kind for name, _, _, kind in listing(self.open("m"))}
        self.assertEqual(found, {"dir": 4, "link": 10, "fifo": 1, "g": 8, "made": 8})
        self.assertEqual(tried(os.stat, self.path("m/hidden")), "ENOENT")

    # D13: `ls -l` of a directory with whiteouts: each name with the attributes that a lookup gives.
    def test_listings_prime_what_lookups_would_say(self):
        os.mkdir(self.path("l/d"))
        for i in range(20):
            self.write(f"l/d/{i}", "x" * i)
        os.mkdir(self.path("u/d"))
        self.whiteout("u/d/7")
        self.write("u/d/8", "upper")
        self.up()
        with os.scandir(self.path("m/d")) as found:
            primed = {entry.name: entry.stat() for entry in found}
        self.assertEqual(tried(os.stat, self.path("m/d/7")), "ENOENT")
        self.again()
        for name, attributes in primed.items():
            fresh = os.stat(self.path("m/d", name))
            for field in ("st_mode", "st_ino", "st_nlink", "st_uid", "st_size", "st_mtime_ns", "st_ctime_ns"):
                self.assertEqual(getattr(attributes, field), getattr(fresh, field), (name, field))
        self.assertEqual(len(primed), 19)

    # D14: where the kernel cannot read on, or at all, plyfs lists what else there is, and what is refused.
    def test_refused_names_are_listed(self):
        os.mkdir(self.path("l/merged"))
        self.write("l/merged/low", "x")
        for folder in ("merged", "pure"):
            os.mkdir(self.path("u", folder))
            for name in ("a", "b", "refused", "z"):
                self.write(f"u/{folder}/{name}", "x")
            os.setxattr(self.path("u", folder, "refused"), "trusted.overlay.metacopy", b"")
            os.setxattr(self.path("u", folder), "trusted.overlay.impure", b"y")
            os.mkdir(self.path("u", folder, "only"))
            self.write(f"u/{folder}/only/refused", "x")
            os.setxattr(self.path("u", folder, "only/refused"), "trusted.overlay.metacopy", b"")
        self.up()
        for folder, below in (("merged", ["low"]), ("pure", [])):
            self.assertEqual(sorted(os.listdir(self.path("m", folder))), sorted(["a", "b", "only", "refused", "z"] + below))
            self.assertEqual(tried(os.stat, self.path("m", folder, "refused")), "EPERM")
            self.assertEqual(tried(os.rmdir, self.path("m", folder, "only")), "ENOTEMPTY")


if __name__ == "__main__":
    main()
