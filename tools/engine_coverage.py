"""Which lines and branches of engine/ tests and fuzzers' corpora reach: tools/dev coverage without --fuzz.

A branch is one outcome of one condition, macros' (PLY_TRY) at each place where they stand; of a template it counts once,
reached if one of its instances reaches it.  Lines that hold PLY_BUG, and the outcome that leads to it, are told
apart and not counted; nothing else is left out.
"""
import json
import os
import re
import shutil
import subprocess
import sys

BUILD = "build/coverage"
PROFILES = f"{BUILD}/profiles"
LINES, BRANCHES = 95.0, 90.0  # percent
NOT_THE_ENGINE = re.compile(r"engine/testing/|_test\.cc$|_for_test\.h$|_testing\.h$")


class File:
    """One source's outcomes: lines {number: count}, branches {(line, ...): [times true, times false]}."""

    def __init__(self, path):
        self.path, self.lines, self.branches = path, {}, {}
        with open(path, encoding="utf-8") as source:
            self.text = source.read().splitlines()

    def is_bug(self, number):
        return "PLY_BUG(" in self.text[number - 1]

    def leads_to_bug(self, number):
        """The condition on this line is there to find a broken invariant."""
        text = self.text[number - 1]
        return "PLY_BUG(" in text or (re.search(r"\bif \(", text) is not None and number < len(self.text)
                                      and self.is_bug(number + 1))

    def counted_lines(self):
        return {number: count for number, count in self.lines.items() if not self.is_bug(number)}

    def outcomes(self):
        """(line, "true" or "false", times) of each branch that is counted, and the lines of those that are a bug's."""
        counted, bugs = [], []
        for (line, *_), times in sorted(self.branches.items()):
            if not any(times) and self.lines.get(line, 0) > 0:
                continue  # decided by the compiler
            for way, count in zip(("true", "false"), times):
                if count == 0 and any(times) and self.leads_to_bug(line):
                    bugs.append(line)
                else:
                    counted.append((line, way, count))
        return counted, bugs


def programs():
    folder = f"{BUILD}/bin"
    return [path for path in sorted(os.path.join(folder, name) for name in os.listdir(folder))
            if os.access(path, os.X_OK) and os.path.isfile(path)]


def run_tests(quick):
    """Everything that ctest has; daemons that are killed count too, since their counters lie in the file itself."""
    shutil.rmtree(PROFILES, ignore_errors=True)
    os.mkdir(PROFILES)
    os.chmod(PROFILES, 0o1777)  # daemons of other users write there too
    env = dict(os.environ, LLVM_PROFILE_FILE=os.path.abspath(PROFILES) + "/%m%c.profraw",
               PLYFS_BIN=os.path.abspath(f"{BUILD}/bin/plyfs"), PLYFS_SANITIZED="1")  # it is slower likewise
    command = ["ctest", "--test-dir", BUILD, "-j", "2", "--output-on-failure", "--timeout", "1800"]
    return subprocess.run(command + (["-LE", "mount"] if quick else []), env=env, check=False).returncode == 0


def llvm_cov(*words):
    objects = [word for program in programs()[1:] for word in ("-object", program)]
    command = ["llvm-cov-19", "export", f"-instr-profile={PROFILES}/all.profdata", programs()[0], *objects, *words]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout


def merge():
    raw = [os.path.join(PROFILES, name) for name in os.listdir(PROFILES) if name.endswith(".profraw")]
    if not raw:
        sys.exit("tools/dev coverage: no profile was written; are the tests built by the coverage preset?")
    subprocess.run(["llvm-profdata-19", "merge", "-sparse", "--failure-mode=all", "-o", f"{PROFILES}/all.profdata", *raw],
                   check=True)


def read_lines(files, lcov):
    at = None
    for line in lcov.splitlines():
        if line.startswith("SF:"):
            at = files.get(os.path.relpath(line[3:]))
        elif at and line.startswith("DA:"):
            number, count = line[3:].split(",")[:2]
            at.lines[int(number)] = int(count)


def read_branches(files, export):
    for one in export["data"][0]["files"]:
        at = files.get(os.path.relpath(one["filename"]))
        if not at:
            continue
        found = [((b[0], b[1]), b[4], b[5]) for b in one["branches"]]
        for expansion in one["expansions"]:
            where = tuple(expansion["source_region"][:2])
            found += [(where + (b[0], b[1]), b[4], b[5]) for b in expansion["branches"]]
        for key, true, false in found:
            times = at.branches.setdefault(key, [0, 0])
            times[0] += true
            times[1] += false


def read_files():
    sources = [os.path.abspath(path) for path in subprocess.run(
        ["git", "ls-files", "engine/*.h", "engine/*.cc"], check=True, stdout=subprocess.PIPE, text=True).stdout.split()
        if not NOT_THE_ENGINE.search(path)]
    files = {os.path.relpath(path): File(os.path.relpath(path)) for path in sources}
    read_lines(files, llvm_cov("-format=lcov", *sources))
    read_branches(files, json.loads(llvm_cov(*sources)))
    return [file for file in files.values() if file.lines]


def percent(reached, of):
    return 100 * reached / of if of else 100.0


def show_missing(file):
    for number, count in sorted(file.counted_lines().items()):
        if count == 0:
            print(f"    {file.path}:{number}: {file.text[number - 1].strip()}")
    for line, way, count in file.outcomes()[0]:
        if count == 0 and file.lines.get(line, 0) > 0:
            print(f"    {file.path}:{line}: never {way}: {file.text[line - 1].strip()}")


def report(show, only):
    totals, bugs = [0, 0, 0, 0], []
    for file in read_files():
        lines, (outcomes, of_bugs) = file.counted_lines(), file.outcomes()
        bugs += [f"{file.path}:{number}" for number in file.lines if file.is_bug(number)]
        bugs += [f"{file.path}:{number}" for number in of_bugs if not file.is_bug(number)]
        row = [sum(count > 0 for count in lines.values()), len(lines), sum(count > 0 for *_, count in outcomes),
               len(outcomes)]
        totals = [a + b for a, b in zip(totals, row)]
        if only and only not in file.path:
            continue
        print(f"{file.path:42} lines {row[0]:5} of {row[1]:5} {percent(*row[:2]):6.1f} %   "
              f"branches {row[2]:5} of {row[3]:5} {percent(*row[2:]):6.1f} %")
        if show:
            show_missing(file)
    print(f"PLY_BUG, not counted: {len(set(bugs))} lines: {' '.join(sorted(set(bugs)))}")
    lines, branches = percent(*totals[:2]), percent(*totals[2:])
    print(f"engine/: {totals[0]} of {totals[1]} lines {lines:.1f} %, {totals[2]} of {totals[3]} branches {branches:.1f} %")
    return lines >= LINES and branches >= BRANCHES
