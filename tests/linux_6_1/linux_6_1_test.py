#!/usr/bin/python3
"""What as_linux_6_1 takes away is away: else the tests run under it would prove nothing."""
import os
import subprocess
import sys
import unittest

from harness import BIN, BIRTH_TIMES, CliTest

WRAPPER = os.environ["AS_LINUX_6_1"]

# Prints the errno of each call, 0 where it succeeded.  The numbers are those of every architecture.
CALLS = r"""
import ctypes, fcntl, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def error(result):
    return ctypes.get_errno() if result < 0 else 0
here = os.open(sys.argv[1], os.O_RDONLY)
handle = ctypes.create_string_buffer(136)
ctypes.c_uint.from_buffer(handle).value = 128
fid = error(libc.name_to_handle_at(here, b"", handle, ctypes.byref(ctypes.c_int()), 0x1000 | 0x200))
fchmodat2 = error(libc.syscall(452, -100, sys.argv[1].encode(), 0o755, 0))
try:
    fcntl.ioctl(here, 0x80111500, bytearray(17))
    uuid = 0
except OSError as failed:
    uuid = failed.errno
print(fid, fchmodat2, uuid)
"""


class Linux61(CliTest):
    def calls(self, *before):
        done = subprocess.run([*before, sys.executable, "-c", CALLS, self.path("l")], check=True,
                              stdout=subprocess.PIPE, text=True)
        return done.stdout.split()

    def birth_time(self, name):
        done = subprocess.run(["stat", "-c", "%W", self.path(name)], check=True, stdout=subprocess.PIPE, text=True)
        return int(done.stdout)

    def test_younger_calls_and_flags_are_refused(self):
        einval, enosys, enotty = "22", "38", "25"
        self.assertEqual(self.calls(WRAPPER), [einval, enosys, enotty])

    def test_the_protocol_is_that_of_7_38(self):
        """FUSE_STATX, which alone carries birth times (F23), is of 7.39."""
        self.mount("lowerdir=l")
        on_this_kernel = self.birth_time("m/f")
        self.umount()
        self.run_plyfs(BIN, "-o", "lowerdir=l", "m", program=WRAPPER)
        self.assertTrue(self.mounted())
        self.assertEqual(self.birth_time("m/f"), 0)
        self.assertEqual(on_this_kernel, self.birth_time("l/f") if BIRTH_TIMES else 0)


if __name__ == "__main__":
    unittest.main()
