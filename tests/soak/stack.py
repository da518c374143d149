"""The layers of a soak and its mounts.

Layers: `many` shared ones, and for each mount three of its own on top, where each round's fresh files are laid
and where the hands work.  A Mount owns its daemon, from up() to down().
"""
import os
import random
import shutil
import stat
import subprocess
import time

import daemon

OWN_LAYERS = 3
NAMES_A_LAYER = 6
PATIENCE = 15  # seconds until a mount is there, or a daemon gone

# What the mount that is unmounted and mounted by turns is mounted with; None: upper and work are emptied first.
TURNS = ["threads=1", "merge_index=on,threads=4", None, "lower=frozen", "fsync=strict,transport=read",
         "merge_index=off,memory=1M", "xino=on,timeout=0"]


class Problem(Exception):
    """Something that a soak is to find."""


def lay_many(top, count):
    """`count` layers; gives their paths and {path: content} of the files that the union shows in many/."""
    shown, paths = {}, []
    dice = random.Random(17)
    for i in reversed(range(count)):  # the lowest first, so that later ones win
        layer = os.path.join(top, str(i))
        paths.insert(0, layer)
        os.makedirs(os.path.join(layer, "many", "deep", str(i % 10)))
        for j in range(NAMES_A_LAYER):
            for path in (f"many/f{dice.randrange(count * 2)}", f"many/deep/{i % 10}/g{i}.{j}"):
                with open(os.path.join(layer, path), "w", encoding="ascii") as file:
                    file.write(f"{path} of layer {i}")
                shown[path] = f"{path} of layer {i}"
        gone = f"many/f{dice.randrange(count * 2)}"
        if gone in shown and not os.path.exists(os.path.join(layer, gone)):
            os.mknod(os.path.join(layer, gone), 0o020000, 0)  # a whiteout
            del shown[gone]
    return paths, shown


class Mount:
    """One union, its layers and its daemon.  Used by the main thread; the sampler reads `pid`."""

    def __init__(self, top, name, program, layers, limits):
        self.name, self.program, self.limits = name, program, limits
        self.top = os.path.join(top, name)
        self.point, self.upper, self.work = (os.path.join(self.top, part) for part in ("m", "u", "w"))
        self.own = [os.path.join(self.top, f"own{i}") for i in range(OWN_LAYERS)]
        self.layers = self.own + layers
        for folder in (self.point, self.upper, self.work, *self.own):
            os.makedirs(folder)
        for own in self.own:
            os.mkdir(os.path.join(own, "fresh"))
        self.list = os.path.join(self.top, "layers.txt")
        with open(self.list, "w", encoding="utf-8") as file:
            file.write("".join(layer + "\n" for layer in self.layers))
        self.log = os.path.join(self.top, "log")
        self.read_of_log = 0
        self.process = self.pid = None
        self.descriptors = 0  # of the daemon when it had just been mounted
        self.watched = True

    def is_up(self):
        return daemon.mounted(self.point)

    def up(self, more=""):
        options = (f"lowerdir=@{self.list},upperdir={self.upper},workdir={self.work},redirect_dir=on,"
                   f"memory={self.limits.memory}") + ("," + more if more else "")
        command = ["prlimit", f"--nofile={self.limits.nofile}:{self.limits.nofile}", self.program, "-f", "-o", options,
                   self.point]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True)
        self.watched = "frozen" not in more
        until = time.monotonic() + PATIENCE
        while not self.is_up():
            if self.process.poll() is not None or time.monotonic() > until:
                raise Problem(f"{self.name}: not mounted: {self.said()}")
            time.sleep(0.01)
        os.stat(self.point)
        self.pid = daemon.find(self.program, self.point) or self.process.pid
        self.descriptors = daemon.held(self.pid).get("descriptors", 0)

    def down(self):
        """Unmounts; the daemon must end well and leave nothing in the work directory."""
        until = time.monotonic() + PATIENCE
        while subprocess.run(["umount", self.point], stderr=subprocess.DEVNULL, check=False).returncode != 0:
            if time.monotonic() > until:
                raise Problem(f"{self.name}: still in use after {PATIENCE} s: cannot be unmounted")
            time.sleep(0.05)
        self.pid = None
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise Problem(f"{self.name}: the daemon lives {PATIENCE} s after its mount is gone") from None
        finally:
            self.watched = True
        if status != 0:
            raise Problem(f"{self.name}: the daemon ended with status {status}: {self.said()}")
        return self.left_in_work()

    def left_in_work(self):
        """One whiteout may be there, to be linked to (docs/semantics.md X4, M15)."""
        names, folder = os.listdir(os.path.join(self.work, "work")), os.path.join(self.work, "work")
        if len(names) == 1:
            st = os.lstat(os.path.join(folder, names[0]))
            names = names if (stat.S_IFMT(st.st_mode), st.st_rdev) != (stat.S_IFCHR, 0) else []
        return [f"{self.name}: left in the work directory: {name}" for name in names]

    def remount(self):
        """Read-only and back; the client drops all that it has cached."""
        for way in ("ro", "rw"):
            subprocess.run(["mount", "-i", "-o", f"remount,{way}", self.point], check=True)
            try:
                probe = os.open(os.path.join(self.point, "probe"), os.O_CREAT | os.O_WRONLY, 0o600)
            except OSError:
                if way == "rw":
                    raise
                continue
            os.close(probe)
            os.unlink(os.path.join(self.point, "probe"))
            if way == "ro":
                raise Problem(f"{self.name}: a file could be made on a mount that is remounted read-only")

    def empty_upper(self):
        """Only while it is down."""
        for folder in (self.upper, self.work):
            shutil.rmtree(folder)
            os.mkdir(folder)

    def said(self):
        """What the daemon has said since it was asked last: one string."""
        with open(self.log, "rb") as log:
            log.seek(self.read_of_log)
            text = log.read()
        self.read_of_log += len(text)
        return text.decode(errors="replace").strip()

    def check(self):
        """What `plyctl check` finds in upper; only while it is down."""
        plyctl = os.path.join(os.path.dirname(self.program), "plyctl")
        done = subprocess.run([plyctl, "check", self.upper, "--workdir", self.work, "--lower", ":".join(self.layers)],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        return [] if done.returncode == 0 else [f"{self.name}: plyctl check: {line}"
                                                for line in done.stdout.splitlines()[:5]]

    def kernel_up(self):
        """Kernel overlayfs over the same layers; only while it is down."""
        folder = os.path.dirname(self.top)
        lowers = ":".join(os.path.relpath(layer, folder) for layer in self.layers)
        options = f"lowerdir={lowers},upperdir={self.name}/u,workdir={self.name}/w,redirect_dir=on"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, self.point], cwd=folder, check=True)

    def kernel_down(self):
        subprocess.run(["umount", self.point], check=True)
