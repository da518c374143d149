"""Layers on a filesystem that takes a millisecond a call (slow_fs): the first lookup of a directory that all of
them hold, of an absent name in it, and its first listing, by plyfs and by kernel overlayfs, in turn.

Called by `tools/dev bench --slow`.  Each figure is the median over the directories, each visited once.
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

PROGRAMS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "build", "bin")
ROWS = ("directory", "absent name", "listing")


def took(act):
    begin = time.perf_counter()
    try:
        act()
    except FileNotFoundError:
        pass
    return (time.perf_counter() - begin) * 1000


def visit(mount, directories):
    rows = {row: [] for row in ROWS}
    for directory in directories:
        path = os.path.join(mount, directory)
        rows["directory"].append(took(lambda: os.stat(path)))
        rows["absent name"].append(took(lambda: os.stat(path + "/absent")))
        rows["listing"].append(took(lambda: os.listdir(path)))
    return {row: statistics.median(times) for row, times in rows.items()}


class Bench:
    def __init__(self, args, work):
        self.args = args
        self.source, self.slow, self.mount = (os.path.join(work, name) for name in ("source", "slow", "m"))
        for path in (self.slow, self.mount):
            os.makedirs(path)
        self.directories = [f"d{i:02}" for i in range(args.directories)]
        for layer in range(args.layers):
            for directory in self.directories:
                os.makedirs(os.path.join(self.source, str(layer), directory))
        for i, directory in enumerate(self.directories):
            open(os.path.join(self.source, str(i % args.layers), directory, "file"), "w").close()
        self.list = os.path.join(work, "lowers")
        with open(self.list, "w", encoding="ascii") as file:
            file.writelines(f"{self.slow}/{layer}\n" for layer in range(args.layers))

    def measure(self, contender):
        server = subprocess.Popen([os.path.join(PROGRAMS, "slow_fs"), self.source, self.slow,
                                   str(self.args.microseconds)])
        try:
            while not os.path.ismount(self.slow):
                time.sleep(0.01)
            if contender == "kernel":
                lowers = ":".join(str(layer) for layer in range(self.args.layers))
                subprocess.run(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={lowers}", self.mount],
                               check=True, cwd=self.slow)
            else:
                subprocess.run([os.path.join(PROGRAMS, "plyfs"), "-o", f"lowerdir=@{self.list}{contender}",
                                self.mount], check=True)
            try:
                return visit(self.mount, self.directories)
            finally:
                subprocess.run(["umount", self.mount], check=True)
        finally:
            # The kernel may hold it for a moment after the mount above is gone.
            subprocess.run(["umount", "-l", self.slow], check=False)
            server.wait()


def main():
    parser = argparse.ArgumentParser(prog="tools/dev bench --slow", description=__doc__)
    parser.add_argument("--layers", type=int, default=500)
    parser.add_argument("--directories", type=int, default=12, help="each is visited once")
    parser.add_argument("--microseconds", type=int, default=1000, help="a call's wait")
    args = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("tools/dev bench --slow: mounting needs root")
    contenders = {"kernel": "kernel", "plyfs": "", "plyfs-frozen": ",lower=frozen"}
    if args.layers > 500:
        del contenders["kernel"]
    with tempfile.TemporaryDirectory(prefix="plyfs-slow-", dir="/dev/shm") as work:
        bench = Bench(args, work)
        print(f"{args.layers} layers, {args.microseconds} us a call: milliseconds, first visits")
        print(f"{'':14}" + "".join(f"{row:>14}" for row in ROWS))
        for name, contender in contenders.items():
            rows = bench.measure(contender)
            print(f"{name:14}" + "".join(f"{rows[row]:14.1f}" for row in ROWS), flush=True)


if __name__ == "__main__":
    main()
