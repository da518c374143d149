"""What a daemon holds and has done, as /proc and `plyctl stats` tell it."""
import collections
import os
import re
import subprocess
import time

SETTLED = 10      # seconds for what was forgotten to be given back
READERS = 4       # threads more or fewer that the load of the moment decides
DESCRIPTORS = 32  # likewise: cached ones
ROUNDED_UP = 48   # by how much caches of descriptors may be larger than their share: they have parts; and rings


def mounted(point):
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        return any(line.split(" ")[4] == point for line in file)


def running(program):
    """The ids of the processes of this program."""
    wanted, found = os.path.realpath(program), []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.path.realpath(f"/proc/{pid}/exe") == wanted:
                found.append(int(pid))
        except OSError:
            continue
    return found


def held(pid):
    """{RssAnon: KiB, threads:, descriptors:, marks:} of a process; empty once it is gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            status = dict(re.findall(r"^(\w+):\s*(\d+)", file.read(), re.M))
        figures = {"memory": int(status["RssAnon"]), "threads": int(status["Threads"]),
                   "descriptors": len(os.listdir(f"/proc/{pid}/fd"))}
    except (OSError, KeyError):
        return {}
    return figures


def kind_of(link, layers):
    """In a word or two what a descriptor is of; `layers` is the set of the lower layers' paths."""
    if link.endswith(" (deleted)"):
        return "nameless"
    if link in layers:
        return "layers' roots"
    above = os.path.dirname(link)
    while above not in ("", "/"):
        if above in layers:
            return "in lower layers"
        above = os.path.dirname(above)
    if not link.startswith("/") or link.startswith("/dev/"):
        return re.sub(r":?\[?\d+\]?$", "", link)
    return "/" + link.split("/")[1]  # upper and work are seen from where their mounts were cloned


def kinds(pid, layers):
    """{kind: number} of a process's descriptors; empty once it is gone."""
    found = collections.Counter()
    try:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            try:
                found[kind_of(os.readlink(f"/proc/{pid}/fd/{fd}"), layers)] += 1
            except FileNotFoundError:
                continue  # closed meanwhile
    except OSError:
        return {}
    return dict(found.most_common())


def descriptors_of(mount):
    """The same in words, for a line about something that went wrong."""
    found = kinds(mount.pid, set(mount.layers))
    return (f"the daemon has {sum(found.values())} of {mount.limits.nofile} descriptors: "
            + ", ".join(f"{number} {kind}" for kind, number in found.items())) if found else "the daemon is gone"


def may_keep(nofile, layers):
    """How many descriptors a daemon at rest may have more than when it was mounted (ShareOutDescriptors)."""
    return max(0, nofile - layers - min(512, nofile // 4)) + ROUNDED_UP


def find(program, point):
    """Of the processes that serve `point` the daemon: the one with the most threads."""
    best, most = None, 0
    for pid in running(program):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                serves = os.fsencode(point) in file.read().split(b"\0")
        except OSError:
            continue
        threads = held(pid).get("threads", 0)
        if serves and threads > most:
            best, most = pid, threads
    return best


def told(mount):
    """`plyctl stats`: {name: number}."""
    plyctl = os.path.join(os.path.dirname(mount.program), "plyctl")
    done = subprocess.run([plyctl, "stats", mount.point], stdout=subprocess.PIPE, check=True, text=True)
    return {name: float(value) for name, value in (line.split() for line in done.stdout.splitlines())}


def settled(mount):
    """Figures of a daemon that is left in peace: once memory and descriptors have stopped falling."""
    until = time.monotonic() + SETTLED
    before = held(mount.pid)
    while time.monotonic() < until:
        time.sleep(0.5)
        now = held(mount.pid)
        if now and all(now[key] >= before[key] * 0.99 for key in ("memory", "descriptors")):
            break
        before = now
    return held(mount.pid) | {"watches": told(mount)["watches"]}


def did(before, after):
    """What a round cost, from what was told before and after it."""
    requests = after["requests"] - before["requests"]
    return {"requests": requests,
            "hand-overs an operation": (after["requests_handed_over"] - before["requests_handed_over"]) / requests,
            "system calls an operation": (after["system_calls"] - before["system_calls"]) / requests}


# What may not grow: (figure, its unit, the share and the amount by which rounds of the same work may differ).
MAY_NOT_GROW = (("memory", "KiB", 0.10, 1024), ("descriptors", "", 0.10, DESCRIPTORS), ("threads", "", 0, READERS),
                ("watches", "", 0.10, 16), ("hand-overs an operation", "", 0.10, 0.001),
                ("system calls an operation", "", 0.10, 0.1))


def grown(rounds):
    """Lines about what is more in the last of these rounds than in the first; each a dict of figures.

    The most of the first three is compared with the least of the last three: what swings is not growth.
    """
    lines = []
    part = min(3, len(rounds) // 2)
    for name, unit, share, amount in MAY_NOT_GROW:
        first = max(figures[name] for figures in rounds[:part]) if part else 0
        last = min(figures[name] for figures in rounds[-part:]) if part else 0
        if part and last > first * (1 + share) + amount:
            lines.append(f"{name} grew from {first:.4g} to {last:.4g} {unit}".strip())
    return lines
