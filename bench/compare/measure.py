"""One fresh mount of one contender, and measurements on it."""
import json
import os
import subprocess

import host
from backing import forget_dentries
from calls import Counter


class ClientFailed(Exception):
    pass


class Run:
    """`record(row, state, clients, sample)` takes what was measured."""

    def __init__(self, bench, stack, contender, round_number, small, cold, record):
        self.bench, self.stack, self.contender, self.cold = bench, stack, contender, cold
        self.small = small
        self.round, self.record = round_number, record
        self.point = bench.point
        self.absent_marks = 0

    def __enter__(self):
        self.contender.prepare(self.stack)
        if self.cold:
            self.stack.backing.make_cold()
        else:
            self.renew_backing()
        try:
            took = self.contender.mount(self.stack, self.point)
        except BaseException:
            self.contender.give_up(self.point)
            raise
        self.record("mount", "cold" if self.cold else "first", 1, {"ns": took, "client_cpu_ns": 0, "ops": 1, "cut": False,
                                                                   **self.usage_since(host.Usage(None))})
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.contender.unmount(self.point)
        else:
            self.contender.give_up(self.point)

    # States.

    def renew_backing(self):
        folders = [self.stack.flat] if self.contender.key == "flat" else self.stack.layer_paths()
        if self.small:  # what the workload does not visit need not be in memory
            folders = [os.path.join(folder, name) for folder in folders for name in self.stack.dirs]
        if not self.contender.reference:
            self.stack.backing.renew(lambda: self.client("walk", folders, threads=os.cpu_count(), folder="/"))

    def forget(self):
        """The kernel forgets the names of this mount; what the daemon knows and the layers' caches stay."""
        forget_dentries(self.point)

    def forget_and_renew(self):
        """As forget(), and the layers are as for a first visit again."""
        forget_dentries(self.point)
        self.renew_backing()

    # Measurements.

    def loop(self, row, state, command, names, clients=1, passes=1):
        """The number of operations done; fewer than asked for when the limit cut it short."""
        got = self.watched(lambda: self.client(command, names, threads=clients, passes=passes, limit=self.bench.limit))
        self.record(row, "cold" if self.cold else state, clients, got)
        return got["ops"]

    def program(self, row, state, words, per_line=False, limit=None):
        """Whether it ran to its end.  One operation is one run, or one line of its output."""
        got = self.watched(lambda: self.call(["--dir", self.point, "--limit", str(limit or 10 * self.bench.limit),
                                              "run", "--", *words]))
        if not per_line:
            got["ops"] = 1
        if per_line or not got["cut"]:
            self.record(row, "cold" if self.cold else state, 1, got)
        return not got["cut"]

    def watched(self, work):
        """What `work` gives and what the daemon used for it."""
        pid = self.contender.pid
        told = self.contender.told(self.point)
        counter = Counter(pid, self.stack.folder) if self.bench.count and pid else None
        before = host.Usage(pid)
        try:
            got = work()
            got.update(self.usage_since(before))
        finally:
            calls = counter.stop() if counter else None
        if calls is not None:
            got["calls"] = calls
        for name, now in (self.contender.told(self.point) if told else {}).items():
            got[name] = now - told[name]
        return got

    def usage_since(self, before):
        now = host.Usage(self.contender.pid)
        return {"cpu_ns": now.cpu_ns - before.cpu_ns, "requests": now.requests - before.requests,
                "rss_anon_kib": now.rss_anon_kib}

    def client(self, command, names, threads=1, passes=1, limit=0.0, folder=None):
        path = os.path.join(self.stack.folder, "names.txt")
        with open(path, "w", encoding="utf-8") as file:
            file.write("".join(f"{name}\n" for name in names))
        return self.call(["--dir", folder or self.point, "--threads", str(threads), "--passes", str(passes),
                          "--limit", str(limit), command, path])

    def call(self, words):
        done = subprocess.run([self.bench.client, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            raise ClientFailed(done.stderr.strip().splitlines()[-1] if done.stderr else "bench_client failed")
        return json.loads(done.stdout.splitlines()[-1])

    def new_absent(self, count):
        """Names never asked for before."""
        self.absent_marks += 1
        return self.stack.absent(count, f"{self.round}{self.contender.key}{self.absent_marks}")
