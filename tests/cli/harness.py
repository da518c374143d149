"""What the tests of the command line share: a scratch directory a test, the program, and what became of it.

PLYFS_BIN names the program.  Every mount below the scratch directory is taken away after each test.
"""
import os
import re
import shutil
import subprocess
import tempfile
import time
import unittest

BIN = os.environ.get("PLYFS_BIN", "/usr/bin/plyfs")

# What FUSE can do depends on the protocol's minor; tests/linux_6_1 plays an older kernel than this one.
KERNEL = [int(number) for number in os.uname().release.split(".")[:2]]
FUSE_MINOR = int(os.environ.get("PLYFS_FUSE_MINOR", "45" if KERNEL >= [6, 9] else "38"))
BIRTH_TIMES = FUSE_MINOR >= 39

# Options for every mount that is to succeed: the suites once more with sandbox=on.
MORE_OPTIONS = os.environ.get("PLYFS_MORE_OPTIONS", "")

# Limits of the issue are the plain program's; sanitizers make it several times slower (tools/dev test --asan).
SLOWER = 10 if os.environ.get("PLYFS_SANITIZED") else 1


def mountinfo():
    """(mountpoint, type, options and super options) of each mount."""
    mounts = []
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            before, after = line.rstrip("\n").split(" - ", 1)
            fields, rest = before.split(" "), after.split(" ")
            point = re.sub(r"\\(\d{3})", lambda m: chr(int(m[1], 8)), fields[4])
            mounts.append((point, rest[0], set(fields[5].split(",")) | set(rest[2].split(","))))
    return mounts


def gone(pid):
    """Whether a process has ended; one that init has not reaped yet has."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def comm(pid):
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
            return file.read().strip()
    except FileNotFoundError:
        return ""


def keeper_of(daemon):
    """The pid of the process that keeps a daemon's mount."""
    with open(f"/proc/{daemon}/task/{daemon}/children", encoding="utf-8") as file:
        keepers = [int(pid) for pid in file.read().split() if comm(pid) == "plyfs-keeper"]
    assert len(keepers) == 1, keepers
    return keepers[0]


@unittest.skipUnless(os.geteuid() == 0 and os.path.exists("/dev/fuse"), "needs root and /dev/fuse")
class CliTest(unittest.TestCase):
    def setUp(self):
        self.dir = os.path.realpath(tempfile.mkdtemp(prefix="plyfs-cli-"))
        self.addCleanup(self._clean)
        for name in ("l", "l2", "u", "w", "m"):
            os.mkdir(self.path(name))
        self.write("l/f", "lower")
        self.write("l2/g", "second")

    def _clean(self):
        for point, _, _ in reversed(self.mounts()):
            subprocess.run(["umount", "-l", point], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(self.dir, ignore_errors=True)

    # Paths and files of the scratch directory.
    def path(self, *names):
        return os.path.join(self.dir, *names)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    # The program.
    def run_plyfs(self, *args, program=BIN, **kwargs):
        kwargs.setdefault("cwd", self.dir)
        return subprocess.run([program, *args], check=False, text=True, errors="surrogateescape", timeout=60,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs)

    def mount(self, options, point="m", warnings=0, **kwargs):
        """Mounts, expecting that many lines on stderr; gives the process's result."""
        done = self.run_plyfs("-o", options + MORE_OPTIONS, point, **kwargs)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertEqual(len(done.stderr.splitlines()), warnings, done.stderr)
        self.assertTrue(self.mounted(point), "exit 0 without a mount")
        return done

    def stack(self, extra=""):
        return f"lowerdir={self.dir}/l,upperdir={self.dir}/u,workdir={self.dir}/w" + extra

    def mounts(self):
        """(mountpoint, type, options) of what is mounted below the scratch directory."""
        return [mount for mount in mountinfo() if mount[0].startswith(self.dir + "/")]

    def mounted(self, point="m"):
        return any(where == self.path(point) for where, _, _ in self.mounts())

    def flags(self, point="m"):
        return [options for where, _, options in self.mounts() if where == self.path(point)][-1]

    def type(self, point="m"):
        return [kind for where, kind, _ in self.mounts() if where == self.path(point)][-1]

    def umount(self, point="m", *flags):
        subprocess.run(["umount", *flags, self.path(point)], check=True)

    def daemon(self, point="m"):
        """The pid of the daemon that was started with this scratch directory and mountpoint in its arguments."""
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    words = file.read().decode(errors="surrogateescape").split("\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if any(self.dir in word for word in words) and any(word.endswith(point) for word in words):
                if os.path.realpath(f"/proc/{pid}/exe") == os.path.realpath(BIN) and not gone(pid):
                    return int(pid)
        self.fail("no daemon")
        return -1

    def traced(self, pid):
        """Whether every thread has its tracer."""
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/status", encoding="utf-8") as file:
                if "TracerPid:\t0\n" in file.read():
                    return False
        return True

    def await_end(self, pid, seconds=10):
        end = time.monotonic() + seconds
        while not gone(pid):
            self.assertLess(time.monotonic(), end, "the daemon lives on")
            time.sleep(0.005)

    def on_disk(self):
        """Everything below the scratch directory as it is on disk: what lies beneath FUSE mounts is left out."""
        served = {point for point, kind, _ in self.mounts() if kind.startswith("fuse")}
        found = {}
        for where, dirs, files in os.walk(self.dir):
            dirs[:] = [name for name in dirs if os.path.join(where, name) not in served]
            for path in [where] + [os.path.join(where, name) for name in dirs + files]:
                st = os.lstat(path)
                found[path] = (st.st_ino, st.st_mode, st.st_uid, st.st_gid, st.st_nlink, st.st_size, st.st_mtime_ns,
                               st.st_ctime_ns, [(name, os.getxattr(path, name, follow_symlinks=False))
                                                for name in sorted(os.listxattr(path, follow_symlinks=False))])
        return found

    def refused(self, args, naming, code=1, **kwargs):
        """The program must end with `code`, say exactly one line of cause and remedy that holds `naming`, and leave
        mounts and disk as they were."""
        before, disk = self.mounts(), self.on_disk()
        done = self.run_plyfs(*args, **kwargs)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(done.stdout, "")
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertIn(naming, lines[0])
        self.assertRegex(lines[0], r"\A[a-z-]+: .+; .+\Z", "no remedy")
        self.assertEqual(self.mounts(), before)
        self.assertEqual(self.on_disk(), disk, "changed on disk")
        return lines[0]
