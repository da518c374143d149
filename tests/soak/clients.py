"""What a client of a soak is, and running them all side by side, each in a process of its own."""
import os
import pickle
import random
import signal
import threading
import time
import traceback

import daemon
import tree
from stack import Problem

MOST_PROBLEMS = 5  # of one client in one round


class Client:
    """One kind of work in a directory of its own, fresh each round.

    lay() puts what lower layers have there, before the round; work() does the round's work and returns what is
    there afterwards: {path relative to `dir`: entry of tree.py}.  Whatever it reads back wrong is a Problem.
    """
    needs_watch = False

    def __init__(self, mount, number, share, shown):
        self.mount, self.number, self.shown = mount, number, shown
        self.share = share  # of the full work, at most 1
        self.name = type(self).__name__.lower()
        self.beneath = os.path.join("fresh", str(number), self.name)
        self.dir = os.path.join(mount.point, self.beneath)
        self.dice = random.Random(f"{mount.name} {number} {self.name}")
        self.lowers = [os.path.join(own, self.beneath) for own in mount.own]

    def lay(self):
        """Beneath self.lowers, which exist."""

    def work(self):
        raise NotImplementedError

    def times(self, count):
        return max(1, int(count * self.share))

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def bytes(self, size):
        return self.dice.randbytes(size)

    def lay_file(self, layer, name, data, mode=0o644):
        path = os.path.join(self.lowers[layer], name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
        os.chmod(path, mode)

    def require(self, holds, what):
        if not holds:
            raise Problem(what)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def write(self, name, data):
        with open(self.path(name), "wb") as file:
            file.write(data)

    def side_by_side(self, *works):
        """Each in a thread; the first thing that went wrong in one of them is raised."""
        wrong = []

        def guarded(work):
            try:
                work()
            except BaseException as error:  # pylint: disable=broad-except
                wrong.append(error)
        threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if wrong:
            raise wrong[0]


def file_entry(data, **more):
    return {"type": "file", "size": len(data), "hash": tree.digest(data)} | more


def one_line(error):
    if isinstance(error, Problem):
        return str(error)
    where = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in where if "soak" in frame.filename] or where
    said = getattr(error, "output", None)
    more = f": {said!r}"[-600:] if said else ""
    return f"{type(error).__name__}: {error} at {os.path.basename(ours[-1].filename)}:{ours[-1].lineno}{more}"


def _child(client, result):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    problems, left = [], None
    try:
        left = client.work()
    except BaseException as error:  # pylint: disable=broad-except
        what = f"{client.mount.name}: {client.name} in round {client.number}: {one_line(error)}"
        # Now, not when all have ended: by then it may have given back what it lacked.
        problems.append(what if isinstance(error, Problem) else f"{what}; {daemon.descriptors_of(client.mount)}")
    with open(result + ".part", "wb") as file:
        pickle.dump((left, problems), file)
    os.rename(result + ".part", result)


def run_all(clients, folder, patience):
    """Runs them to their end: ({client: what it left}, problems), of those that ended well.  Orphans that come to us are reaped too."""
    children, problems, left = {}, [], {}
    for i, client in enumerate(clients):
        result = os.path.join(folder, str(i))
        pid = os.fork()
        if pid == 0:
            try:
                os.setsid()
                _child(client, result)
            finally:
                os._exit(0)
        children[pid] = (client, result)
    until = time.monotonic() + patience
    while children:
        pid, _ = os.waitpid(-1, os.WNOHANG) if children else (0, 0)
        if pid == 0:
            if time.monotonic() > until:
                hung = ", ".join(f"{client.mount.name}/{client.name}" for client, _ in children.values())
                raise Problem(f"after {patience} s still at work: {hung}")
            time.sleep(0.02)
        elif pid in children:
            client, result = children.pop(pid)
            if not os.path.exists(result):
                problems.append(f"{client.mount.name}: {client.name} in round {client.number} died")
                continue
            with open(result, "rb") as file:
                what, bad = pickle.load(file)
            os.unlink(result)
            problems += bad
            if what is not None:
                left[client] = what
    return left, problems


def wanted_of(left):
    """Of what the clients of one mount have left: {directory: {path in the mount: entry}}."""
    return {client.beneath: {os.path.join(client.beneath, path): entry for path, entry in entries.items()}
            for client, entries in left.items()}
