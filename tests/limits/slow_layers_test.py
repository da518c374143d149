"""Layers on a filesystem where every call takes its time are asked side by side (bench/slow/slow_fs.cc); one that
answers EINTR is asked again, but not for ever."""
import errno
import os
import signal
import subprocess
import time
import unittest

from harness import CliTest

LAYERS = 120


class OnSlowFs(CliTest):
    pace = ["5000"]

    def setUp(self):
        super().setUp()
        for layer in range(LAYERS):
            for name in "de":
                os.makedirs(self.path("layers", str(layer), name))
            self.write(f"layers/{layer}/e/f{layer}", "")
        self.write(f"layers/{LAYERS - 1}/d/f", "lowest")
        os.mkdir(self.path("slow"))
        self.server = subprocess.Popen([os.environ["SLOW_FS"], self.path("layers"), self.path("slow"), *self.pace])
        self.addCleanup(self._stop)
        while not os.path.ismount(self.path("slow")):
            self.assertIsNone(self.server.poll())
            time.sleep(0.01)
        self.write("list", "".join(f"{self.path('slow')}/{layer}\n" for layer in range(LAYERS)))

    def _stop(self):
        subprocess.run(["umount", "-l", self.path("slow")], check=False)
        self.server.kill()  # a failed test may have left a mount above it
        self.server.wait()


class SlowLayers(OnSlowFs):
    def assert_side_by_side(self, act):
        counts = ("user.most_at_once", "user.alone")
        for count in counts:
            os.getxattr(self.path("slow"), count)
        act()
        at_once, alone = (int(os.getxattr(self.path("slow"), count)) for count in counts)
        self.assertGreater(at_once, 10)  # how far one gets ahead of the answers is the machine's mood
        self.assertLess(alone, LAYERS // 2)

    def look_around(self, extra):
        def absent():
            self.assertFalse(os.path.lexists(self.path("m/d/absent")))
        self.mount(f"lowerdir=@{self.path('list')}{extra}")
        self.assert_side_by_side(lambda: os.stat(self.path("m/d")))
        self.assert_side_by_side(absent)
        self.assert_side_by_side(lambda: self.assertEqual(os.listdir(self.path("m/d")), ["f"]))
        self.assertEqual(self.read("m/d/f"), "lowest")
        # Who has looked at what it listed is given attributes with what it lists next.
        self.assertTrue(os.path.isdir(self.path("m/e")))
        self.assert_side_by_side(lambda: self.assertEqual(len(os.listdir(self.path("m/e"))), LAYERS))
        self.umount()

    def test_watched(self):
        self.look_around("")

    def test_frozen(self):
        self.look_around(",lower=frozen")


class Interrupted(OnSlowFs):
    pace = ["100", "3"]

    def look_around(self, extra):
        self.mount(f"lowerdir=@{self.path('list')}{extra}")
        for _ in range(3):
            self.assertEqual(os.listdir(self.path("m/d")), ["f"])
            self.assertFalse(os.path.lexists(self.path("m/d/absent")))
            self.assertEqual(self.read("m/d/f"), "lowest")
            subprocess.run(["mount", "-i", "-o", "remount", self.path("m")], check=True)

    def test_now_and_then(self):
        self.look_around(",lower=frozen")
        self.umount()
        self.look_around("")

    def test_for_ever(self):
        self.mount(f"lowerdir=@{self.path('list')}")
        self.server.send_signal(signal.SIGUSR1)
        with self.assertRaises(OSError) as caught:
            os.stat(self.path("m/d"))
        self.assertEqual(caught.exception.errno, errno.EIO)

    def test_for_ever_while_a_file_is_copied_up(self):
        with open(self.path("layers/0/d/big"), "wb") as file:
            file.write(b"lower" * 1_000_000)
        self.mount(f"lowerdir=@{self.path('list')},upperdir=u,workdir={self.dir}/w")
        self.server.send_signal(signal.SIGUSR2)
        with self.assertRaises(OSError) as caught:
            os.open(self.path("m/d/big"), os.O_WRONLY)
        self.assertEqual(caught.exception.errno, errno.EIO)
        self.assertFalse(os.path.exists(self.path("u/d/big")))


if __name__ == "__main__":
    unittest.main()
