"""Which functions of a program are entered, in which order and by which thread: the kernel's uprobes.

The program runs as it is, nothing is compiled in.  One Probes at a time a test; needs root and tracefs.
"""
import os
import re
import subprocess
import tempfile

EVENT = re.compile(r"-(\d+)\s.*?: (walk_\d+_\d+)_f(\d+): ")


class Symbols:
    """The functions of a program: where they begin in the file, and which source file they come from."""

    def __init__(self, program):
        self.program = program
        listed = subprocess.run(["nm", "--defined-only", program], check=True, text=True, stdout=subprocess.PIPE).stdout
        functions = [line.split() for line in listed.splitlines() if line.split()[1] in "tTwW"]
        plain = subprocess.run(["c++filt", "--no-params"], input="\n".join(name for _, _, name in functions), check=True,
                               text=True, stdout=subprocess.PIPE).stdout.splitlines()
        self.addresses = {}
        for (address, _, _), name in zip(functions, plain):
            self.addresses.setdefault(re.sub(r"\[abi:\w+\]| const$", "", name), set()).add(int(address, 16))
        headers = subprocess.run(["readelf", "-lW", program], check=True, text=True, stdout=subprocess.PIPE).stdout
        self.segments = [tuple(int(field, 16) for field in match) for match in
                         re.findall(r"LOAD\s+(0x\w+)\s+(0x\w+)\s+0x\w+\s+(0x\w+)", headers)]

    def find(self, name):
        """The addresses of the functions called `name`, whatever namespaces it stands in."""
        return sorted(address for full, found in self.addresses.items() for address in found
                      if full == name or full.endswith("::" + name))

    def sources(self, addresses):
        """address -> the source file of the function that begins there."""
        done = subprocess.run(["addr2line", "-a", "-i", "-e", self.program, *(f"{a:#x}" for a in addresses)],
                              check=True, text=True, stdout=subprocess.PIPE)
        # Of several lines for one address the last is the function itself, the others are inlined into it.
        return {int(block.split()[0], 16): block.split("\n")[-2].rpartition(":")[0]
                for block in re.split(r"^(?=0x)", done.stdout, flags=re.M) if block}

    def offset(self, address):
        """Where in the file the code at an address lies."""
        for offset, start, size in self.segments:
            if start <= address < start + size:
                return address - start + offset
        raise ValueError(hex(address))


class Probes:
    """While it is entered, the entries of the functions are recorded; then entered() tells them."""
    count = 0

    def __init__(self, symbols, addresses):
        Probes.count += 1
        self.group = f"walk_{os.getpid()}_{Probes.count}"
        self.addresses = list(addresses)
        self.definitions = "".join(f"p:{self.group}/{self.group}_f{i} {symbols.program}:{symbols.offset(address):#x}\n"
                                   for i, address in enumerate(self.addresses))

    def __enter__(self):
        try:
            return self._start()
        except BaseException:
            self.__exit__()
            raise

    def _start(self):
        self.tracefs = tempfile.mkdtemp(prefix="plyfs-trace-")
        self.instance = os.path.join(self.tracefs, "instances", self.group)
        subprocess.run(["mount", "-t", "tracefs", "tracefs", self.tracefs], check=True)
        os.mkdir(self.instance)
        self._write("uprobe_events", self.definitions)
        self._switch("1")
        return self

    def __exit__(self, *error):
        if os.path.exists(os.path.join(self.instance, "events", self.group)):
            self._switch("0")
            self._write("uprobe_events", f"-:{self.group}/\n")
        if os.path.exists(self.instance):
            os.rmdir(self.instance)
        subprocess.run(["umount", self.tracefs], check=False)
        os.rmdir(self.tracefs)

    def _write(self, name, text):
        # Python's own files look for their end, which these have not.
        fd = os.open(os.path.join(self.tracefs, name), os.O_WRONLY | os.O_APPEND)
        try:
            for line in text.splitlines(True):
                os.write(fd, line.encode())
        finally:
            os.close(fd)

    def _switch(self, state):
        with open(os.path.join(self.instance, "events", self.group, "enable"), "w", encoding="ascii") as file:
            file.write(state)

    def entered(self):
        """thread -> the addresses of the functions that it entered, in order."""
        with open(os.path.join(self.instance, "trace"), encoding="utf-8", errors="replace") as file:
            found = {}
            for line in file:
                if (match := EVENT.search(line)) and match[2] == self.group:
                    found.setdefault(int(match[1]), []).append(self.addresses[int(match[3])])
            return found
