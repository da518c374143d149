#!/usr/bin/python3
"""What the daemon and its keeper may still do (docs/security.md): exactly the capabilities listed there."""
import os
import re
import unittest

from harness import CliTest, keeper_of

NUMBERS = {"CHOWN": 0, "DAC_OVERRIDE": 1, "DAC_READ_SEARCH": 2, "FOWNER": 3, "FSETID": 4, "SETGID": 6, "SETUID": 7,
           "LINUX_IMMUTABLE": 9, "SYS_ADMIN": 21, "SYS_RESOURCE": 24, "MKNOD": 27, "SETFCAP": 31, "MAC_ADMIN": 33}
READING = {"SYS_ADMIN", "DAC_READ_SEARCH", "FOWNER"}
UNMOUNTING = {"SYS_ADMIN", "DAC_READ_SEARCH"}


def mask(names):
    return sum(1 << NUMBERS[name] for name in names)


def statuses(pid):
    """/proc/PID/status of each thread."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/status", encoding="utf-8") as file:
            yield dict(re.findall(r"(?m)^(\w+):\t(.*)$", file.read()))


class Capabilities(CliTest):
    def holds(self, pid, names):
        """Those of them that this process has: root of a container may lack some."""
        ours = next(statuses(os.getpid()))
        threads = list(statuses(pid))
        if os.environ.get("PLYFS_SANITIZED"):  # ThreadSanitizer has a thread of its own, from before main()
            whole = [status for status in threads if status["CapPrm"] == ours["CapPrm"]]
            self.assertLessEqual(len(whole), 1)
            threads = [status for status in threads if status not in whole]
            self.assertGreater(len(threads), 0)
        for status in threads:
            for kind in ("CapPrm", "CapEff", "CapBnd"):
                self.assertEqual(f"{int(status[kind], 16):#x}", f"{mask(names) & int(ours[kind], 16):#x}", kind)
            for kind in ("CapInh", "CapAmb"):
                self.assertEqual(int(status[kind], 16), 0, kind)

    def test_writable(self):
        self.mount(self.stack())
        self.write("m/f", "copied up")
        pid = self.daemon()
        self.holds(pid, NUMBERS)
        self.holds(keeper_of(pid), UNMOUNTING)

    def test_read_only(self):
        for options in (f"lowerdir={self.dir}/l", self.stack(",ro")):
            self.mount(options)
            self.assertEqual(self.read("m/f"), "lower")
            self.holds(self.daemon(), READING)
            self.umount()

    def test_read_only_reads_what_is_closed_to_its_owner(self):
        os.mkdir(self.path("l/d"))
        self.write("l/d/x", "secret")
        for name, owner in (("l/d/x", 1000), ("l/d", 1001)):
            os.chown(self.path(name), owner, owner)
            os.chmod(self.path(name), 0)
        self.mount("lowerdir=l")
        self.assertEqual(self.read("m/d/x"), "secret")

    def test_the_list_in_the_docs(self):
        docs = os.path.join(os.path.dirname(__file__), "../../docs/security.md")
        with open(docs, encoding="utf-8") as file:
            rows = re.findall(r"(?m)^ *\| CAP_(\w+) \| (always|to write) \|", file.read())
        self.assertEqual({name for name, _ in rows}, set(NUMBERS))
        self.assertEqual({name for name, when in rows if when == "always"}, READING)


if __name__ == "__main__":
    unittest.main()
