"""Locks as the sources declare them, the order that debug builds check, and the tables of docs/locks.md: one truth."""
import os
import re

ORDER, LEAVES, PAGE = "engine/base/lock_order.h", "engine/base/lock_order.cc", "docs/locks.md"
STATES, STATE_MEMBERS = "engine/ops/exclusion.h", "engine/ops/parts.h"

DECLARED = re.compile(r"^\s*(?:mutable\s+)?(Mutex|SharedMutex|TinyMutex)\s+(\w+)\s*(?:\{LockRank::(\w+)\})?\s*;", re.M)
EXCLUSION = re.compile(r"^\s*Exclusion\s+(\w+)\s*(?:\{StateRank::(\w+)\})?\s*;", re.M)
TESTS = re.compile(r"tests/|engine/testing/|.*_test\.cc$|.*_for_test\.h$")


def read(root, path):
    try:
        with open(os.path.join(root, path), encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def enumerators(text, name):
    found = re.search(rf"enum class {name}\b[^{{]*\{{(.*?)\}}", text, re.S)
    return re.findall(r"\b(k\w+)", re.sub(r"//[^\n]*", "", found[1])) if found else []


def rows(page, heading):
    """The cells of each row of the table below a heading that begins so."""
    section = re.search(rf"^## {heading}.*?\n(.*?)(?=^## |\Z)", page, re.S | re.M)
    table = re.findall(r"^\|(.*)\|$", section[1], re.M) if section else []
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)] for row in table[2:]]


def check_tables(root, page):
    """(path, line, message) where the page and the enumerations differ."""
    locks = rows(page, "Locks, outermost first")
    ranks = enumerators(read(root, ORDER), "LockRank")
    if [row[0].strip("`") for row in locks] != ranks:
        yield PAGE, 1, f"the table of locks is not LockRank of {ORDER}, row by row"
        return
    first = re.search(r"kFirstLeaf = LockRank::(\w+)", read(root, LEAVES))
    for i, row in enumerate(locks):
        is_leaf = row[-1].startswith(("leaf", "free"))
        if first and is_leaf != (i >= ranks.index(first[1])):
            yield PAGE, 1, f"{ranks[i]}: kFirstLeaf of {LEAVES} says otherwise about what may be taken beneath it"
    states = [row[0].strip("`") for row in rows(page, "States")]
    if states != enumerators(read(root, STATES), "StateRank"):
        yield PAGE, 1, f"the table of states is not StateRank of {STATES}, row by row"


def check(root, paths):
    """(path, line, message) of every lock and state that the page does not have, or has in vain."""
    page = read(root, PAGE)
    if not page:
        return
    yield from check_tables(root, page)
    where = {row[0].strip("`"): row[2].strip("`") for row in rows(page, "Locks, outermost first") if len(row) > 3}
    declared = set()
    for path in paths:
        text = read(root, path)
        for kind, name, rank in DECLARED.findall(text):
            line = text.count("\n", 0, text.index(f"{kind} {name}")) + 1
            if path.startswith("engine/base/") or (rank == "kTests" and TESTS.match(path)):
                continue
            rank = "kInode" if kind == "TinyMutex" else rank
            if where.get(rank) != path:
                yield path, line, f"{name}: no row of {PAGE} says that this file has a lock of rank {rank or '(none)'}"
            declared.add(rank)
        for name, state in EXCLUSION.findall(text):
            if path != STATE_MEMBERS or ["`" + state + "`", name] not in [
                    [row[0], row[1].split(",")[0].strip("`")] for row in rows(page, "States")]:
                yield path, 1, f"{name}: no row of {PAGE} has this state"
    for rank in where.keys() - declared - {"kTests"}:
        yield PAGE, 1, f"{rank}: no lock of this rank is declared"
