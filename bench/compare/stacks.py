"""The trees that are measured: layers on a filesystem of their own, and beside them the same tree flat.

Names are the same in each kind: directories d000, d001, ... for single names, e000, e001, ... with more files for
what walks trees; in each of them files f00000, f00001, ...
"""
import os
import shutil
import subprocess
import sys

from backing import Backing

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools"))
import demo_layers  # noqa: E402

READ_FILES = 500  # files with content, for what reads, copies up or compiles; the others are empty
CONTENT = b"0123456789abcde\n" * 256


class Sizes:
    """`files` in `dirs` directories d..., of which `names` are asked for; `more_files` in `more_dirs` directories
    e...; a project of so many C files and headers."""

    def __init__(self, dirs=100, files=5_000, names=5_000, creates=3_000, more_dirs=100, more_files=100_000,
                 again=1_000, project=(40, 25)):
        self.dirs, self.files, self.names, self.creates, self.again = dirs, files, names, creates, again
        self.more_dirs, self.more_files, self.project = more_dirs, more_files, project

    def all_dirs(self):
        return self.dirs + self.more_dirs + 4

    def all_files(self):
        return self.files + self.more_files + sum(self.project) + 500


class Stack:
    """`lowers`: topmost first, relative to `top`; `flat` holds their union."""

    def __init__(self, kind, layers, sizes, folder, backing_kind):
        self.kind, self.layers, self.sizes = kind, layers, sizes
        self.folder = folder
        made_dirs = sizes.all_dirs() * (layers + 1 if kind == "every" else 2) + 3 * layers
        self.backing = Backing(backing_kind, folder, mebibytes=1024 + (made_dirs + 2 * sizes.all_files()) // 100,
                               inodes=20_000 + 3 * sizes.all_files() + 20 * layers + made_dirs * 5 // 4)
        self.top = os.path.join(self.backing.point, "l")
        self.flat = os.path.join(self.backing.point, "flat")
        self.lowers = [str(i) for i in range(layers)]
        self.dirs = [f"d{i:03}" for i in range(sizes.dirs)]
        self.more_dirs = [f"e{i:03}" for i in range(sizes.more_dirs)]

    @property
    def name(self):
        return f"{self.kind}-{self.layers}"

    def layer_paths(self):
        return [os.path.join(self.top, lower) for lower in self.lowers]

    def files_in(self, folder):
        each = self.sizes.files // self.sizes.dirs if folder[0] == "d" else self.sizes.more_files // self.sizes.more_dirs
        return [f"{folder}/f{i:05}" for i in range(each)]

    def spread(self, count):
        """`count` names of files, as many from each directory, in an order that jumps between directories and
        within them."""
        each = -(-count // len(self.dirs))
        columns = []
        for folder in self.dirs:
            files = self.files_in(folder)
            columns.append(files[::max(1, len(files) // each)][:each])
        return [column[i] for i in range(each) for column in columns if i < len(column)][:count]

    def readable(self):
        """Files that have content."""
        return self.spread(READ_FILES)

    def roots(self):
        """What find and du walk."""
        return self.more_dirs

    def tar_roots(self):
        return self.more_dirs[:10]

    def absent(self, count, mark):
        """Names that nobody has asked for yet, if `mark` is new."""
        each = -(-count // len(self.dirs))
        return [f"{folder}/a{mark}-{i}" for i in range(each) for folder in self.dirs][:count]

    def make(self):
        self.backing.make()
        for path in (self.top, self.flat):
            os.mkdir(path)
        for path in self.layer_paths():
            os.mkdir(path)
        MAKERS[self.kind](self)
        os.sync()

    def put(self, layer, path, data=b""):
        for place in (os.path.join(self.top, self.lowers[layer], path), os.path.join(self.flat, path)):
            if not data:
                os.mknod(place, 0o100644)
                continue
            with open(place, "wb") as file:
                file.write(data)

    def make_dirs(self, layers, dirs):
        for place in [self.flat] + [os.path.join(self.top, self.lowers[layer]) for layer in layers]:
            for folder in dirs:
                if not os.path.isdir(os.path.join(place, folder)):
                    os.mkdir(os.path.join(place, folder))

    def remove(self):
        self.backing.remove()
        shutil.rmtree(self.folder, ignore_errors=True)


def fill(stack, layer_of):
    with_content = set(stack.readable())
    number = 0
    for folder in stack.dirs + stack.more_dirs:
        for name in stack.files_in(folder):
            stack.put(layer_of(number), name, CONTENT if name in with_content else b"")
            number += 1


def make_every(stack):
    """Every directory in every layer; each file in one, so that a directory's files come from all of them."""
    stack.make_dirs(range(stack.layers), stack.dirs + stack.more_dirs)
    # A step that is prime to any number of layers used here: neighbours lie far apart.
    fill(stack, lambda number: number * 7919 % stack.layers)
    add_project(stack, lambda number: number * 7919 % stack.layers)


def make_thin(stack):
    """A base image under many thin layers: all directories and files at the bottom, and each layer above has
    ten files in one directory, one of which hides the base's."""
    bottom = stack.layers - 1
    stack.make_dirs([bottom], stack.dirs + stack.more_dirs)
    fill(stack, lambda number: bottom)
    for layer in range(bottom):
        dirs = stack.dirs if layer % 2 else stack.more_dirs
        folder = dirs[layer * 31 % len(dirs)]
        stack.make_dirs([layer], [folder])
        for i in range(9):
            stack.put(layer, f"{folder}/t{layer:05}-{i}")
        files = stack.files_in(folder)
        hidden = files[layer * 17 % len(files)]
        place = os.path.join(stack.top, stack.lowers[layer], hidden)
        if not os.path.exists(place):
            os.mknod(place, 0o100644)
    add_project(stack, lambda number: bottom)


def project_files(files, headers):
    """A small C project: each file includes all headers."""
    for i in range(headers):
        body = "".join(f"static inline int h{i}_{j}(int x) {{ return x * {j + 1} + {i}; }}\n" for j in range(20))
        yield f"project/include/h{i:03}.h", f"#pragma once\n{body}"
    includes = "".join(f'#include "h{i:03}.h"\n' for i in range(headers))
    for i in range(files):
        body = "".join(f"  x += h{k}_{k % 20}(x);\n" for k in range(headers))
        yield f"project/src/c{i:03}.c", f"{includes}int f{i}(int x) {{\n{body}  return x;\n}}\n"


def add_project(stack, layer_of):
    """The project, tracked by git; the repository itself lies in the bottom layer."""
    dirs = ["project", "project/include", "project/src", "project/out"]
    bottom = stack.layers - 1
    stack.make_dirs(range(stack.layers) if stack.kind == "every" else [bottom], dirs)
    for number, (path, text) in enumerate(project_files(*stack.sizes.project)):
        stack.put(layer_of(number), path, text.encode())
    with open(os.path.join(stack.flat, "project/.gitignore"), "w", encoding="utf-8") as file:
        file.write("out/\n")
    shutil.copy2(os.path.join(stack.flat, "project/.gitignore"), os.path.join(stack.top, stack.lowers[bottom], "project"))
    for words in (["init", "-q"], ["add", "."], ["-c", "user.name=b", "-c", "user.email=b@b", "commit", "-qm", "all"]):
        subprocess.run(["git", *words], cwd=os.path.join(stack.flat, "project"), check=True)
    shutil.copytree(os.path.join(stack.flat, "project/.git"),
                    os.path.join(stack.top, stack.lowers[bottom], "project/.git"), symlinks=True)
    # git's index is to be out of date in the flat tree too: in the others device and number differ.
    for path, _ in project_files(*stack.sizes.project):
        os.utime(os.path.join(stack.flat, path))


MAKERS = {"every": make_every, "thin": make_thin}


class RealStack(Stack):
    """Each installed Debian package a layer, as tools/demo makes them; `layers` is the most."""

    def __init__(self, layers, sizes, folder, backing_kind):
        super().__init__("real", layers, sizes, folder, backing_kind)
        self.backing = Backing(backing_kind, folder, mebibytes=4096, inodes=500_000)

    def make(self):
        self.backing.make()
        os.mkdir(self.top)
        packages, _ = demo_layers.choose(self.layers - 1)
        made = demo_layers.make(self.top, packages, lambda done, of: None)
        self.lowers = [os.path.basename(path) for path in made]
        self.layers = len(made)
        os.mkdir(self.flat)
        for path in reversed(made):
            subprocess.run(["cp", "-a", "--remove-destination", "-T", path, self.flat], check=True)
        self.dirs = self.most_shared(self.sizes.dirs)
        add_project(self, lambda number: self.layers - 1)
        os.sync()

    def most_shared(self, count):
        """The directories that most layers hold."""
        holders = {}
        for layer in self.layer_paths():
            for path, _, _ in os.walk(layer):
                relative = os.path.relpath(path, layer)
                holders[relative] = holders.get(relative, 0) + 1
        chosen = sorted((folder for folder in holders if folder != "."), key=lambda folder: (-holders[folder], folder))
        return chosen[:count]

    def files_in(self, folder):
        with os.scandir(os.path.join(self.flat, folder)) as entries:
            return sorted(f"{folder}/{entry.name}" for entry in entries if entry.is_file(follow_symlinks=False))

    def roots(self):
        return ["usr", "etc", "var"]

    def tar_roots(self):
        return ["usr/share/doc"]
