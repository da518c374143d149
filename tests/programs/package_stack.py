"""A stack of this machine's Debian packages, mounted by kernel overlayfs and by plyfs side by side.

Both mounts have the same lower layers, each its own upper.  A script runs in both by chroot; then what it said,
what the mounts show and what landed in the uppers is compared.
"""
import concurrent.futures
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools"))
import demo_layers  # noqa: E402
import demo_trees  # noqa: E402

PLYFS = os.environ.get("PLYFS_BIN", "/usr/bin/plyfs")
PROGRAMS = {"acl", "bash", "coreutils", "diffutils", "dpkg", "findutils", "gcc", "git", "libc6-dev", "make",
            "python3", "sqlite3", "tar", "util-linux"}
SIDES = ("kernel", "plyfs")
IMAGE_BYTES = 4 << 30  # sparse

# Runs in a mount namespace of its own: /proc and /dev end with it.
CHROOT = 'mount -t proc proc "$1/proc" && mount --bind /dev "$1/dev" && exec chroot "$1" /bin/bash -c "$2"'
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C", "TZ": "UTC",
               "SOURCE_DATE_EPOCH": "1700000000", "DEBIAN_FRONTEND": "noninteractive"}

# Hold times, inode numbers or counters of the run: there but not equal.
OF_THE_RUN = ("var/log/dpkg.log", "var/cache/ldconfig/aux-cache", "srv/db")
RECORDS = ("opaque", "redirect", "metacopy", "origin")  # semantics.md Z2


def of_the_run(path):
    return path in OF_THE_RUN or path.endswith((".git/index", "/db-shm"))


class PackageStack:
    """The layers, made once.  Used by one thread."""

    def __init__(self):
        self.root = os.path.realpath(tempfile.mkdtemp(prefix="plyfs-programs-", dir="/tmp"))
        os.chmod(self.root, 0o755)
        self.image = self.root + ".img"
        if os.access("/dev/shm", os.W_OK):
            self.image = "/dev/shm/" + os.path.basename(self.image)
        with open(self.image, "wb") as file:
            file.truncate(IMAGE_BYTES)
        subprocess.run(["mkfs.ext4", "-q", "-O", "^has_journal", self.image], check=True)
        subprocess.run(["mount", "-o", "loop", self.image, self.root], check=True)
        os.mkdir(self.path("l"))
        packages = demo_layers.installed_packages()
        chosen = [packages[name] for name in sorted(demo_layers.needed_by(packages, PROGRAMS))]
        self.layers = demo_layers.make(self.path("l"), chosen, lambda done, of: None)
        os.mkdir(self.path("l/seed"))
        self.layers.insert(0, self.path("l/seed"))

    def path(self, *names):
        return os.path.join(self.root, *names)

    def close(self):
        self.unmount_all()
        # Lazily: a daemon that a failed test left behind may take a moment to let go of its layers.
        subprocess.run(["umount", "-l", self.root], check=False)
        os.unlink(self.image)
        os.rmdir(self.root)

    # Mounting.

    def options(self, side):
        lowers = ":".join(os.path.basename(layer) for layer in self.layers)
        return f"lowerdir={lowers},upperdir=../upper-{side},workdir=../work-{side}"

    def mount(self, side, by=None):
        """Mounts the stack with `side`'s upper; `by` the other one where interchange is the question."""
        command = [PLYFS] if (by or side) == "plyfs" else ["mount", "-t", "overlay", "overlay"]
        # Names relative to the layers' folder keep the kernel's options within their one page.
        subprocess.run([*command, "-o", self.options(side), self.path("merged-" + side)], cwd=self.path("l"),
                       check=True)

    def mount_fresh(self):
        for side in SIDES:
            for kind in ("upper-", "work-", "merged-"):
                shutil.rmtree(self.path(kind + side), ignore_errors=True)
                os.mkdir(self.path(kind + side), 0o755)
            self.mount(side)

    def unmount(self, side):
        subprocess.run(["umount", self.path("merged-" + side)], check=True)

    def unmount_all(self):
        for side in SIDES:
            if os.path.ismount(self.path("merged-" + side)):
                subprocess.run(["umount", "-l", self.path("merged-" + side)], check=False)

    # Running and comparing.

    def run(self, script):
        """side -> (status, output) of the script in a chroot of its mount; both run at once."""
        def one(side):
            done = subprocess.run(["unshare", "--mount", "sh", "-ec", CHROOT, "sh", self.path("merged-" + side), script],
                                  env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, errors="surrogateescape", check=False)
            return side, (done.returncode, done.stdout)

        with concurrent.futures.ThreadPoolExecutor(len(SIDES)) as pool:
            return dict(pool.map(one, SIDES))

    def changed(self):
        """Paths that either upper holds."""
        return {path for side in SIDES for path, _ in demo_trees.walk(self.path("upper-" + side))}

    def rows(self, top, paths, since):
        """path -> row, for those of `paths` that are beneath `top`; times of the run itself count as one."""
        rows = {}
        for path in paths:
            try:
                row = demo_trees.row(os.path.join(top, path), os.lstat(os.path.join(top, path)), not of_the_run(path))
            except (FileNotFoundError, NotADirectoryError):
                continue
            del row["number"]
            if row["mtime"] >= since:
                row["mtime"] = "of the run"
            if of_the_run(path):
                del row["size"]
            rows[path] = row
        return rows

    def upper_rows(self, side, since):
        """What Z2 wants equal between uppers that two mounters wrote."""
        top = self.path("upper-" + side)
        rows = self.rows(top, [path for path, _ in demo_trees.walk(top)], since)
        for path, row in rows.items():
            if "xattrs" in row:
                row["xattrs"] = [(name, value) for name, value in row["xattrs"]
                                 if not name.startswith("trusted.overlay.") or name.rsplit(".", 1)[1] in RECORDS]
            if row.get("device") == 0 and stat.S_ISCHR(int(row["type and mode"], 8)):
                rows[path] = {"kind": "whiteout"}  # its links, owner, mode and times mean nothing (X4)
        return rows


def now():
    """Before anything that happens from here on; kernel times are coarser than the clock."""
    return time.time_ns() - 20_000_000
