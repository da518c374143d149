"""Which lines and branches of engine/ tests and fuzzers' corpora reach: tools/dev coverage without --fuzz.

docs/coverage.md says how it counts.
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
# Which of ctest's tests a part is, and the target that builds them.  Left out is what measures, shows or repeats.
PARTS = {
    "unit": (["-R", "^(base|format|tree|io|layer|testing|union_fs|fuse)_test"], "unit_tests"),
    "corpora": (["-R", "^fuzz_"], "fuzz_targets"),
    "mounts": (["-L", "mount", "-E", "^(bench_smoke|demo_test|programs_test|soak_quick|plyfuzz_test)$|_sandbox$"], "all"),
}
NOT_THE_ENGINE = re.compile(r"engine/testing/|_test\.cc$|_for_test\.h$|_testing\.h$")


class File:
    """One source's outcomes: lines {number: count}, branches {(line, ...): [times true, times false]}."""

    def __init__(self, path):
        self.path, self.lines, self.branches = path, {}, {}
        with open(path, encoding="utf-8") as source:
            self.text = source.read().splitlines()

    def is_constant(self, branch):
        """Whether its condition is written as a constant, as of while (true): it has one outcome, and no counter."""
        line, column, last_line, last_column = branch[:4]
        return line == last_line and self.text[line - 1][column - 1:last_column - 1] in ("true", "false")

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


def build(parts):
    """Configures the preset and builds what the parts need."""
    commands = [["tools/dev", "build", "--coverage"]]
    commands += [["cmake", "--build", "--preset", "coverage", "--target", PARTS[part][1]] for part in parts]
    return all(subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode == 0 for command in commands)


def run_part(part):
    """Its profile, PART.profdata.  Counters lie in files that are mapped (%c), so daemons that are killed count too."""
    raw = f"{PROFILES}/{part}"
    shutil.rmtree(raw, ignore_errors=True)
    os.makedirs(raw)
    os.chmod(raw, 0o1777)  # daemons of other users write there too
    env = dict(os.environ, LLVM_PROFILE_FILE=os.path.abspath(raw) + "/%m%c.profraw",
               PLYFS_BIN=os.path.abspath(f"{BUILD}/bin/plyfs"), PLYFS_SANITIZED="1")  # it is slower likewise
    passed = subprocess.run(["ctest", "--test-dir", BUILD, "-j", "2", "--output-on-failure", "--timeout", "1800",
                             *PARTS[part][0]], env=env, check=False).returncode == 0
    merge(part, [os.path.join(raw, name) for name in os.listdir(raw)])
    return passed


def merge(name, profiles):
    if not profiles:
        sys.exit("tools/dev coverage: no profile was written; are the tests built by the coverage preset?")
    subprocess.run(["llvm-profdata-19", "merge", "-sparse", "--failure-mode=all", "-o", f"{PROFILES}/{name}.profdata",
                    *profiles], check=True)


def parts_run():
    return [part for part in PARTS if os.path.exists(f"{PROFILES}/{part}.profdata")]


def llvm_cov(*words):
    objects = [word for program in programs()[1:] for word in ("-object", program)]
    command = ["llvm-cov-19", "export", f"-instr-profile={PROFILES}/all.profdata", programs()[0], *objects, *words]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout


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
        found = [((b[0], b[1]), b[4], b[5]) for b in one["branches"] if not at.is_constant(b)]
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
    show_missing_branches(file)


def show_missing_branches(file):
    for line, way, count in file.outcomes()[0]:
        if count == 0 and file.lines.get(line, 1) > 0:
            print(f"    {file.path}:{line}: never {way}: {file.text[line - 1].strip()}")


def report(show, only):
    """Of all parts that have run.  True if it is enough."""
    merge("all", [f"{PROFILES}/{part}.profdata" for part in parts_run()])
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
    print(f"parts: {', '.join(parts_run())}")
    print(f"engine/: {totals[0]} of {totals[1]} lines {lines:.1f} %, {totals[2]} of {totals[3]} branches {branches:.1f} %")
    return lines >= LINES and branches >= BRANCHES
