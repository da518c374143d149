#!/usr/bin/python3
"""Load for a long time: docs/soak.md.  Called by tools/dev soak."""
import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
import clients  # noqa: E402
import clients_files  # noqa: E402
import clients_names  # noqa: E402
import clients_programs  # noqa: E402
import daemon  # noqa: E402
import stack  # noqa: E402
import tree  # noqa: E402
from stack import Problem  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KINDS = (clients_names.Storm, clients_names.Readers, clients_names.Lister, clients_names.Hands, clients_files.Mapped,
         clients_files.Synced, clients_files.Copies, clients_files.Held, clients_files.Attributes,
         clients_programs.Build, clients_programs.Tar, clients_programs.Git, clients_programs.Sqlite)
ROUND_MAY_TAKE = 600  # seconds
MOST_PROBLEMS = 30
SAMPLE_EVERY = 1      # seconds
INSIDE = "PLYFS_SOAK_INSIDE"


class Sampler(threading.Thread):
    """Looks at the daemons each second, and prints a line each minute."""

    def __init__(self, soak):
        super().__init__(daemon=True)
        self.soak, self.over, self.began = soak, threading.Event(), time.monotonic()
        self.most = {}

    def run(self):
        minute = 1
        while not self.over.wait(SAMPLE_EVERY):
            for mount in self.soak.mounts:
                for name, value in (daemon.held(mount.pid) if mount.pid else {}).items():
                    peaks = self.most.setdefault(mount.name, {})
                    peaks[name] = max(peaks.get(name, 0), value)
            if time.monotonic() - self.began >= 60 * minute:
                print(f"minute {minute}: {self.line()}", flush=True)
                minute += 1

    def line(self):
        soak = self.soak
        now = daemon.held(soak.steady.pid) if soak.steady.pid else {}
        peaks = self.most.get("steady", {})
        figures = ", ".join(f"{name} {now.get(name, 0)} (peak {peaks.get(name, 0)})" for name in peaks)
        last = soak.history[-1] if soak.history else {}
        costs = "".join(f", {last[name]:.4g} {name}" for name in ("system calls an operation", "hand-overs an operation")
                        if name in last)
        return (f"rounds {soak.done}, operations {soak.operations:.0f}, problems {len(soak.problems)}; {figures}"
                f", watches {last.get('watches', 0):.0f}{costs}")


class Soak:
    """The rounds.  Main thread; the sampler reads."""

    def __init__(self, args, top):
        self.args, self.top = args, top
        self.problems, self.history, self.done, self.operations = [], [], 0, 0.0
        layers, self.shown = stack.lay_many(os.path.join(top, "many"), args.layers)
        limits = argparse.Namespace(memory=args.memory, nofile=args.layers + args.descriptors)
        self.steady, self.turned = (stack.Mount(top, name, args.plyfs, layers, limits) for name in ("steady", "turned"))
        self.mounts = [self.steady, self.turned]
        self.results = os.path.join(top, "results")
        os.mkdir(self.results)
        self.laid = {mount: None for mount in self.mounts}  # the round whose files the mount shows

    def trouble(self, lines):
        for line in lines:
            print(f"soak: {line}", flush=True)
            self.problems.append(line)

    def said(self):
        for mount in self.mounts:
            self.trouble(f"{mount.name}: the daemon says: {line}" for line in mount.said().splitlines())

    def compare(self, mount, wanted, after):
        self.trouble(f"{mount.name}: after {after}: {line}"
                     for line in tree.differences(wanted, tree.look(mount.point, mount.point)))

    def round(self):
        """One of the same work as any other, on both mounts at once."""
        number, crew = self.done + 1, []
        for mount in self.mounts:
            if not mount.is_up():
                raise Problem(f"{mount.name}: the mount is gone")
            if self.laid[mount] is not None:
                shutil.rmtree(os.path.join(mount.point, "fresh", str(self.laid[mount])))
                self.laid[mount] = None
            if mount is self.steady:
                self.lay(mount, number)
            self.laid[mount] = number
            crew += [client for client in self.crew(mount, number) if mount.watched or not client.needs_watch]
        before = daemon.told(self.steady)
        left, bad = clients.run_all(crew, self.results, ROUND_MAY_TAKE)
        cost = daemon.did(before, daemon.told(self.steady))
        self.trouble(bad)
        self.operations += cost["requests"]
        looks = {}
        for mount in self.mounts:
            looks[mount] = look = tree.look(mount.point, mount.point)
            mine = {client: entries for client, entries in left.items() if client.mount is mount}
            for beneath, wanted in clients.wanted_of(mine).items():
                self.trouble(f"{mount.name}: after round {number}: {line}"
                             for line in tree.differences(wanted, look, beneath))
            self.trouble(mount.left_in_work())
        return cost, looks

    def crew(self, mount, number):
        return [kind(mount, number, self.args.work / 100, self.shown) for kind in KINDS
                if kind.__name__.lower() in (self.args.only or [kind.__name__.lower()])]

    def lay(self, mount, number):
        """By hand in the lower layers: what this round finds there comes, what earlier ones found goes."""
        for own in mount.own:
            fresh = os.path.join(own, "fresh")
            for old in os.listdir(fresh):
                if old != str(self.laid[mount]):
                    shutil.rmtree(os.path.join(fresh, old))
        for client in self.crew(mount, number):
            for folder in client.lowers:
                os.makedirs(folder)
            client.lay()

    def turn(self, look):
        """The other mount goes and comes back; what it shows is to stay."""
        daemon.settled(self.turned)
        self.judge_open(self.turned, daemon.told(self.turned))
        self.trouble(self.turned.down())
        self.trouble(self.turned.check())
        more = stack.TURNS[self.done % len(stack.TURNS)]
        if more is None:
            self.turned.empty_upper()
            self.laid[self.turned] = None
        self.lay(self.turned, self.done + 2)
        self.turned.up(more or "")
        if more is not None:
            beneath = os.path.join("fresh", str(self.done + 1))
            self.trouble(f"turned: after unmounting, and mounting with {more}: {line}" for line in
                         tree.differences({path: entry for path, entry in look.items() if path.startswith(beneath + "/")},
                                          tree.look(os.path.join(self.turned.point, beneath), self.turned.point), beneath))

    def one(self):
        cost, looks = self.round()
        self.turn(looks[self.turned])
        self.steady.remount()
        self.history.append(cost | self.at_rest())
        self.compare(self.steady, looks[self.steady], "a remount")
        self.said()
        self.done += 1
        if self.args.verbose:
            print(f"round {self.done}: " + ", ".join(f"{value:.5g} {name}" for name, value in self.history[-1].items()),
                  flush=True)
        if len(self.problems) > MOST_PROBLEMS:
            raise Problem("enough is wrong")

    def at_rest(self):
        figures = daemon.settled(self.steady)
        told = daemon.told(self.steady)
        figures |= {name: told[name] for name in ("inodes", "cached_names", "cached_attributes", "listing_bytes")}
        sanitized = "PLYFS_SANITIZED" in os.environ  # its allocator gives nothing back
        if not sanitized and told["anonymous_memory_bytes"] > told["allowed_memory_bytes"]:
            self.trouble([f"steady: {told['anonymous_memory_bytes']:.0f} bytes of memory are held; the budget allows "
                          f"{told['allowed_memory_bytes']:.0f}"])
        self.judge_open(self.steady, told)
        return figures

    def judge_open(self, mount, told):
        """What a daemon may have open at rest."""
        for name in ("open_files", "open_directories", "nameless_objects"):
            if told[name] > 1:  # plyctl itself
                self.trouble([f"{mount.name}: {name} is {told[name]:.0f} when nobody has anything open"])
        more = daemon.held(mount.pid).get("descriptors", 0) - mount.descriptors
        most = daemon.may_keep(mount.limits.nofile, len(mount.layers))
        if more > most:
            self.trouble([f"{mount.name}: at rest {more} descriptors are open beside the {mount.descriptors} of its "
                          f"beginning; {most} may be kept; {daemon.descriptors_of(mount)}"])

    def kernel(self):
        """In the end kernel overlayfs is to show the same."""
        for mount in self.mounts:
            look = tree.look(mount.point, mount.point)
            self.trouble(mount.down())
            self.trouble(mount.check())
            mount.kernel_up()
            try:
                self.compare(mount, look, "mounting by the kernel")
            finally:
                mount.kernel_down()

    def run(self):
        self.lay(self.turned, 1)
        for mount in self.mounts:
            mount.up()
        until = time.monotonic() + 60 * self.args.minutes
        while self.done < self.args.rounds if self.args.rounds else time.monotonic() < until or self.done < 4:
            self.one()
        # The first round does what is done once: it is no measure.
        self.trouble(f"steady: {line}" for line in daemon.grown(self.history[1:]))
        self.kernel()
        self.said()

    def summary(self, sampler):
        full = self.history[1:] or self.history
        for name, *_ in daemon.MAY_NOT_GROW:
            if full:
                print(f"{name:28} first round {full[0][name]:10.5g}   last {full[-1][name]:10.5g}   peak "
                      f"{sampler.most.get('steady', {}).get(name, max(f[name] for f in full)):10.5g}")
        print(f"rounds {self.done}, operations {self.operations:.0f}, "
              f"minutes {(time.monotonic() - sampler.began) / 60:.1f}, problems {len(self.problems)}")


def others(program):
    """What is left of processes: everything in this pid namespace but us and those of `program`'s family."""
    return [pid for pid in daemon.running(program) if pid != os.getpid()]


def mounts_now():
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        return sorted(line.split(" ")[4] for line in file)


def soak(args):
    mounts, descriptors = mounts_now(), len(os.listdir("/proc/self/fd"))
    top = tempfile.mkdtemp(prefix="plyfs-soak-", dir=args.dir)
    sampler = None
    try:
        work = Soak(args, top)
        sampler = Sampler(work)
        sampler.start()
        try:
            work.run()
        except (Problem, OSError, subprocess.SubprocessError) as error:
            work.problems.append(clients.one_line(error))
            print(f"soak: {work.problems[-1]}", flush=True)
            for mount in work.mounts:
                if mount.pid and daemon.held(mount.pid):
                    print(f"soak: {mount.name}: {daemon.descriptors_of(mount)}", flush=True)
                    os.kill(mount.pid, signal.SIGUSR1)  # it logs what is in flight
            time.sleep(0.5)
            work.said()
        sampler.over.set()
        sampler.join()
        if not work.problems:
            lost = [f"a process is left: {pid}" for pid in others(args.plyfs)]
            lost += [f"a mount is left: {point}" for point in mounts_now() if point not in mounts]
            if len(os.listdir("/proc/self/fd")) > descriptors:
                lost.append("the soak itself has lost descriptors")
            work.trouble(lost)
        work.summary(sampler)
        return 1 if work.problems else 0
    finally:
        clean(top, args.plyfs)


def clean(top, program):
    for point in (os.path.join(top, name, "m") for name in ("steady", "turned")):
        while daemon.mounted(point):
            if subprocess.run(["umount", "-l", point], check=False).returncode != 0:
                break
    for pid in others(program):
        os.kill(pid, signal.SIGKILL)
    shutil.rmtree(top, ignore_errors=True)


def options():
    parser = argparse.ArgumentParser(
        prog="tools/dev soak", description="Loads two real mounts with many clients at once, in rounds of the same work; "
        "docs/soak.md says how.  Status 0: nothing lost, wrong or grown; 1: something was, and each is said in a line; "
        "2: it could not be run.")
    parser.add_argument("--minutes", type=float, default=60, help="how long rounds are begun (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=0, help="so many rounds instead")
    parser.add_argument("--work", type=int, default=100, metavar="PERCENT", help="of a round's full work (default: all)")
    parser.add_argument("--layers", type=int, default=300, help="shared lower layers, at most 490 (default: %(default)s)")
    parser.add_argument("--memory", default="4M", help="memory= of the mounts (default: %(default)s)")
    parser.add_argument("--descriptors", type=int, default=200,
                        help="the daemons may have so many more than there are layers (default: %(default)s)")
    parser.add_argument("--dir", default="/tmp", help="where the layers are made (default: %(default)s)")
    parser.add_argument("--only", action="append", metavar="CLIENT", choices=[kind.__name__.lower() for kind in KINDS],
                        help="this client alone; again for more: %(choices)s")
    parser.add_argument("--verbose", action="store_true", help="a line a round")
    parser.add_argument("--plyfs", default=os.path.join(ROOT, "build/bin/plyfs"), help="the program (default: build/bin/plyfs)")
    args = parser.parse_args()
    if not 1 <= args.layers <= 490:
        parser.error("--layers: from 1 to 490; the kernel takes no more than 500 in the end")
    if args.minutes <= 0 or args.rounds < 0 or not 1 <= args.work <= 100:
        parser.error("--minutes, --rounds: more than nothing; --work: from 1 to 100")
    args.plyfs = os.path.realpath(args.plyfs)
    return args


def refuse(why):
    print(f"tools/dev soak: {why}", file=sys.stderr)
    sys.exit(2)


def on_signal(number, _frame):
    raise KeyboardInterrupt(signal.Signals(number).name)


def main():
    args = options()
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
        refuse("it mounts; run it as root where /dev/fuse is")
    for program in (args.plyfs, os.path.join(os.path.dirname(args.plyfs), "plyctl")):
        if not os.access(program, os.X_OK):
            refuse(f"no program {program}; build it with tools/dev build")
    with open("/proc/filesystems", encoding="ascii") as file:
        if not re.search(r"\boverlay$", file.read(), re.M):
            refuse("no kernel overlayfs; load the module: modprobe overlay")
    if INSIDE not in os.environ:
        # Mounts and daemons end with these namespaces, whatever becomes of us.
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child",
                              "--mount-proc", "env", f"{INSIDE}=1", sys.executable, os.path.abspath(__file__), *sys.argv[1:]])
    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    try:
        sys.exit(soak(args))
    except KeyboardInterrupt:
        print("soak: interrupted", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
