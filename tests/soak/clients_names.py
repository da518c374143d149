"""Clients that change names and list directories."""
import os
import shutil
import time

from clients import Client, file_entry
from stack import Problem

THREADS = 4


class Storm(Client):
    """Threads rename, unlink, link, make and remove in directories that they share; names are each one's own."""

    def lay(self):
        for i in range(60):
            for folder in "abc":
                self.lay_file(i % 3, f"{folder}/t{i % THREADS}-low{i}", b"low %d" % i)
        for i in range(THREADS):
            for layer in range(3):
                self.lay_file(layer, f"t{i}-dir/inner{layer}/f{layer}", b"inner")
                self.lay_file(layer, f"t{i}-dir/same", b"same in %d" % layer)

    def work(self):
        models = [{} for _ in range(THREADS)]
        for i in range(60):
            for folder in "abc":
                models[i % THREADS][f"{folder}/t{i % THREADS}-low{i}"] = file_entry(b"low %d" % i)
        for i, model in enumerate(models):
            self._directory(model, f"t{i}-dir")
        self.side_by_side(*(lambda i=i: self._thread(i, models[i]) for i in range(THREADS)))
        whole = {folder: {"type": "dir"} for folder in "abc"}
        for model in models:
            whole |= model
        return whole

    def _directory(self, model, name):
        model[name] = {"type": "dir"}
        model[f"{name}/same"] = file_entry(b"same in 0")
        for layer in range(3):
            model[f"{name}/inner{layer}"] = {"type": "dir"}
            model[f"{name}/inner{layer}/f{layer}"] = file_entry(b"inner")

    def _thread(self, i, model):
        dice = type(self.dice)(f"{self.mount.name} {self.number} {i}")

        def new(kind="n"):
            return f"{dice.choice('abc')}/t{i}-{kind}{dice.randrange(40)}"

        def old():
            return dice.choice(sorted(name for name, entry in model.items()
                                      if entry["type"] == "file" and name[1] == "/"))
        acts = (self._make, self._rename, self._rename, self._unlink, self._link, self._symlink, self._folder,
                self._move_directory)
        for _ in range(self.times(400)):
            dice.choice(acts)(model, old(), new(), i, dice)

    def _make(self, model, _old, new, _i, dice):
        if new not in model or model[new]["type"] == "file":
            data = dice.randbytes(dice.randrange(3000))
            self._forget(model, new)
            self.write(new + ".new", data)
            os.rename(self.path(new + ".new"), self.path(new))
            model[new] = file_entry(data)

    def _rename(self, model, old, new, _i, _dice):
        target = model.get(new)
        if old == new or (target and target["type"] != "file"):
            return
        # Two names of one file: rename does nothing.
        if target and os.path.samefile(self.path(old), self.path(new)):
            return
        os.rename(self.path(old), self.path(new))
        model[new] = model.pop(old)
        if os.path.lexists(self.path(old)):
            raise Problem(f"{old} is still there after its rename to {new}")

    def _unlink(self, model, old, _new, _i, _dice):
        if sum(entry["type"] == "file" for entry in model.values()) > 20:
            os.unlink(self.path(old))
            del model[old]
            if os.path.lexists(self.path(old)):
                raise Problem(f"{old} is still there after its unlink")

    def _link(self, model, old, new, _i, _dice):
        if new in model:
            return
        os.link(self.path(old), self.path(new))
        model[new] = model[old]
        if not os.path.samefile(self.path(old), self.path(new)):
            raise Problem(f"{new} is not the file that it was made a link to, {old}")

    def _symlink(self, model, old, new, _i, _dice):
        new += "-s"
        if new in model:
            os.unlink(self.path(new))
            del model[new]
        else:
            os.symlink(old, self.path(new))
            model[new] = {"type": "symlink", "target": old}

    def _folder(self, model, _old, new, _i, _dice):
        new += "-d"
        if new in model:
            os.rmdir(self.path(new))
            del model[new]
        else:
            os.mkdir(self.path(new))
            model[new] = {"type": "dir"}

    def _move_directory(self, model, _old, new, i, dice):
        """A directory of three layers, which has to be redirected."""
        old = next(name for name, entry in model.items() if name.split("/")[-1].startswith(f"t{i}-dir"))
        new = f"t{i}-dir{dice.randrange(5)}" if dice.random() < 0.5 else f"{new[0]}/t{i}-dir{dice.randrange(5)}"
        if old == new or new in model:
            return
        os.rename(self.path(old), self.path(new))
        for name in [name for name in model if name == old or name.startswith(old + "/")]:
            model[new + name[len(old):]] = model.pop(name)

    def _forget(self, model, name):
        model.pop(name, None)


class Readers(Client):
    """Two threads list a directory of three layers in which a third one makes and removes."""
    STABLE = 300

    def lay(self):
        for i in range(self.STABLE):
            self.lay_file(i % 3, f"d/stable{i}", b"%d" % i)

    def work(self):
        over = []

        def churn():
            try:
                for i in range(self.times(600)):
                    self.write(f"d/churn{i % 50}", b"x")
                    if i % 3:
                        os.unlink(self.path(f"d/churn{i % 50}"))
            finally:
                over.append(True)

        def read():
            while not over:
                names = sorted(name for name in os.listdir(self.path("d")) if name.startswith("stable"))
                if len(names) != self.STABLE or len(set(names)) != self.STABLE:
                    raise Problem(f"a listing has {len(names)} names that nobody changes, {len(set(names))} different "
                                  f"ones; there are {self.STABLE}")
                with os.scandir(self.path("d")) as entries:
                    for entry in entries:
                        if entry.name.startswith("stable") and entry.stat().st_size != len(entry.name) - 6:
                            raise Problem(f"{entry.name} has the size of another file")
        self.side_by_side(churn, read, read)
        left = {"d": {"type": "dir"}} | {f"d/stable{i}": file_entry(b"%d" % i) for i in range(self.STABLE)}
        return left | {f"d/{name}": file_entry(b"x") for name in os.listdir(self.path("d")) if name.startswith("churn")}


class Lister(Client):
    """Walks the directories of hundreds of layers, and looks for what is not there."""

    def work(self):
        for _ in range(self.times(4)):
            seen = set()
            for folder, _, files in os.walk(os.path.join(self.mount.point, "many")):
                where = os.path.relpath(folder, self.mount.point)
                seen.update(os.path.join(where, name) for name in files)
            self.require(seen == set(self.shown), f"many/ shows {len(seen)} files and should show {len(self.shown)}")
            for name in self.dice.sample(sorted(self.shown), min(len(self.shown), self.times(400))):
                path = os.path.join(self.mount.point, name)
                with open(path, encoding="ascii") as file:
                    self.require(file.read() == self.shown[name], f"{name} has the content of another layer")
                self.require(not os.path.lexists(path + ".not"), f"{name}.not is there")
        return {}


class Hands(Client):
    """Changes a lower layer beneath the mount, and waits until the mount shows it."""
    needs_watch = True
    SOON = 30  # seconds; it takes milliseconds where the machine is not busy

    def lay(self):
        for layer in range(3):
            self.lay_file(layer, f"low{layer}", b"as laid")

    def _await(self, holds, what):
        until = time.monotonic() + self.SOON
        while not holds():
            self.require(time.monotonic() < until, f"{self.SOON} s after a change by hand the mount does not show: {what}")
            time.sleep(0.005)

    def _shows(self, name, data):
        try:
            return self.read(name) == data
        except (FileNotFoundError, NotADirectoryError):
            return False

    def work(self):
        left = {f"low{layer}": file_entry(b"as laid") for layer in range(3)}
        for i in range(self.times(60)):
            layer = self.dice.choice((0, 1, 2))
            name = f"hand{i % 10}"
            lower = os.path.join(self.lowers[layer], name)
            if name in left:
                for folder in self.lowers:
                    path = os.path.join(folder, name)
                    if os.path.isdir(path):
                        shutil.rmtree(path)
                    elif os.path.exists(path):
                        os.unlink(path)
                self._await(lambda name=name: not os.path.lexists(self.path(name)), f"that {name} is gone")
                left = {path: entry for path, entry in left.items() if path != name and not path.startswith(name + "/")}
            elif i % 3 == 0:
                data = self.bytes(100)
                os.mkdir(lower)
                self.lay_file(layer, f"{name}/f", data)
                self._await(lambda name=name, data=data: self._shows(f"{name}/f", data), f"{name}/f")
                left |= {name: {"type": "dir"}, f"{name}/f": file_entry(data)}
            else:
                for _ in range(2):  # made, then replaced
                    data = self.bytes(200)
                    self.lay_file(layer, "." + name, data)
                    os.rename(os.path.join(self.lowers[layer], "." + name), lower)
                    self._await(lambda name=name, data=data: self._shows(name, data), f"the new content of {name}")
                left[name] = file_entry(data)
        return left
