"""Who is measured: how each is mounted over a stack and unmounted.

mount() gives the nanoseconds until the tree is there.
"""
import os
import shutil
import subprocess
import time

import host
from backing import MNT_DETACH, MS_BIND, MS_NODEV, MS_NOSUID, system_mount, system_umount

KERNEL_LAYERS = 500  # OVL_MAX_STACK


def retrying(act):
    """Unmounting: a process that has just ended may still hold the tree for a moment."""
    until = time.monotonic() + 5
    while True:
        try:
            return act()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.002)


class Contender:
    key = label = ""
    program = None      # its daemon
    most_layers = 10 ** 9
    reference = False   # a yardstick; its tree is not the stack's

    def prepare(self, stack):
        """Once a stack, before its first mount; not measured."""

    def attach(self, stack, point):
        raise NotImplementedError

    def fits(self, stack):
        return stack.layers <= self.most_layers

    def mount(self, stack, point):
        self.upper = os.path.join(stack.backing.point, "upper")
        for name in ("u", "w"):
            os.makedirs(os.path.join(self.upper, name))
        begin = time.perf_counter_ns()
        self.attach(stack, point)
        took = time.perf_counter_ns() - begin
        self.pid = host.find_daemon(self.program, point) if self.program else None
        return took

    def unmount(self, point):
        retrying(lambda: system_umount(point))
        until = time.monotonic() + 10
        while self.pid is not None and not host.is_gone(self.pid) and time.monotonic() < until:
            time.sleep(0.002)
        shutil.rmtree(self.upper, ignore_errors=True)

    def told(self, point):
        """What the daemon itself says of what it has done: system calls and requests that changed threads."""
        return {}

    def give_up(self, point):
        """After a failure, or an interrupt at any moment: whatever is there is to go, and what a daemon that is
        still starting will mount."""
        until = time.monotonic() + 10
        while time.monotonic() < until:
            try:
                system_umount(point, MNT_DETACH)
            except OSError:
                if self.program is None or host.find_daemon(self.program, point) is None:
                    break
                time.sleep(0.002)
        shutil.rmtree(getattr(self, "upper", "/nonexistent"), ignore_errors=True)


class Kernel(Contender):
    key, label, most_layers = "kernel", "kernel overlayfs", KERNEL_LAYERS

    def attach(self, stack, point):
        # Relative paths: 500 of them fit into the one page that mount(2) takes.
        before = os.getcwd()
        os.chdir(stack.top)
        try:
            system_mount("overlay", point, "overlay", 0,
                         f"lowerdir={':'.join(stack.lowers)},upperdir=../upper/u,workdir=../upper/w")
        finally:
            os.chdir(before)


class Daemon(Contender):
    def run(self, words):
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              text=True, check=False)
        if done.returncode != 0:
            raise OSError(0, f"{' '.join(words)[:200]}: {done.stderr.strip()}")


class Plyfs(Daemon):
    def __init__(self, program, key="plyfs", label="plyfs", more=""):
        self.program, self.key, self.label, self.more = program, key, label, more

    def told(self, point):
        plyctl = os.path.join(os.path.dirname(self.program), "plyctl")
        if not os.path.exists(plyctl):
            return {}
        done = subprocess.run([plyctl, "stats", point], stdout=subprocess.PIPE, text=True, check=False)
        figures = dict(line.split() for line in done.stdout.splitlines())
        if "system_calls" not in figures:
            return {}
        return {"system_calls": int(figures["system_calls"]), "handed_over": int(figures["requests_handed_over"])}

    def attach(self, stack, point):
        path = os.path.join(stack.folder, "layers.txt")
        if not os.path.exists(path):
            with open(path, "w", encoding="utf-8") as file:
                file.write("".join(f"{layer}\n" for layer in stack.layer_paths()))
        self.run([self.program, "-o", f"lowerdir=@{path},upperdir={self.upper}/u,workdir={self.upper}/w"
                  + self.more.format(folder=stack.folder), point])


class FuseOverlayfs(Daemon):
    key, label, most_layers = "fuse-overlayfs", "fuse-overlayfs", KERNEL_LAYERS

    def __init__(self, program):
        self.program = program

    def attach(self, stack, point):
        self.run([self.program, "-o", f"lowerdir={':'.join(stack.layer_paths())},upperdir={self.upper}/u,"
                  f"workdir={self.upper}/w", point])


class Flat(Contender):
    key, label = "flat", "flat (no union)"

    def attach(self, stack, point):
        system_mount(stack.flat, point, None, MS_BIND)


class Null(Daemon):
    """Constant replies: what FUSE itself costs."""
    reference = True

    def __init__(self, program, key):
        self.program = program
        self.key = self.label = key

    def attach(self, stack, point):
        self.run([self.program, point])


def all_of(plyfs, programs):
    """Those that exist on this machine; `programs`: the folder of the benchmarks' own programs."""
    found = [Kernel(), Plyfs(plyfs), Plyfs(plyfs, "plyfs-frozen", "plyfs lower=frozen", ",lower=frozen")]
    help_text = subprocess.run([plyfs, "--help"], stdout=subprocess.PIPE, text=True, check=True).stdout
    if "index_dir" in help_text:
        found.append(Indexed(plyfs, os.path.join(programs, "plyctl")))
    if path := shutil.which("fuse-overlayfs"):
        found.append(FuseOverlayfs(path))
    found.append(Flat())
    for name in ("fuse_null", "null_loop"):
        if os.path.exists(path := os.path.join(programs, name)):
            found.append(Null(path, name))
    return found


class Indexed(Plyfs):
    """With layer indices, written before the first mount and not measured with it."""

    def __init__(self, plyfs, plyctl):
        super().__init__(plyfs, "plyfs-indexed", "plyfs lower=frozen,index_dir=",
                         ",lower=frozen,index_dir={folder}/index")
        self.plyctl = plyctl

    def attach(self, stack, point):
        folder = os.path.join(stack.folder, "index")
        if not os.path.isdir(folder):
            raise OSError(0, "the layer indices are not there")
        super().attach(stack, point)

    def prepare(self, stack):
        folder = os.path.join(stack.folder, "index")
        if not os.path.isdir(folder):
            os.mkdir(folder)
            self.run([self.plyctl, "index", "--index-dir", folder, *stack.layer_paths()])
