"""Records of the overlay's that layers hold, hostile ones too (semantics.md section 2)."""
import os

from twin import TwinTest, main, tried


class Records(TwinTest):
    # X6 A6: what is the overlay's own stays behind, what was escaped is data.
    def test_what_copy_up_takes_along(self):
        def lay():
            os.mkdir(self.path("l/d"))
            self.write("l/d/f", "x")
            self.set_record("l/d", "opaque", b"x")
            self.set_record("l/d", "overlay.kept", b"1")
            os.setxattr(self.path("l/d"), "user.overlay.kept", b"2")
            self.set_record("l/d/f", "nlink", b"U+1")
            self.set_record("l/d/f", "anything", b"private")
            self.set_record("l/d/f", "overlay.opaque", b"y")

        def act():
            os.chmod(self.path("m/d/f"), 0o600)
            return {path: {name: self.xattr(path, name) for name in os.listxattr(self.path(path))
                           if name != "trusted.overlay.origin"} for path in ("u/d", "u/d/f")}
        self.assertEqual(self.on_both(lay, act), {
            "u/d": {"trusted.overlay.overlay.kept": b"1", "user.overlay.kept": b"2", "trusted.overlay.impure": b"y"},
            "u/d/f": {"trusted.overlay.overlay.opaque": b"y"}})

    # L23 L21 L22: a value longer than its format means nothing, and none is too long to be read.
    def test_oversized_values(self):
        long = b"y" * 3000

        def lay():
            for directory in ("l/opaque", "l2/opaque", "u/impure", "l/impure"):
                os.mkdir(self.path(directory))
            self.write("l2/opaque/below", "x")
            self.write("u/impure/f", "x")
            for record in ("origin", "nlink", "protattr"):
                self.write(f"u/{record}", "own")
                self.set_record(f"u/{record}", record, long)
            self.set_record("l/opaque", "opaque", long)
            self.set_record("u/impure", "impure", long)
            self.set_record("u", "uuid", long)

        def act():
            for record in ("origin", "nlink", "protattr"):
                self.write(f"m/{record}", "written")
            return (sorted(os.listdir(self.path("m"))), os.listdir(self.path("m/opaque")),
                    os.listdir(self.path("m/impure")), self.read("u/origin"), os.stat(self.path("m/nlink")).st_nlink)

        self.two_lowers()
        names, opaque, impure, written, links = self.on_both(lay, act)
        self.assertEqual(names, ["f", "impure", "nlink", "opaque", "origin", "protattr"])
        self.assertEqual((opaque, impure, written, links), (["below"], ["f"], "written", 1))

    # L22 C2: an impure mark that means nothing does not stand for one.
    def test_a_malformed_impure_mark(self):
        def lay():
            for directory in ("l/d", "u/d"):
                os.mkdir(self.path(directory))
            self.write("l/d/f", "x")
            self.set_record("u/d", "impure", b"no")

        def act():
            os.chmod(self.path("m/d/f"), 0o600)
            return self.record("u/d", "impure")
        self.assertEqual(self.on_both(lay, act), b"y")

    # L23 L13: a redirect may be as long as xattrs are; its target does not exist.
    def test_the_longest_redirect(self):
        self.loop("big", ["mkfs.xfs", "-q"], size=320 << 20)
        for name in ("l", "l2"):
            os.mkdir(self.path("big", name))
        os.mkdir(self.path("big/l/d"))
        self.write("big/l/d/own", "x")
        os.setxattr(self.path("big/l/d"), "trusted.overlay.redirect", (b"/" + b"n" * 200) * 325)
        self.mount(f"lowerdir={self.dir}/big/l:{self.dir}/big/l2")
        self.assertEqual(os.listdir(self.path("m/d")), ["own"])

    # X5: hidden wherever the directory says that it holds some, the lowest and unmerged ones too; such a
    # directory is empty.  Elsewhere it is a name that leads nowhere.
    def test_xattr_whiteouts(self):
        for directory in ("alone", "elsewhere"):
            os.mkdir(self.path("l", directory))
            self.write(f"l/{directory}/w", "")
            self.set_record(f"l/{directory}/w", "whiteout", b"")
        self.set_record("l/alone", "opaque", b"x")
        self.write("l/elsewhere/not", "size")
        self.set_record("l/elsewhere/not", "whiteout", b"y")
        self.up()
        self.assertEqual(os.listdir(self.path("m/alone")), [])
        self.assertEqual(sorted(os.listdir(self.path("m/elsewhere"))), ["not", "w"])
        for directory in ("alone", "elsewhere"):
            self.assertEqual(tried(os.stat, self.path("m", directory, "w")), "ENOENT")
        self.assertEqual(self.read("m/elsewhere/not"), "size")
        os.rmdir(self.path("m/alone"))
        self.assertEqual(tried(os.rmdir, self.path("m/elsewhere")), "ENOTEMPTY")
        os.unlink(self.path("m/elsewhere/not"))
        os.rmdir(self.path("m/elsewhere"))
        # In upper too; and a directory may take its place.
        for directory in ("one", "two"):
            os.mkdir(self.path("m", directory))
            self.write(f"u/{directory}/w", "")
            self.set_record(f"u/{directory}/w", "whiteout", b"")
        os.mkdir(self.path("m/three"))
        os.rmdir(self.path("m/one"))
        os.rename(self.path("m/three"), self.path("m/two"))
        self.assertEqual(sorted(os.listdir(self.path("m"))), ["f", "two"])
        self.assertEqual(os.listdir(self.path("u/two")), [])

    # L20 L16: data in a layer that shows no names of its own.
    def test_data_only_layers(self):
        def lay():
            os.mkdir(self.path("l2/objects"))
            self.write("l2/objects/1", "the data")
            for name, target in (("whole", b"/objects/1"), ("missing", b"/objects/2"), ("relative", b"objects")):
                with open(self.path("l", name), "wb") as file:
                    file.truncate(8)
                self.set_record("l/" + name, "metacopy", b"")
                self.set_record("l/" + name, "redirect", target)

        def act():
            seen = [sorted(os.listdir(self.path("m"))), self.read("m/whole"), tried(os.stat, self.path("m/objects")),
                    os.stat(self.path("m/missing")).st_size]
            for name in ("missing", "relative"):
                seen += [tried(os.open, self.path("m", name), os.O_RDONLY), tried(os.chmod, self.path("m", name), 0o600)]
            with open(self.path("m/whole"), "a", encoding="utf-8") as file:
                file.write("+")
            return seen + [self.read("u/whole"), self.record("u/whole", "metacopy"), self.read("l2/objects/1")]
        above = self.stack
        self.stack = lambda extra="": above(extra).replace("/l,", f"/l::{self.dir}/l2,")
        seen = self.on_both(lay, act)
        self.assertEqual(seen[0], ["f", "missing", "relative", "whole"])
        self.assertEqual(seen[1:6], ["the data", "ENOENT", 8, "ENOENT", "ENOENT"])
        self.assertEqual(seen[-3:], ["the data+", "ENODATA", "the data"])


if __name__ == "__main__":
    main()
