"""All samples of a run, and what is computed from them."""
import json
import os
import statistics
import time

import host


class Figure:
    """Median and spread of the samples of one contender in one row: nanoseconds an operation, of time or (`cpu`)
    of processor time of client and daemon together."""

    def __init__(self, samples, cpu=False):
        costs = sorted(((sample["client_cpu_ns"] + sample["cpu_ns"]) if cpu else sample["ns"]) / sample["ops"]
                       for sample in samples)
        self.samples = samples
        self.ns, self.low, self.high = (max(cost, 1e-3) for cost in (statistics.median(costs), costs[0], costs[-1]))
        self.cut = any(sample["cut"] for sample in samples)
        self.cpu_ns = statistics.median(sample["cpu_ns"] / sample["ops"] for sample in samples)
        self.requests = statistics.median(sample["requests"] / sample["ops"] for sample in samples)
        self.calls = {}  # system call -> count an operation, where they were counted
        for name in {name for sample in samples for name in sample.get("calls", {})}:
            self.calls[name] = statistics.median(sample["calls"].get(name, 0) / sample["ops"] for sample in samples)
        # What plyfs tells of itself; of others nothing.
        self.told = {name: statistics.median(sample[name] / sample["ops"] for sample in samples)
                     for name in ("system_calls", "handed_over") if all(name in sample for sample in samples)}
        self.rss_anon_kib = max(sample["rss_anon_kib"] for sample in samples)


class Results:
    def __init__(self, command, root, cpu=False, count=False):
        self.cpu, self.count = cpu, count
        self.facts = {"command": command, "commit": host.commit(root), "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
                      **host.facts()}
        self.samples = {}  # (kind, layers, row, state, clients) -> {contender: [sample]}
        self.labels = {}   # contender -> label, in order of appearance
        self.daemons = set()
        self.notes, self.failures = [], []
        self.rounds = 0

    def add(self, stack, contender, row, state, clients, sample):
        self.labels.setdefault(contender.key, contender.label)
        if contender.program:
            self.daemons.add(contender.key)
        if sample["ops"] == 0:
            return
        of_row = self.samples.setdefault((stack.kind, stack.layers, row, state, clients), {})
        of_row.setdefault(contender.key, []).append(sample)

    def note(self, text):
        self.notes.append(text)

    def fail(self, text):
        if text not in self.failures:
            self.failures.append(text)

    def figure(self, kind, layers, row, state, contender, clients=1):
        samples = self.samples.get((kind, layers, row, state, clients), {}).get(contender)
        return Figure(samples, self.cpu) if samples else None

    def rows(self):
        """(row, state, clients) in the order in which they were first measured; mount comes first."""
        return list(dict.fromkeys((row, state, clients) for _, _, row, state, clients in self.samples))

    def kinds(self):
        return list(dict.fromkeys(key[0] for key in self.samples))

    def layers(self, kind):
        return sorted({key[1] for key in self.samples if key[0] == kind})

    def busy(self):
        """Whether other work was running: then the figures are not to be quoted."""
        return self.facts["load_before"] > 0.5

    def write(self, path):
        from judged import growth_table, judged_table, other_goals
        rows = [{"stack": key[0], "layers": key[1], "work": key[2], "state": key[3], "clients": key[4],
                 "contender": contender, "ns_per_op": Figure(samples, self.cpu).ns, "samples": samples}
                for key, of_row in self.samples.items() for contender, samples in of_row.items()]
        whole = {"facts": {**self.facts, "rounds": self.rounds, "busy": self.busy()}, "notes": self.notes,
                 "failures": self.failures, "rows": rows,
                 "judged": [line.as_json() for line in judged_table(self)], "growth": growth_table(self),
                 "others": [{"what": what, "ns": ns, "most_ns": most, "met": ns <= most}
                            for what, ns, most in other_goals(self)]}
        with open(f"{path}.new", "w", encoding="utf-8") as file:
            json.dump(whole, file, indent=1)
        os.replace(f"{path}.new", path)
