"""The walks of docs/architecture.md: each function is where the page says, and one request of a cold mount reaches
them in the page's order."""
import os
import re
import stat
import sys
import unittest

from harness import BIN, CliTest
from probes import Probes, Symbols

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
STEP = re.compile(r"`((?:engine|fuse)/[\w/]+\.cc)`\s+`([\w:]+)`")
BEGIN = "Dispatcher::Run"  # where a request begins
SYMBOLS = Symbols(os.path.realpath(BIN))
SOURCES = {}


def walks():
    """title -> (file, function) of each step, in order."""
    with open(os.path.join(ROOT, "docs/architecture.md"), encoding="utf-8") as file:
        section = re.search(r"^## Walks\n(.*?)^## ", file.read(), re.S | re.M)[1]
    return {title: STEP.findall(text) for title, text in re.findall(r"^### (.*?)\n(.*?)(?=^### |\Z)", section, re.S | re.M)}


def places(file, function):
    """Where the program has the function that the page means, and the files of all that are called so."""
    if not SOURCES:
        SOURCES.update(SYMBOLS.sources({address for steps in walks().values() for _, name in steps
                                        for address in SYMBOLS.find(name)}))
    found = {address: SOURCES[address] for address in SYMBOLS.find(function)}
    return {address for address, source in found.items() if source.endswith("/" + file)}, set(found.values())


def follows(request, steps):
    """How many of the steps, from the first, a request's functions reach in this order."""
    reached = 0
    for function in request:
        if reached < len(steps) and function in steps[reached]:
            reached += 1
    return reached


class Page(unittest.TestCase):
    def test_all_walks_are_there(self):
        self.assertEqual(list(walks()), ["LOOKUP", "OPEN", "WRITE", "Copy-up", "RENAME", "READDIRPLUS"])

    def test_each_function_is_where_the_page_says(self):
        for title, steps in walks().items():
            self.assertGreater(len(steps), 5, title)
            for file, function in steps:
                with self.subTest(walk=title, file=file, function=function):
                    addresses, elsewhere = places(file, function)
                    self.assertTrue(addresses, elsewhere or "the program has no such function")


class Walks(CliTest):
    def setUp(self):
        super().setUp()
        for layer in ("l", "l2", "u"):
            os.makedirs(self.path(layer, "d"))
        for path in ("l/d/f", "l2/d/f", "l2/d/g", "l2/d/h", "u/d/own"):
            self.write(path, "data")
        os.makedirs(self.path("l/deep/er"))
        self.write("l/deep/er/f", "data")
        os.chmod(self.path("l2/d/g"), stat.S_ISUID | 0o777)
        os.chmod(self.dir, 0o755)

    def follow(self, title, act):
        """Some request that `act` makes on a cold mount takes the walk."""
        steps = [places(file, function)[0] for file, function in walks()[title]]
        begin = set(SYMBOLS.find(BEGIN))
        self.mount(f"lowerdir={self.dir}/l:{self.dir}/l2,upperdir={self.dir}/u,workdir={self.dir}/w,redirect_dir=on")
        with Probes(SYMBOLS, sorted(begin.union(*steps))) as probes:
            act()
            self.umount()
            threads = probes.entered()
        requests = []
        for functions in threads.values():
            for function in functions:
                if function in begin:
                    requests.append([])
                if requests:
                    requests[-1].append(function)
        best = max((follows(request, steps) for request in requests), default=0)
        self.assertEqual(best, len(steps), f"{title}: no request came further than before {walks()[title][best:]}")

    def test_lookup(self):
        self.follow("LOOKUP", lambda: os.stat(self.path("m/d/g")))

    def test_open(self):
        self.follow("OPEN", lambda: os.close(os.open(self.path("m/d/f"), os.O_WRONLY)))

    def test_write(self):
        def write_as_a_stranger():
            pid = os.fork()
            if pid == 0:
                os.setresuid(1000, 1000, 1000)
                os._exit(os.write(os.open(self.path("m/d/g"), os.O_WRONLY), b"x") != 1)
            self.assertEqual(os.waitpid(pid, 0)[1], 0)
        self.follow("WRITE", write_as_a_stranger)

    def test_copy_up(self):
        self.follow("Copy-up", lambda: os.chmod(self.path("m/deep/er/f"), 0o600))

    def test_rename(self):
        self.follow("RENAME", lambda: os.rename(self.path("m/deep/er"), self.path("m/d/er")))

    def test_readdirplus(self):
        def list_with_attributes():
            for folder in ("m/deep/er", "m/d"):  # attributes come to who has looked at what it listed
                with os.scandir(self.path(folder)) as entries:
                    for entry in entries:
                        entry.stat()
        self.follow("READDIRPLUS", list_with_attributes)


if __name__ == "__main__":
    sys.exit(unittest.main())
