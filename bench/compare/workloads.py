"""The workloads: each runs on a fresh mount and measures one thing in several states.

first: freshly mounted, backing caches warm.  again: asked for before.  remounted: the kernel's names of this
mount were forgotten (a remount does that), names of the layers that do not exist are still cached.  dropped:
the same, and the layers' caches are as for a first visit.  cold (--cold): as first, with nothing of the
backing filesystem in memory.
"""
import os
import shutil

MANY = 8


def names(run):
    chosen = run.stack.spread(run.stack.sizes.names)
    chosen = chosen[:run.loop("stat", "first", "stat", chosen)]
    if run.cold:
        return
    # The same names over and over, the second time on.
    run.loop("stat again and again", "again", "stat", chosen[:run.stack.sizes.again], passes=50)
    run.forget()
    run.loop("stat", "remounted", "stat", chosen)
    run.forget_and_renew()
    run.loop("stat", "dropped", "stat", chosen)


def absent(run):
    chosen = run.new_absent(run.stack.sizes.names)
    chosen = chosen[:run.loop("absent", "first", "absent", chosen)]
    if run.cold:
        return
    run.loop("absent", "again", "absent", chosen[:run.stack.sizes.again], passes=50)
    run.forget()
    run.loop("absent", "remounted", "absent", chosen)
    run.forget_and_renew()
    run.loop("absent", "dropped", "absent", chosen)


def listing(run):
    done = run.loop("ls", "first", "list", run.stack.dirs)
    if run.cold:
        return
    run.loop("ls", "again", "list", run.stack.dirs[:done], passes=10)
    run.forget()
    run.loop("ls", "remounted", "list", run.stack.dirs[:done])


def find(run):
    roots = run.stack.roots()
    whole = run.program("find -ls", "first", ["find", *roots, "-ls"], per_line=True, limit=run.bench.find_limit)
    if whole and not run.cold:
        run.program("find -ls", "again", ["find", *roots, "-ls"], per_line=True, limit=run.bench.find_limit)


def create(run):
    files = [f"{run.stack.dirs[0]}/n{i}" for i in range(run.stack.sizes.creates)]
    done = run.loop("create+unlink", "first", "create", files)
    # Names that are new again, where the directory is known by now, and is in upper.
    run.loop("create+unlink", "again", "create", [f"{name}again" for name in files[:done]])


def read(run):
    files = run.stack.readable()
    done = run.loop("open+read", "first", "read", files)
    run.loop("open+read", "again", "read", files[:done], passes=5)


def copy_up(run):
    run.loop("copy-up", "first", "append", run.stack.readable())


def trees(run):
    """tar and du each visit all for the first time: the mount's names are forgotten in between."""
    roots = run.stack.roots()
    run.program("du", "first", ["du", "-s", *roots])
    run.forget_and_renew()
    run.program("tar", "dropped", ["sh", "-c", f"tar cf - {' '.join(run.stack.tar_roots())} project | cat >/dev/null"])


def git(run):
    index = "project/.git/index"
    if run.contender.key == "flat":  # the others begin with the layer's
        shutil.copy2(os.path.join(run.stack.top, run.stack.lowers[-1], index), os.path.join(run.stack.flat, index))
    words = ["git", "-c", "safe.directory=*", "-C", "project", "status", "--porcelain"]
    if run.program("git status", "first", words):
        run.program("git status", "again", words)


def compiling(run):
    script = "cd project && for f in src/*.c; do cc -c -Iinclude -o out/$(basename $f).o $f || exit 1; done"
    run.program("C compile", "first", ["sh", "-c", script])
    if run.contender.key == "flat":
        for name in os.listdir(os.path.join(run.stack.flat, "project/out")):
            os.unlink(os.path.join(run.stack.flat, "project/out", name))


def many(run):
    """Several clients at once, on one mount: new names, then files made and read."""
    run.loop("stat", "first", "stat", run.stack.spread(run.stack.sizes.names), clients=MANY)
    run.loop("absent", "first", "absent", run.new_absent(run.stack.sizes.names), clients=MANY)
    files = [f"{run.stack.dirs[0]}/n{i}" for i in range(run.stack.sizes.creates)]
    run.loop("create+unlink", "first", "create", files, clients=MANY)
    run.loop("open+read", "first", "read", run.stack.readable(), clients=MANY)


class Workload:
    """`small`: it visits the stack's small directories only."""

    def __init__(self, run, small=False, has_null=False, cold=False, quick=True):
        self.run, self.small, self.has_null, self.cold, self.quick = run, small, has_null, cold, quick


WORKLOADS = {
    "stat": Workload(names, small=True, has_null=True, cold=True),
    "absent": Workload(absent, small=True, has_null=True, cold=True),
    "ls": Workload(listing, small=True, has_null=True, cold=True),
    "find": Workload(find, has_null=True, cold=True),
    "create": Workload(create, small=True, has_null=True),
    "read": Workload(read, small=True),
    "copy-up": Workload(copy_up, small=True),
    "tree": Workload(trees, quick=False),
    "git": Workload(git, quick=False),
    "cc": Workload(compiling, quick=False),
    "many": Workload(many, small=True, quick=False),
}
