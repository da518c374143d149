"""The filesystem that a stack's layers lie on: made for it, and taken away after.

`dropped` renews it: the names that lookups have asked for and that do not exist are forgotten, and what exists
is walked again, so that each measurement finds the same: every directory, name and inode of the layers in the
kernel's caches ("warm"), no name cached that is not there.
"""
import ctypes
import os
import subprocess

LIBC = ctypes.CDLL(None, use_errno=True)
MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND, MNT_DETACH = 2, 4, 32, 4096, 2


def system_mount(source, target, kind, flags, data=None):
    encoded = [None if word is None else os.fsencode(word) for word in (source, target, kind)]
    if LIBC.mount(*encoded, ctypes.c_ulong(flags), None if data is None else os.fsencode(data)) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"mount {kind or 'flags'}: {os.strerror(error)}", target)


def system_umount(target, flags=0):
    if LIBC.umount2(os.fsencode(target), flags) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"umount: {os.strerror(error)}", target)


def forget_dentries(target):
    """MS_REMOUNT makes the kernel forget every unused dentry of the filesystem (shrink_dcache_sb): what
    `mount -i -o remount` does, without its parsing."""
    flags = os.statvfs(target).f_flag & (os.ST_NOSUID | os.ST_NODEV | os.ST_RDONLY)
    system_mount(None, target, None, MS_REMOUNT | flags)


class Backing:
    def __init__(self, kind, folder, mebibytes, inodes):
        self.kind, self.mebibytes, self.inodes = kind, mebibytes, inodes
        self.point, self.image = os.path.join(folder, "fs"), os.path.join(folder, "image")

    def make(self):
        os.makedirs(self.point)
        if self.kind == "ext4":
            with open(self.image, "wb") as file:
                file.truncate(self.mebibytes << 20)
            subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", "-N", str(self.inodes), self.image], check=True)
        self.mount()

    def mount(self):
        if self.kind == "ext4":
            # noinit_itable: no background writing of inode tables while something is measured.
            subprocess.run(["mount", "-o", "loop,noinit_itable", self.image, self.point], check=True)
        else:
            system_mount("plyfs-bench", self.point, "tmpfs", 0, f"size={self.mebibytes}m,nr_inodes={self.inodes}")

    def renew(self, walk):
        forget_dentries(self.point)
        walk()

    def make_cold(self):
        """Nothing of it stays in memory.  Only where it has a disk."""
        if self.kind != "ext4":
            return
        system_umount(self.point)
        fd = os.open(self.image, os.O_RDONLY)
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)
        self.mount()

    def remove(self):
        try:
            system_umount(self.point, MNT_DETACH)
        except OSError:
            pass  # an interrupt came before it was mounted
        if os.path.exists(self.image):
            os.unlink(self.image)
