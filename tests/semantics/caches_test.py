"""What the client's kernel knows it does not ask again (design.md, promise 3; U2 says when it must)."""
import os
import subprocess
import time

from harness import BIN
from twin import TwinTest, main, tried

IGNORED = (" FORGET ", " BATCH_FORGET ", " INTERRUPT ")


class Caches(TwinTest):
    def serve(self, extra):
        """Mounts in the foreground, with every request in the file `log`."""
        with open(self.path("log"), "w", encoding="utf-8") as log:
            daemon = subprocess.Popen([BIN, "-f", "-o", self.stack(extra + ",debug"), self.path("m")], stdin=subprocess.DEVNULL,
                                      stdout=log, stderr=log)
        self.addCleanup(daemon.wait)
        self.addCleanup(daemon.kill)
        until = time.monotonic() + 20
        while not self.mounted() and time.monotonic() < until:
            time.sleep(0.01)
        self.assertTrue(self.mounted(), self.read("log"))
        os.stat(self.path("m"))

    def requests(self):
        """Requests that the daemon has answered so far."""
        return [line for line in self.read("log").splitlines() if "node=" in line and not any(i in line for i in IGNORED)]

    def asked(self, act):
        before = self.requests()
        act()
        return self.requests()[len(before):]

    def stat_all(self):
        for name in ("f", "d", "d/x", "d/y", "up", "link"):
            os.lstat(self.path("m", name))
        for name in ("absent", "d/absent"):
            self.assertEqual(tried(os.stat, self.path("m", name)), "ENOENT")

    def lay(self):
        os.mkdir(self.path("l/d"))
        for path in ("l/d/x", "l/d/y", "u/up"):
            self.write(path, "x")
        os.symlink("f", self.path("l/link"))

    def test_repeated_stats_and_absent_names(self):
        self.lay()
        for extra in (",lower=watch", ",lower=frozen"):
            with self.subTest(extra=extra):
                self.serve(extra)
                self.assertNotEqual(self.asked(self.stat_all), [], "the log tells nothing")
                for _ in range(20):
                    self.assertEqual(self.asked(self.stat_all), [])
                # Directories that were only looked up are not watched yet: asked once more, and then for an hour.
                time.sleep(1.5)
                self.stat_all()
                time.sleep(1.5)
                self.assertEqual(self.asked(self.stat_all), [])
                self.umount()

    def test_a_listing_answers_the_stats_after_it(self):
        """To who has shown that it looks at what it lists: here, in the root."""
        self.lay()
        self.serve(",lower=watch")

        def list_and_stat():
            for folder in ("m", "m/d"):
                with os.scandir(self.path(folder)) as entries:
                    for entry in entries:
                        entry.stat(follow_symlinks=False)
        first = self.asked(list_and_stat)
        self.assertTrue(any("READDIRPLUS" in line for line in first), first)
        lookups = [line for line in first if " LOOKUP " in line]
        self.assertEqual([line for line in lookups if "node=1 " not in line], [], first)
        self.assertTrue(any("name=\"up\"" in line for line in lookups), first)
        again = self.asked(list_and_stat)
        # Reading a directory moves its atime, and opendir(3) asks for that.
        asked = [line for line in again if " LOOKUP " in line or " GETATTR " in line and "node=1 " not in line]
        self.assertEqual(asked, [])

    def test_a_large_directory_that_is_read_to_its_end_first(self):
        for folder in ("d", "e"):
            os.mkdir(self.path("l", folder))
            for i in range(600):
                self.write(f"l/{folder}/f{i:03}", "")
        self.serve(",lower=watch")

        def list_then_stat():
            for folder in ("m/d", "m/e"):
                for name in os.listdir(self.path(folder)):
                    os.lstat(self.path(folder, name))
        asked = self.asked(list_then_stat)
        lookups = [line for line in asked if " LOOKUP " in line]
        # Of each file in the first directory, of the directories themselves, and of whoever shows its habits.
        self.assertLess(len(lookups), 620, lookups[-3:])
        self.assertEqual([line for line in asked if " READDIR " in line], [])

    def test_listings_are_kept_between_opens(self):
        self.lay()
        self.serve(",lower=watch")

        def names():
            self.assertEqual(sorted(os.listdir(self.path("m/d"))), self.want)
        self.want = ["x", "y"]
        self.assertTrue(any(" READDIR" in line for line in self.asked(names)))
        for _ in range(3):
            again = self.asked(names)
            self.assertTrue(any(" OPENDIR " in line for line in again), again)
            self.assertFalse(any(" READDIR" in line for line in again), again)
        os.rename(self.path("m/d/x"), self.path("m/d/z"))  # through the mount: at once
        self.want = ["y", "z"]
        names()
        names()
        self.write("l/d/hand", "x")  # by hand: within a second, and also where the client had cached it since
        os.unlink(self.path("l/d/y"))
        self.want = ["hand", "z"]
        until = time.monotonic() + 10
        while sorted(os.listdir(self.path("m/d"))) != self.want and time.monotonic() < until:
            time.sleep(0.01)
        for _ in range(3):
            names()
        time.sleep(3.5)
        names()
        names()
        self.assertFalse(any(" READDIR" in line for line in self.asked(names)))

    def test_symlinks_and_pages_are_read_once(self):
        self.lay()
        self.serve(",lower=watch")

        def read():
            self.assertEqual(os.readlink(self.path("m/link")), "f")
            self.assertEqual(self.read("m/link"), "lower")
        self.assertTrue(any(" READLINK " in line for line in self.asked(read)))
        self.assertEqual([line for line in self.asked(read) if " READ" in line], [])


if __name__ == "__main__":
    main()
