"""The machine and its processes: what /proc says."""
import os
import platform
import subprocess


def read(path):
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return file.read()


def facts():
    """What a reader of the figures must know of the machine."""
    models = [line.partition(":")[2].strip() for line in read("/proc/cpuinfo").splitlines()
              if line.startswith("model name")]
    memory = next(int(line.split()[1]) for line in read("/proc/meminfo").splitlines() if line.startswith("MemTotal"))
    return {"kernel": platform.release(), "cpus": os.cpu_count(), "cpu": models[0] if models else "unknown",
            "memory_mib": memory // 1024, "load_before": os.getloadavg()[0]}


def commit(root):
    done = subprocess.run(["git", "-C", root, "describe", "--always", "--dirty"], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    return done.stdout.strip() or "unknown"


def find_daemon(program, mountpoint):
    """The pid of the process that runs `program` with the mountpoint among its arguments."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
            if os.fsencode(mountpoint) in words and os.path.samefile(f"/proc/{pid}/exe", program):
                return int(pid)
        except OSError:
            continue
    return None


def is_gone(pid):
    try:
        return read(f"/proc/{pid}/stat").rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


class Usage:
    """What a daemon has used so far.  `requests` are the replies that it has written: exact where requests come
    by read(2) and go by write(2), and nothing else is written."""

    def __init__(self, pid):
        self.cpu_ns = self.requests = self.rss_anon_kib = 0
        if pid is None:
            return
        for task in os.listdir(f"/proc/{pid}/task"):
            try:
                self.cpu_ns += int(read(f"/proc/{pid}/task/{task}/schedstat").split()[0])
            except (OSError, IndexError):
                continue
        for line in read(f"/proc/{pid}/io").splitlines():
            if line.startswith("syscw:"):
                self.requests = int(line.split()[1])
        for line in read(f"/proc/{pid}/status").splitlines():
            if line.startswith("RssAnon:"):
                self.rss_anon_kib = int(line.split()[1])
