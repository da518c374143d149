"""The rooms of the house and who may include whom: the order of docs/architecture.md, as a table.

A room may include what stands in its row, nothing else.  The warm halves (engine/ops/*_warm.*) are a room of
their own, because they must not be able to block: whatever they include, directly or not, lies in base,
format, tree, or in headers of ops for which the same holds.
"""
import os
import re

BASE, FORMAT, TREE, IO, LAYER, WARM, OPS, UNION_FS, FUSE, TOOLS, TESTING, ANY = (
    "engine/base", "engine/format", "engine/tree", "engine/io", "engine/layer", "warm", "engine/ops",
    "engine/union_fs", "fuse", "tools", "engine/testing", "any")

ENGINE = {BASE, FORMAT, TREE, IO, LAYER, WARM, OPS, UNION_FS}
MAY_INCLUDE = {
    BASE: {BASE},
    FORMAT: {BASE, FORMAT},
    TREE: {BASE, FORMAT, TREE},
    IO: {BASE, IO},
    LAYER: {BASE, FORMAT, IO, LAYER},
    WARM: {BASE, FORMAT, TREE, WARM, OPS},  # OPS: only headers that are warm themselves, see below
    OPS: {BASE, FORMAT, TREE, IO, LAYER, WARM, OPS},
    UNION_FS: ENGINE,
    # fuse speaks the protocol; it knows the engine by its face and its values, not its insides.
    FUSE: {BASE, FORMAT, IO, OPS, UNION_FS, FUSE},
    TOOLS: ENGINE | {FUSE, TOOLS},
    TESTING: ENGINE | {TESTING},
    ANY: ENGINE | {FUSE, TOOLS, TESTING, ANY},
}
CANNOT_BLOCK = {BASE, FORMAT, TREE}

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def room_of(path):
    """The room of a path relative to the root."""
    if re.match(r"engine/ops/[^/]*_warm(_test)?\.(h|cc)$", path):
        return WARM
    for room in (BASE, FORMAT, TREE, IO, LAYER, OPS, UNION_FS, TESTING, FUSE, TOOLS):
        if path.startswith(room + "/"):
            return room
    return ANY


class Includes:
    """The project's own includes of each file, read once."""

    def __init__(self, root):
        self.root = root
        self.read = {}

    def of(self, path):
        """(line number, path) of each project file that `path` includes; quoted names start at the root."""
        if path not in self.read:
            self.read[path] = found = []
            try:
                with open(os.path.join(self.root, path), encoding="utf-8", errors="replace") as file:
                    text = file.read()
            except FileNotFoundError:
                text = ""
            for match in INCLUDE.finditer(text):
                if os.path.exists(os.path.join(self.root, match[1])) or room_of(match[1]) != ANY:
                    found.append((text.count("\n", 0, match.start(1)) + 1, match[1]))
        return self.read[path]

    def closure(self, path):
        """Every project file that `path` includes, directly or not."""
        seen, todo = set(), [path]
        while todo:
            for _, included in self.of(todo.pop()):
                if included not in seen:
                    seen.add(included)
                    todo.append(included)
        return seen


def blocks(includes, header):
    """The first file by which a header of ops reaches a room that may block; None where it does not."""
    for path in sorted(includes.closure(header)):
        if room_of(path) not in CANNOT_BLOCK | {WARM, OPS}:
            return path
    return None


def check(includes, path):
    """(line, message) of each include of `path` that goes against the order."""
    room = room_of(path)
    allowed = MAY_INCLUDE[room]
    is_test = path.endswith(("_test.cc", "_for_test.h", "_for_test.cc"))
    if is_test:
        allowed = allowed | {TESTING}
        if room == WARM:  # links ops anyway
            room, allowed = OPS, MAY_INCLUDE[OPS] | {TESTING}
    for line, included in includes.of(path):
        target = room_of(included)
        if target not in allowed:
            yield line, f"{room} may not include {target} ({included})"
        elif included.endswith("_for_test.h") and not is_test and room not in (TESTING, ANY):
            yield line, f"only tests may include {included}"
        elif room == WARM and target == OPS and (culprit := blocks(includes, included)):
            yield line, f"a warm half must not be able to block: {included} includes {culprit}"
