"""Records of the overlay's that layers hold, hostile ones too (semantics.md section 2)."""
import os

from twin import TwinTest, main


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

        above = self.stack
        self.stack = lambda extra="": above(extra).replace("/l,", f"/l:{self.dir}/l2,")
        names, opaque, impure, written, links = self.on_both(lay, act)
        self.assertEqual(names, ["f", "impure", "nlink", "opaque", "origin", "protattr"])
        self.assertEqual((opaque, impure, written, links), (["below"], ["f"], "written", 1))

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


if __name__ == "__main__":
    main()
