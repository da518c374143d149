"""The goals of the project's issue "cost that does not grow with the number of layers", held against a run.

Each goal is a ratio of operations a second to kernel overlayfs's, medians of interleaved rounds, on the stack
with every directory in every layer.  Columns: 500 layers with default options; 500 layers with
lower=frozen,index_dir=; 10 layers with default options, where at most the same work on fuse_null (constant
replies) and 8 microseconds a request will do as well (create+unlink: and what the calls cost natively).
"""

REQUEST_ALLOWANCE_NS = 8_000
NULL_MAY_COST = 1.15  # fuse_null's cost against null_loop's, else it is no yardstick

# work, state, goals of the three columns
GOALS = (
    ("stat", "first", (4, 20, 0.5)),
    ("stat", "dropped", (20, 20, 0.6)),
    ("absent", "first", (5, 40, 0.6)),
    ("absent", "dropped", (50, 50, 0.6)),
    ("ls", "first", (0.5, 10, 0.7)),
    ("ls", "again", (50, 50, 2)),
    ("find -ls", "first", (40, 70, 1)),
    ("find -ls", "again", (0.95, 0.95, 0.95)),
    ("create+unlink", "first", (12, 12, 0.4)),
    ("stat again and again", "again", (0.95, 0.95, 0.95)),
)
COLUMNS = ((500, "plyfs", "500 layers"), (500, "plyfs-indexed", "500 layers, indices"), (10, "plyfs", "10 layers"))
WRITING = ("create+unlink",)

GROWTH = (("create+unlink", "again"), ("stat again and again", "again"), ("absent", "again"), ("absent", "dropped"),
          ("ls", "again"))
MOUNT_MOST_NS = 50_000_000
FIRST_VISIT_NS = {"plyfs": 15_000, "plyfs-frozen": 10_000}  # a layer a directory, watched and frozen

GROWTH_MOST = 1.1
GROWTH_ROUNDS = 15


class Line:
    """One goal: `ratio` is None where it was not measured."""

    def __init__(self, results, work, state, goal, layers, contender, column):
        self.work, self.state, self.goal, self.column = work, state, goal, column
        self.contender = contender
        ours = results.figure("every", layers, work, state, contender)
        kernel = results.figure("every", layers, work, state, "kernel")
        self.ratio = kernel.ns / ours.ns if ours and kernel else None
        self.cut = bool(ours and ours.cut or kernel and kernel.cut)
        self.allowed_ns = null_allowance(results, layers, work, state, ours) if ours and layers == 10 else None
        self.ours_ns = ours.ns if ours else None

    @property
    def met(self):
        """True, False, or None for what was not measured."""
        if self.ratio is None:
            return None
        return self.ratio >= self.goal or (self.allowed_ns is not None and self.ours_ns <= self.allowed_ns)

    def as_json(self):
        return {"work": self.work, "state": self.state, "column": self.column, "contender": self.contender,
                "goal": self.goal, "ratio": self.ratio, "ns_per_op": self.ours_ns,
                "allowed_ns_per_op": self.allowed_ns, "met": self.met}


def null_allowance(results, layers, work, state, ours):
    """What an operation may cost by the second measure; None where the yardstick is missing or not good."""
    null = results.figure("every", layers, work, state, "fuse_null")
    loop = results.figure("every", layers, work, state, "null_loop")
    if not null or not loop or null.ns > NULL_MAY_COST * loop.ns:
        return None
    native = results.figure("every", layers, work, state, "flat") if work in WRITING else None
    return null.ns + REQUEST_ALLOWANCE_NS * ours.requests + (native.ns if native else 0)


def judged_table(results):
    return [Line(results, work, state, goal, layers, contender, column)
            for work, state, goals in GOALS
            for goal, (layers, contender, column) in zip(goals, COLUMNS)]


def growth_table(results):
    """What is known is to cost at most 1.1 times as much at more layers as at one."""
    table = []
    for contender in ("plyfs", "plyfs-frozen", "plyfs-indexed"):
        for work, state in GROWTH:
            one = results.figure("every", 1, work, state, contender)
            for layers in results.layers("every"):
                more = results.figure("every", layers, work, state, contender)
                if one and more and layers > 1:
                    table.append({"work": work, "state": state, "contender": contender, "layers": layers,
                                  "times": more.ns / one.ns, "met": more.ns <= GROWTH_MOST * one.ns})
    return table


def other_goals(results):
    """(what, nanoseconds, the most that is allowed), of what was measured."""
    goals = []
    if mount := results.figure("every", 500, "mount", "first", "plyfs"):
        goals.append(("mounting 500 layers", mount.ns, MOUNT_MOST_NS))
    for contender, most in FIRST_VISIT_NS.items():
        for layers in results.layers("every"):
            first = results.figure("every", layers, "ls", "first", contender)
            if first and layers >= 100:
                goals.append((f"ls, first, a layer, of {layers}: {contender}", first.ns / layers, most))
    return goals
