"""plyctl at its command line."""
import os
import stat
import subprocess
import unittest

from harness import BIN, CliTest

PLYCTL = os.path.join(os.path.dirname(BIN), "plyctl")


class Plyctl(CliTest):
    def plyctl(self, *args, code=0, **kwargs):
        kwargs.setdefault("cwd", self.dir)
        done = subprocess.run([PLYCTL, *args], check=False, text=True, timeout=60, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def fails(self, *args, naming, **kwargs):
        before = self.on_disk()
        done = self.plyctl(*args, code=1, **kwargs)
        self.assertEqual(done.stdout, "")
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertIn(naming, lines[0])
        self.assertTrue(lines[0].startswith("plyctl: "), lines[0])
        self.assertEqual(self.on_disk(), before)

    def files(self, folder="i"):
        return sorted(os.listdir(self.path(folder)))

    def test_help_and_version(self):
        self.assertIn("plyctl index [--index-dir DIR] LAYER...", self.plyctl("--help").stdout)
        self.assertRegex(self.plyctl("--version").stdout, r"\Aplyctl: version \d+\.\d+\.\d+\n\Z")
        self.assertIn("Usage", self.plyctl("index", "--help").stdout)

    def test_a_file_a_layer_and_progress(self):
        done = self.plyctl("index", "--index-dir", "i", "l", "l2")
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.stderr, "[1/2] l: 1 directories, 1 entries\n[2/2] l2: 1 directories, 1 entries\n")
        self.assertEqual(len(self.files()), 2)
        for name in self.files():
            mode = os.stat(self.path("i", name)).st_mode
            self.assertTrue(stat.S_ISREG(mode))
            self.assertEqual(mode & 0o022, 0)
        again = self.files()
        self.plyctl("index", "--index-dir", "i", "l")
        self.assertEqual(self.files(), again)

    def test_the_cache_folder(self):
        self.plyctl("index", "l", env={**os.environ, "XDG_CACHE_HOME": self.path("cache")})
        self.assertEqual(len(self.files("cache/plyfs")), 1)

    # umask and an old file must not make it writable to others or leave half a file.
    def test_an_open_umask(self):
        before = os.umask(0)
        try:
            self.plyctl("index", "--index-dir", "i", "l")
        finally:
            os.umask(before)
        self.assertEqual(os.stat(self.path("i")).st_mode & 0o022, 0)
        self.assertEqual(os.stat(self.path("i", self.files()[0])).st_mode & 0o022, 0)

    def test_wrong_usage(self):
        self.fails(naming="no command")
        self.fails("indx", naming="indx")
        self.fails("index", naming="no layer")
        self.fails("index", "--index-dir", naming="--index-dir")
        self.fails("index", "--no-such", "l", naming="--no-such")

    def test_layers_that_cannot_be_indexed(self):
        os.mkdir(self.path("i"), 0o755)
        self.fails("index", "--index-dir", "i", "missing", naming="missing: No such file or directory")
        self.fails("index", "--index-dir", "i", "l/f", naming="l/f: Not a directory")
        self.fails("index", "--index-dir", "i", "/proc", naming="/proc")

    def test_folders_that_others_may_write_to(self):
        os.mkdir(self.path("i"))
        os.chmod(self.path("i"), 0o777)
        self.fails("index", "--index-dir", "i", "l", naming="others may write to it")
        os.chmod(self.path("i"), 0o755)
        os.chown(self.path("i"), 1000, 1000)
        self.fails("index", "--index-dir", "i", "l", naming="it belongs to somebody else")

    def test_a_full_filesystem_leaves_nothing(self):
        os.mkdir(self.path("i"))
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k,mode=755", "tmpfs", self.path("i")], check=True)
        for i in range(2000):
            self.write(f"l/{i}", "")
        done = self.plyctl("index", "--index-dir", "i", "l", code=1)
        self.assertIn("No space left on device", done.stderr)
        self.assertEqual(self.files(), [])

    # Of somebody who may not see trusted.* records: not for a mount that reads them.
    def test_made_without_privilege(self):
        os.chmod(self.dir, 0o777)
        copy = self.path("plyctl")
        with open(PLYCTL, "rb") as source, open(copy, "wb") as target:
            target.write(source.read())
        os.chmod(copy, 0o755)
        subprocess.run([copy, "index", "--index-dir", self.path("i"), self.path("l")], check=True, user=1000, group=1000,
                       extra_groups=[], stderr=subprocess.DEVNULL)
        subprocess.run(["chown", "-R", "0:0", self.path("i")], check=True)
        log = self.path("log")
        self.mount(f"lowerdir={self.dir}/l,index_dir={self.dir}/i", env={**os.environ, "PLYFS_LOG": log})
        self.assertIn("trusted.overlay", self.read("log"))
        self.assertEqual(self.read("m/f"), "lower")

    def stats(self, **kwargs):
        lines = self.plyctl("stats", "m", **kwargs).stdout.splitlines()
        return {name: float(value) for name, value in (line.split() for line in lines)}

    # What memory may be is the sum of its terms, each of which follows from what is held.
    def check_terms(self, stats):
        known = 100 * stats["indexed_names"] + 130 * stats["cached_attributes"]
        self.assertEqual(stats["allowed_known_bytes"], min(stats["memory_limit_bytes"], known))
        self.assertEqual(stats["allowed_inode_bytes"], 150 * stats["inodes_held_by_kernel"])
        self.assertEqual(stats["allowed_watch_bytes"], 64 * stats["watches"])
        terms = ("allowed_base_bytes", "allowed_known_bytes", "allowed_inode_bytes", "allowed_watch_bytes", "ring_payload_bytes")
        self.assertEqual(stats["allowed_memory_bytes"], sum(stats[term] for term in terms))
        self.assertGreaterEqual(stats["inode_bytes"], 200 * stats["inodes"])
        self.assertGreaterEqual(stats["attribute_bytes"], 100 * stats["cached_attributes"])
        self.assertGreater(stats["listing_bytes"], 0)

    def test_stats(self):
        self.mount(self.stack())
        for i in range(10):
            self.write(f"m/{i}", "")
        os.listdir(self.path("m"))
        before = self.stats()
        self.assertEqual(before["layers"], 2)
        self.assertEqual(before["indexed_names"], 11)
        self.assertGreaterEqual(before["inodes_held_by_kernel"], 10)
        self.assertGreaterEqual(before["watches"], 2)
        self.assertGreaterEqual(before["anonymous_memory_bytes"], 1 << 16)
        if not os.environ.get("PLYFS_SANITIZED"):  # sanitizers have memory of their own
            self.assertLessEqual(before["anonymous_memory_bytes"], before["allowed_memory_bytes"])
        self.check_terms(before)
        # What one more file costs: it is looked for, made and closed, and asked of by the stats themselves.
        self.write("m/more", "")
        after = self.stats()
        self.assertEqual(after["requests_handed_over"], 0)
        self.assertIn(after["requests"] - before["requests"], range(3, 12))
        self.assertIn(after["system_calls"] - before["system_calls"], range(3, 40))
        with open(self.path("m/more"), encoding="utf-8"):
            self.assertEqual(self.stats()["open_files"], 1)

    def test_stats_of_what_is_no_mount_or_for_others(self):
        self.fails("stats", "m", naming="m: not on a plyfs mount")
        self.fails("stats", "nowhere", naming="nowhere: No such file or directory")
        self.fails("stats", naming="plyctl stats MOUNTPOINT")
        os.chmod(self.dir, 0o755)
        self.mount(self.stack(",allow_other"))
        copy = self.path("plyctl")
        with open(PLYCTL, "rb") as source, open(copy, "wb") as target:
            target.write(source.read())
        os.chmod(copy, 0o755)
        done = subprocess.run([copy, "stats", self.path("m")], check=False, user=1000, group=1000, extra_groups=[],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("only root and who mounted it", done.stderr)


if __name__ == "__main__":
    unittest.main()
