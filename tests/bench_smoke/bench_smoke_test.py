"""tools/dev bench with tiny sizes: it ends well, its JSON and its page are whole, nothing is left behind."""
import glob
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree as xml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PLYFS = os.environ.get("PLYFS_BIN", os.path.join(ROOT, "build/bin/plyfs"))
sys.path.append(os.path.join(ROOT, "bench/compare"))
import host  # pylint: disable=wrong-import-position
import judged  # pylint: disable=wrong-import-position
PROGRAMS = os.environ.get("PLYFS_BENCH_BIN", os.path.join(ROOT, "build/bin"))


COMMAND = ["/usr/bin/python3", os.path.join(ROOT, "bench/compare"), "--plyfs", PLYFS, "--programs", PROGRAMS]


def mounts():
    return read("/proc/self/mountinfo").splitlines()


def bench(*args):
    return subprocess.run([*COMMAND, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=280, check=False)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def measured(*args):
    """(what became of the process, its JSON, its page); it must leave nothing behind."""
    with tempfile.TemporaryDirectory(prefix="plyfs-smoke-") as folder:
        report, page = os.path.join(folder, "r.json"), os.path.join(folder, "r.html")
        done = bench("--rounds", "1", "--sizes", "4,40,20,80", "--backing", "tmpfs", "--work", folder,
                     "--json", report, "--html", page, *args)
        left = sorted(set(os.listdir(folder)) - {"r.json", "r.html"})
        left += [line for line in mounts() if folder in line]
        if done.returncode != 0 or left:
            raise AssertionError(f"status {done.returncode}, left behind {left}, {done.stderr}")
        return json.loads(read(report)), read(page)


@unittest.skipUnless(os.geteuid() == 0 and os.path.exists("/dev/fuse"), "needs root and /dev/fuse")
class BenchSmoke(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.report, _ = measured("--layers", "3", "--stack", "every", "--contender", "kernel,plyfs,flat,fuse_null,null_loop")

    def rows(self, **wanted):
        return [row for row in self.report["rows"] if all(row[key] == value for key, value in wanted.items())]

    def test_every_workload_is_measured_for_everybody(self):
        self.assertEqual(self.report["failures"], [])
        for contender in ("kernel", "plyfs", "flat"):
            works = {row["work"] for row in self.rows(contender=contender)}
            self.assertEqual(works, {"mount", "stat", "stat again and again", "absent", "ls", "find -ls", "create+unlink",
                                     "open+read", "copy-up", "du", "tar", "git status", "C compile"})

    def test_growth_of_creating_is_judged_where_the_directory_is_known(self):
        for contender in ("kernel", "plyfs", "flat", "fuse_null"):
            states = {row["state"]: row["samples"][0]["ops"] for row in self.rows(work="create+unlink", contender=contender)}
            self.assertEqual(states, {"first": 20, "again": 20}, contender)
        self.assertIn(("create+unlink", "again"), judged.GROWTH)
        self.assertNotIn("first", {state for _, state in judged.GROWTH})

    def test_samples_are_what_was_asked_for(self):
        for row in self.rows(work="stat", state="first"):
            self.assertEqual([sample["ops"] for sample in row["samples"]], [40], row)
            self.assertGreater(row["ns_per_op"], 0)
        for row in self.rows(work="ls", state="first"):
            if row["contender"] not in ("fuse_null", "null_loop"):
                # 10 files, "." and ".." in each of 4 directories.
                self.assertEqual([sample["entries"] for sample in row["samples"]], [48], row)
        for row in self.rows(work="find -ls", state="first"):
            if row["contender"] not in ("fuse_null", "null_loop"):
                self.assertEqual([sample["ops"] for sample in row["samples"]], [84], row)

    def test_every_request_is_counted(self):
        for name in ("fuse_null", "null_loop"):
            [row] = self.rows(work="stat", state="first", contender=name)
            # A LOOKUP a name and one a directory, and a GETATTR of the root; a FORGET or two may fall in.
            for sample in row["samples"]:
                self.assertIn(sample["requests"], (45, 46, 47))

    def test_several_stacks_are_plotted_on_one_page(self):
        report, page = measured("--layers", "1,3", "--stack", "every,thin", "--workload", "ls",
                                "--contender", "kernel,plyfs,plyfs-frozen")
        self.assertEqual({(row["stack"], row["layers"]) for row in report["rows"]}, {("every", 1), ("every", 3), ("thin", 3)})
        self.assertEqual({line["work"] for line in report["growth"]}, {"ls"})
        self.assertNotIn("http", page)
        plots = page.split("<svg")[1:]
        self.assertGreater(len(plots), 1)
        for svg in plots:
            xml.fromstring("<svg" + svg.split("</svg>")[0] + "</svg>")

    def interrupted(self, moment):
        """Ends a run when `moment` (what the test waits for, of its folder) has come."""
        with tempfile.TemporaryDirectory(prefix="plyfs-smoke-") as folder:
            running = subprocess.Popen(
                [*COMMAND, "--layers", "3", "--backing", "tmpfs", "--sizes", "4,40,20,80", "--contender", "plyfs",
                 "--rounds", "1000", "--work", folder],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            until = time.monotonic() + 60
            while not moment(folder):
                self.assertLess(time.monotonic(), until, "nothing was mounted")
                self.assertIsNone(running.poll(), "it ended by itself")
                time.sleep(0.0005)
            running.send_signal(signal.SIGTERM)
            self.assertEqual(running.wait(60), 130)
            self.assertEqual([line for line in mounts() if folder in line], [])
            self.assertEqual(os.listdir(folder), [])

    def test_a_run_interrupted_with_a_mount_leaves_nothing_behind(self):
        self.interrupted(lambda folder: any(f"{folder}/" in line and "fuse.plyfs" in line for line in mounts()))

    def test_a_run_interrupted_while_it_mounts_leaves_nothing_behind(self):
        for _ in range(8):
            self.interrupted(lambda folder: host.find_daemon(PLYFS, glob.glob(f"{folder}/*/m")[0])
                             if glob.glob(f"{folder}/*/m") else None)

    def test_help_and_bad_words(self):
        self.assertEqual(bench("--help").returncode, 0)
        self.assertNotEqual(bench("--workload", "nonsense").returncode, 0)


if __name__ == "__main__":
    unittest.main()
