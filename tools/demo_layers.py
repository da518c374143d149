"""Layers for tools/demo: each installed Debian package becomes one, copied from its own file list.

The host's files are only read.  They are copied, by reflink where the filesystem can: a hard link would let a
write through the mount reach the host.
"""
import concurrent.futures
import contextlib
import os
import re
import shutil
import signal
import subprocess

# What the demo cannot do without inside the merged tree, chosen first together with all that it depends on; then
# what makes a system of it; the rest follows by size, so that many fit.
NEEDED = {"base-files", "coreutils", "dash", "dpkg", "grep", "perl-base", "sed"}
WANTED = {"bash", "coreutils", "dash", "dpkg", "perl-base", "python3"}
LARGEST_PACKAGE_KB = 40_000
TOTAL_KB = 500_000

# What packages make at installation, or the administrator; nothing secret.
BASE_FILES = ("/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/ld.so.cache", "/etc/alternatives",
              "/var/lib/dpkg")
BASE_DIRS = {"/dev": 0o755, "/proc": 0o555, "/sys": 0o555, "/run": 0o755, "/tmp": 0o1777, "/root": 0o700,
             "/etc": 0o755, "/usr": 0o755, "/usr/bin": 0o755}
MERGED_USR = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
INFO = "/var/lib/dpkg/info"


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Package:
    def __init__(self, name, list_file, size_kb, essential, needs):
        self.name, self.list_file, self.size_kb, self.essential, self.needs = name, list_file, size_kb, essential, needs


def query(form):
    out = subprocess.run(["dpkg-query", "-W", "-f", form], check=True, stdout=subprocess.PIPE, text=True).stdout
    return (line.split("\t") for line in out.splitlines())


def installed_packages():
    """name -> Package, for each that has a file list."""
    arch = subprocess.run(["dpkg", "--print-architecture"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    packages = {}
    for status, name, size, essential, needs in query(
            "${db:Status-Status}\t${Package}\t${Installed-Size}\t${Essential}\t${Pre-Depends}, ${Depends}\n"):
        lists = (path for path in (f"{INFO}/{name}.list", f"{INFO}/{name}:{arch}.list") if os.path.exists(path))
        if status == "installed" and (found := next(lists, None)):
            packages[name] = Package(name, found, int(size or 0), essential == "yes",
                                     [re.findall(r"(?:^|\|)\s*([a-z0-9.+-]+)", need) for need in needs.split(",")])
    return packages


def needed_by(packages, programs, essential=True):
    """Names of the essential packages, of `programs`, and of what they need to run."""
    todo = [name for name, package in packages.items() if (essential and package.essential) or name in programs]
    wanted = set()
    while todo:
        if (name := todo.pop()) not in wanted:
            wanted.add(name)
            # An alternative that is virtual, or not installed, has another that is.
            todo += [real[0] for need in packages[name].needs if (real := [n for n in need if n in packages])]
    return wanted


def fewest():
    """How many layers the demo takes at least, the base layer included."""
    return len(needed_by(installed_packages(), NEEDED, essential=False)) + 1


def choose(limit):
    """(chosen, number of packages left out for their size): at most `limit`, the wanted ones first."""
    packages = installed_packages()
    needed, wanted = needed_by(packages, NEEDED, essential=False), needed_by(packages, WANTED)
    chosen, total, too_big = [], 0, 0
    for package in sorted(packages.values(), key=lambda p: (p.name not in needed, p.name not in wanted, p.size_kb, p.name)):
        if len(chosen) == limit:
            break
        if package.size_kb > LARGEST_PACKAGE_KB or total + package.size_kb > TOTAL_KB:
            too_big += 1
            continue
        chosen.append(package)
        total += package.size_kb
    return chosen, too_big


class HostPaths:
    """A package's list may name /bin/ls where /bin is a link to usr/bin: the layer has it where it really is."""

    def __init__(self):
        self.parents = {}

    def real(self, path):
        parent, name = os.path.split(path)
        if parent not in self.parents:
            self.parents[parent] = os.path.realpath(parent)
        return os.path.join(self.parents[parent], name)


def copy(paths, layer):
    """cp makes the parents too, with the owner, mode and times that they have on the host."""
    for at in range(0, len(paths), 2000):
        subprocess.run(["cp", "-d", "--preserve=all", "--reflink=auto", "--parents", "-t", layer, "--",
                        *(path[1:] for path in paths[at:at + 2000])], cwd="/", check=True)


def make_dir(layer, path):
    """An empty directory, and its parents, as the host has them."""
    at = layer
    done = ""
    for part in path.strip("/").split("/"):
        at, done = os.path.join(at, part), f"{done}/{part}"
        if not os.path.isdir(at):
            os.mkdir(at)
            status = os.stat(done)
            os.chown(at, status.st_uid, status.st_gid)
            shutil.copystat(done, at)


def make_package_layer(package, layer, host):
    files, dirs = [], []
    with open(package.list_file, encoding="utf-8", errors="surrogateescape") as file:
        listed = [line.rstrip("\n") for line in file]
    for path in listed:
        path = host.real(path)
        # Some are gone: documentation that the host's dpkg leaves out, or diverted.
        if path == "/" or path in MERGED_USR or not os.path.lexists(path):
            continue
        (dirs if os.path.isdir(path) and not os.path.islink(path) else files).append(path)
    os.mkdir(layer, 0o755)
    copy(sorted(set(files)), layer)
    for path in dirs:
        make_dir(layer, path)


def alternatives():
    """The links that update-alternatives keeps outside /etc/alternatives."""
    folder = "/var/lib/dpkg/alternatives"
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), encoding="utf-8", errors="surrogateescape") as file:
            for line in file.read().splitlines():
                if line.startswith("/") and os.path.islink(line) and \
                        os.readlink(line).startswith("/etc/alternatives/"):
                    yield line


def make_base_layer(layer, host):
    os.mkdir(layer, 0o755)
    for path, mode in BASE_DIRS.items():
        os.mkdir(layer + path)
        os.chmod(layer + path, mode)
    for path in MERGED_USR:
        if os.path.islink(path):
            os.symlink(os.readlink(path), layer + path)
            make_dir(layer, os.path.realpath(path))
    files = [path for path in BASE_FILES if os.path.exists(path)]
    subprocess.run(["cp", "-a", "--reflink=auto", "--parents", "-t", layer, "--", *(path[1:] for path in files)],
                   cwd="/", check=True)
    copy(sorted({host.real(path) for path in alternatives()}), layer)


@contextlib.contextmanager
def interrupted_later():
    """A pool that is interrupted while it starts a thread never waits for that thread."""
    noted = []
    handlers = {number: signal.signal(number, lambda *what: noted.append(what)) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    for number, _ in noted:
        signal.raise_signal(number)


def make(folder, packages, progress):
    """Layers 0 (topmost) to n in `folder`, named by their numbers; the last is the base.  Their paths."""
    host = HostPaths()
    layers = [os.path.join(folder, str(i)) for i in range(len(packages) + 1)]
    with concurrent.futures.ThreadPoolExecutor(max_workers=max(2, os.cpu_count() or 2)) as pool:
        try:
            with interrupted_later():
                work = [pool.submit(make_base_layer, layers[-1], host)]
                work += [pool.submit(make_package_layer, *pair, host) for pair in zip(packages, layers)]
            for i, done in enumerate(concurrent.futures.as_completed(work), 1):
                done.result()
                progress(i, len(work))
        except BaseException:
            # A second one would leave copies running in what is about to be removed.
            for number in SIGNALS:
                signal.signal(number, signal.SIG_IGN)
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return layers
