"""What a tree looks like, and where two looks differ.

A look is {path: entry}; an entry is a dict: type, mode, uid, gid, and by type size, hash, nlink, mtime, target,
xattrs.  An expectation is the same with fewer keys: what it does not say it does not ask for.
"""
import errno
import hashlib
import os
import stat

KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "symlink", stat.S_IFIFO: "fifo"}
PIECE = 1 << 20


def digest(data):
    return hashlib.sha1(data).hexdigest()


def digest_of(path):
    running = hashlib.sha1()
    with open(path, "rb", buffering=0) as file:
        while piece := file.read(PIECE):
            running.update(piece)
    return running.hexdigest()


def xattrs_of(path):
    try:
        return {name: os.getxattr(path, name, follow_symlinks=False)
                for name in sorted(os.listxattr(path, follow_symlinks=False))}
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.EPERM):
            return {}
        raise


def entry_of(path):
    st = os.lstat(path)
    kind = KINDS.get(stat.S_IFMT(st.st_mode), "other")
    entry = {"type": kind, "mode": stat.S_IMODE(st.st_mode), "uid": st.st_uid, "gid": st.st_gid}
    if kind == "file":
        entry |= {"size": st.st_size, "hash": digest_of(path), "nlink": st.st_nlink, "mtime": st.st_mtime_ns}
    if kind == "symlink":
        entry["target"] = os.readlink(path)
    if attributes := xattrs_of(path):
        entry["xattrs"] = attributes
    return entry


def look(top, base=None):
    """Everything beneath `top`, paths relative to `base` (top itself unless given)."""
    base = base or top
    found = {}
    folders = [top]
    while folders:
        folder = folders.pop()
        for name in sorted(os.listdir(folder)):
            path = os.path.join(folder, name)
            entry = found[os.path.relpath(path, base)] = entry_of(path)
            if entry["type"] == "dir":
                folders.append(path)
    return found


def differences(wanted, seen, beneath="", most=5):
    """Lines that say where `seen` is not as wanted: paths beneath `beneath` are to be exactly those wanted."""
    inside = beneath + "/" if beneath else ""
    lines = [f"{path}: is not there" for path in wanted if path not in seen]
    lines += [f"{path}: should not be there" for path in seen if path.startswith(inside) and path not in wanted]
    for path, entry in wanted.items():
        for key, value in entry.items():
            if path in seen and seen[path].get(key) != value:
                lines.append(f"{path}: {key} is {seen[path].get(key)!r}, expected {value!r}")
    if len(lines) > most:
        lines[most:] = [f"and {len(lines) - most} more differences"]
    return lines
