"""Conventions of other tools: to plyfs, as to the kernel, their names and xattrs are data (semantics.md section 9)."""
import os
import stat

from twin import TwinTest, main, tried


class OtherTools(TwinTest):
    # O1 O2: AUFS and OCI names hide nothing, and are listed and made like any others.
    def test_names_that_other_tools_take_for_whiteouts(self):
        def lay():
            self.write("l2/victim", "seen")
            self.write("l/.wh.victim", "")
            for directory in ("l", "l2"):
                os.mkdir(self.path(directory, "d"))
            self.write("l/d/.wh..wh..opq", "")
            self.write("l2/d/below", "x")

        def act():
            made = tried(self.write, "m/.wh.new", "mine")
            gone = tried(os.unlink, self.path("m/.wh.victim"))
            return (sorted(os.listdir(self.path("m"))), sorted(os.listdir(self.path("m/d"))), self.read("m/victim"),
                    made, gone, self.read("m/.wh.new"), os.statvfs(self.path("m")).f_namemax)
        self.two_lowers()
        names, merged, victim, made, gone, text, longest = self.on_both(lay, act)
        self.assertEqual(names, [".wh.new", "d", "f", "victim"])
        self.assertEqual(merged, [".wh..wh..opq", "below"])
        self.assertEqual((victim, made, gone, text, longest), ("seen", None, None, "mine", 255))

    # O2: its own opaque xattrs mean nothing without the option; they are listed.
    def test_opaque_xattrs_of_others(self):
        def lay():
            for name in ("user.overlay.opaque", "user.fuseoverlayfs.opaque"):
                for layer in ("l", "l2"):
                    os.mkdir(self.path(layer, name))
                os.setxattr(self.path("l", name), name, b"y")
                self.write(f"l2/{name}/below", "x")

        def act():
            return {name: (os.listdir(self.path("m", name)), os.listxattr(self.path("m", name)),
                           self.xattr(f"m/{name}", name)) for name in os.listdir(self.path("m")) if "." in name}
        self.two_lowers()
        for name, seen in self.on_both(lay, act).items():
            self.assertEqual(seen, (["below"], [name], b"y"))

    # O3 O8: an upper that fuse-overlayfs left: its whiteouts hide, what it adds shows as what it is.
    def test_an_upper_written_by_fuse_overlayfs(self):
        def lay():
            self.write("l/gone", "x")
            self.write("l/hidden", "x")
            os.mkdir(self.path("l/d"))
            self.write("l/d/below", "x")
            os.mknod(self.path("u/gone"), stat.S_IFCHR | 0o700, 0)
            self.write("u/.wh.hidden", "")
            os.mkdir(self.path("u/d"))
            self.set_record("u/d", "opaque", b"y")
            self.write("u/d/.wh..wh..opq", "")
            self.write("u/f", "copied")
            os.setxattr(self.path("u/f"), "user.fuseoverlayfs.origin", b"f\0")

        def act():
            return (sorted(os.listdir(self.path("m"))), os.listdir(self.path("m/d")), self.read("m/f"),
                    self.xattr("m/f", "user.fuseoverlayfs.origin"), os.listxattr(self.path("m/f")))
        self.assertEqual(self.on_both(lay, act),
                         ([".wh.hidden", "d", "f", "hidden"], [".wh..wh..opq"], "copied", b"f\0",
                          ["user.fuseoverlayfs.origin"]))


if __name__ == "__main__":
    main()
