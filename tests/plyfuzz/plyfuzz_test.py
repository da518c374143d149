"""plyfuzz at its command line: what it refuses, what it finds in filesystems with known faults, and that the
script that it prints shows the same, outside plyfuzz."""
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

PLYFUZZ = os.environ["PLYFUZZ"]
PLYFS = os.path.join(os.path.dirname(PLYFUZZ), "plyfs")
NONE, TROUBLE, FOUND = 0, 1, 2
# Nobody asks for it in these runs, so that directories move that should not, and new ones are opaque.
FAULT = "redirect_dir=on,index=off,metacopy=off,xino=off"


class PlyfuzzTest(unittest.TestCase):
    def setUp(self):
        if os.geteuid() != 0 or not os.access("/dev/loop-control", os.W_OK):
            self.skipTest("needs root and loop devices")
        # A plain directory: scripts make their layers there, on what can be an upper.
        self.dir = tempfile.mkdtemp(dir=os.environ.get("PLYFS_TEST_DIR", "/var/tmp"))
        self.addCleanup(shutil.rmtree, self.dir)

    def tearDown(self):
        with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
            self.assertNotIn(self.dir, mounts.read())

    def fuzz(self, *words, status):
        done = subprocess.run([PLYFUZZ, *words], capture_output=True, text=True, errors="replace", check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def program(self, text):
        """A mount program with a fault: kernel overlayfs, called with other options than were asked for."""
        path = os.path.join(self.dir, "faulty")
        with open(path, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\n" + text)
        os.chmod(path, 0o755)
        return path

    def script(self, text):
        path = os.path.join(self.dir, "script.sh")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

        def run(*words):
            environment = dict(os.environ, DIR=self.dir)
            done = subprocess.run(["sh", path, *words], capture_output=True, text=True, errors="replace",
                                  check=False, env=environment)
            return done.returncode, done.stdout
        return run

    def finds(self, program, *words):
        """Found, and the script shows it between the two and not between equal ones."""
        found = self.fuzz("--subject", program, *words, status=FOUND)
        self.assertIn("the script shows it", found.stderr)
        run = self.script(found.stdout)
        self.assertEqual(run("--diff", "kernel", program)[0], FOUND)
        status, text = run("--diff", "kernel", "kernel")
        self.assertEqual(status, NONE, text)
        return found

    def test_says_in_one_line_what_is_wrong(self):
        for words in (["--layers", "0"], ["--seeds", "x"], ["--subject", "/nowhere/plyfs"], ["--bogus"], ["more"],
                      ["--seed"], ["-o", "lowerdir=/a"], ["--fs", "vfat"], ["--threads", "1"],
                      ["--faults", "--fs", "btrfs"], ["--faults", "--dir", "/var/tmp"], ["--faults", "--against", "model"],
                      ["--subject", "model"], ["--against", "model", "--layers", "4"],
                      ["--against", "model", "-o", "metacopy=on"], ["--subject", "/bin/false"]):
            done = self.fuzz(*words, status=TROUBLE)
            with self.subTest(words):
                self.assertEqual(done.stdout, "")
                self.assertEqual(done.stderr.count("\n"), 1)
                self.assertIn(words[-1].split("=")[0].split("/")[-1], done.stderr)
        self.assertIn("--against", self.fuzz("--help", status=NONE).stdout)

    def test_against_the_model_equal_filesystems_are_equal(self):
        for subject in ("kernel", PLYFS):
            done = self.fuzz("--against", "model", "--subject", subject, "--seed", "1000", "--seeds", "25", status=NONE)
            self.assertGreater(done.stderr.count(": no difference"), 15, done.stderr)
            for way in ("redirect_dir=on", "userxattr", "xino=on"):
                self.assertIn(way, done.stderr)
        self.fuzz("--against", "model", "-o", "redirect_dir=on,lower=frozen", "--layers", "2", "--steps", "60", "--seeds", "5",
                  status=NONE)

    def test_against_the_model_finds_an_option_and_prints_a_script_that_shows_it(self):
        faulty = self.program(f'exec mount -t overlay overlay -o "$2,{FAULT}" "$3"\n')
        for words in ((), ("--no-cross", "--no-shrink")):
            found = self.fuzz("--against", "model", "--subject", faulty, "--seeds", "100", *words, status=FOUND)
            self.assertIn("the script shows it", found.stderr)
            run = self.script(found.stdout)
            status, text = run("--diff", "model", faulty)
            self.assertEqual(status, FOUND, text)
            # All other steps come out as the model says.
            self.assertEqual(len([line for line in text.splitlines() if line[0] == "+" and line[1] != "+"]), 1, text)
            status, text = run("--diff", "model", "kernel")
            self.assertEqual(status, NONE, text)

    def test_lists_the_mount_options(self):
        listed = self.fuzz("--mount-options", status=NONE).stdout
        for word in ("redirect_dir", "drawn for both sides", "not drawn: "):
            self.assertIn(word, listed)

    def test_needs_root(self):
        done = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", PLYFUZZ, "--subject", "kernel"],
                              capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr.count("\n")), (TROUBLE, 1))
        self.assertIn("needs root", done.stderr)

    def test_equal_filesystems_are_equal(self):
        done = self.fuzz("--subject", "kernel", "--seeds", "2", "--steps", "150", status=NONE)
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.stderr.count("no difference"), 3)

    def test_equal_with_threads_and_options(self):
        # A seed for each way to mount.
        for subject in ("kernel", os.path.join(os.path.dirname(PLYFUZZ), "plyfs")):
            done = self.fuzz("--subject", subject, "--seeds", "6", "--steps", "60", "--threads", "3", status=NONE)
            self.assertEqual(done.stderr.count("3 threads: no difference"), 6)
            for way in ("redirect_dir=on", "userxattr", "xino=on"):
                self.assertIn(way, done.stderr)

    def test_equal_with_changed_lowers(self):
        for subject in ("kernel", os.path.join(os.path.dirname(PLYFUZZ), "plyfs")):
            done = self.fuzz("--subject", subject, "--seed", "6", "--seeds", "2", "--steps", "40", "--changed-lowers",
                             status=NONE)
            self.assertEqual(done.stderr.count("1 threads, changed lowers: no difference"), 2)
        self.assertEqual(done.stderr.count("layers changed beneath it: no difference"), 2)

    def test_finds_what_only_a_fresh_mount_shows(self):
        # What is written is gone at the next mount.
        faulty = self.program(f"""upper=$(echo "$2" | sed 's/.*upperdir=\\([^,]*\\).*/\\1/')
[ ! -e "$upper.twice" ] || find "$upper" -type f -delete
touch "$upper.twice"
exec mount -t overlay overlay -o "$2" "$3"
""")
        known = [word for kind in ("xattrs", "name", "nlink", "listing") for word in ("--ignore", kind)]
        done = self.fuzz("--subject", faulty, "--steps", "1", "--threads", "2", "--no-cross", *known, status=FOUND)
        self.assertIn("kind: threads, fresh mount", done.stderr)
        self.assertIn("the script shows it", done.stderr)
        done = self.fuzz("--subject", faulty, "--steps", "9", "--threads", "2", "--no-cross", "--no-shrink", *known,
                         status=FOUND)
        self.assertIn("\nclient 1\nclient 2\n", done.stdout)
        status, text = self.script(done.stdout)(faulty)
        self.assertIn("a fresh mount shows something else", text)
        status, text = self.script(done.stdout)("kernel")
        self.assertIn("a fresh mount shows the same", text)

    def test_equal_with_faults(self):
        for subject in ("kernel", PLYFS):
            done = self.fuzz("--subject", subject, "--faults", "--seed", "7", "--seeds", "3", "--steps", "100", status=NONE)
            self.assertEqual(done.stderr.count("no difference"), 4)

    def test_finds_what_a_kill_loses(self):
        # What was written last is gone where the program did not end in order.
        faulty = self.program(f"""upper=$(echo "$2" | sed 's/.*upperdir=\\([^,]*\\).*/\\1/')
[ ! -e "$upper.running" ] || find "$upper" -type f -newer "$upper.running" -delete
touch "$upper.running"
{PLYFS} -f -o "$2" "$3"
status=$?
rm "$upper.running"
exit $status
""")
        words = ("--subject", faulty, "--seed", "3", "--steps", "150", "--ignore", "blksize")
        self.fuzz(*words, "--seeds", "1", status=NONE)
        # When a kill comes is chance, so shrinking tries each step many times.
        found = self.fuzz(*words, "--seeds", "10", "--faults", "--no-shrink", status=FOUND)
        self.assertIn("kind: killed, ", found.stderr)
        self.assertIn("the script shows it", found.stderr)
        self.assertIn("\nkilled", found.stdout)

    def test_finds_what_a_full_disk_spoils(self):
        # A change that nobody asked for, once there is no room.  It looks without a pause: the room is back within
        # a step, and each attempt of a slow machine must not be in vain.
        faulty = self.program("""upper=$(echo "$2" | sed 's/.*upperdir=\\([^,]*\\).*/\\1/')
mount -t overlay overlay -o "$2,index=off,metacopy=off,xino=off,redirect_dir=follow" "$3" || exit 1
exec /usr/bin/python3 -c '
import os, sys
full, merged = sys.argv[1:]
while os.path.ismount(merged):
    for _ in range(10000):
        if os.path.exists(full):
            os.chmod(merged, 0o711)
' "${upper%/run/*}/full" "$3"
""")
        words = ("--subject", faulty, "--seed", "2", "--steps", "40", "--no-shrink")
        self.fuzz(*words, "--seeds", "1", status=NONE)
        found = self.fuzz(*words, "--seeds", "10", "--faults", status=FOUND)
        self.assertIn("kind: disk full, ", found.stderr)
        self.assertIn("\nfull ", found.stdout)

    def test_finds_an_option_and_prints_a_script_that_shows_it(self):
        faulty = self.program(f'exec mount -t overlay overlay -o "$2,{FAULT}" "$3"\n')
        found = self.finds(faulty, "--steps", "300")
        steps = found.stdout[found.stdout.index("# ---- the steps"):]
        self.assertLess(steps.count("\n"), 30, steps)

    def test_prints_every_step_of_a_whole_run(self):
        faulty = self.program(f'exec mount -t overlay overlay -o "$2,{FAULT}" "$3"\n')
        found = self.finds(faulty, "--no-shrink", "--seed", "2", "--steps", "80")
        status, text = self.script(found.stdout)("kernel", "kernel")
        self.assertEqual(status, NONE)
        self.assertNotIn("died", text)
        self.assertNotIn("not found", text)
        self.assertGreater(text.count(": ok"), 30, text)

    def survey(self, *words):
        done = self.fuzz("--survey", "--seed", "2", "--seeds", "3", *words, status=FOUND)
        return {line.split(" runs  ")[1] for line in done.stderr.splitlines() if " runs  " in line}

    def test_ignores_what_is_known(self):
        faulty = self.program(f'exec mount -t overlay overlay -o "$2,{FAULT}" "$3"\n')
        kinds = self.survey("--subject", faulty)
        self.assertIn("upper xattrs", kinds)
        self.assertNotIn("upper xattrs", self.survey("--subject", faulty, "--ignore", "upper xattrs"))

    @unittest.skipUnless(shutil.which("fuse-overlayfs"), "no fuse-overlayfs here")
    def test_finds_faults_of_another_union_filesystem(self):
        # Known: it has no birth times, and inode numbers and link counts of its own.
        known = [word for kind in ("has btime", "blksize", "nlink", "inode number", "atime", "mtime") for word in ("--ignore", kind)]
        self.finds("fuse-overlayfs", "--no-cross", *known)

    def test_leaves_nothing_when_it_is_interrupted(self):
        fuzz = subprocess.Popen([PLYFUZZ, "--subject", "kernel", "--seeds", "1000", "--dir", self.dir], stderr=subprocess.PIPE,
                                text=True)
        self.assertIn("seed 1", fuzz.stderr.readline())
        fuzz.send_signal(signal.SIGINT)
        with fuzz.stderr:
            rest = fuzz.stderr.read()
        self.assertEqual(fuzz.wait(), NONE, rest)
        self.assertIn("no difference", rest)
        self.assertEqual(os.listdir(self.dir), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
