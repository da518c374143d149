"""Trees for tools/demo: what is in one, what differs between two, what an upper directory holds."""
import hashlib
import os
import stat

KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink", stat.S_IFCHR: "device",
         stat.S_IFBLK: "device", stat.S_IFIFO: "fifo", stat.S_IFSOCK: "socket"}
OPAQUE = "trusted.overlay.opaque"


def walk(root):
    """(path beneath root, DirEntry) of everything, parents first."""
    todo = [""]
    while todo:
        beneath = todo.pop()
        with os.scandir(os.path.join(root, beneath) if beneath else root) as entries:
            for entry in entries:
                path = os.path.join(beneath, entry.name)
                yield path, entry
                if entry.is_dir(follow_symlinks=False):
                    todo.append(path)


def digest(path):
    hasher = hashlib.blake2b(digest_size=16)
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            hasher.update(block)
    return hasher.hexdigest()


def row(path, s, with_contents):
    """Everything about the object with status `s` that must be equal between two mounts; data only where wanted."""
    found = {"type and mode": oct(s.st_mode), "owner": (s.st_uid, s.st_gid), "links": s.st_nlink,
             "number": s.st_ino, "mtime": s.st_mtime_ns}
    if stat.S_ISLNK(s.st_mode):
        found["target"] = os.readlink(path)
    elif not stat.S_ISDIR(s.st_mode):
        found["size"], found["device"] = s.st_size, s.st_rdev
    if with_contents:
        found["xattrs"] = sorted((name, os.getxattr(path, name, follow_symlinks=False))
                               for name in os.listxattr(path, follow_symlinks=False))
        if stat.S_ISREG(s.st_mode):
            found["data"] = digest(path)
    return found


def describe(root, contents_of):
    """path -> its row; data only where contents_of(path) says so."""
    tree = {}
    for path, entry in walk(root):
        tree[path] = row(entry.path, entry.stat(follow_symlinks=False), contents_of(path))
        tree[path]["number listed"] = entry.inode()
    return tree


def differences(ours, theirs):
    """One line a difference between two described trees."""
    for path in sorted(ours.keys() | theirs.keys()):
        a, b = ours.get(path), theirs.get(path)
        if a is None or b is None:
            yield f"/{path}: only in {'the second' if a is None else 'the first'}"
            continue
        for what in sorted(a.keys() | b.keys()):
            if a.get(what) != b.get(what):
                yield f"/{path}: {what}: {a.get(what)} and {b.get(what)}"


def union_of_names(layers):
    """Names of the merged tree, by going through every layer (none of the demo's holds a whiteout)."""
    return {path for layer in layers for path, _ in walk(layer)}


def fingerprint(layers):
    """Changes if anything beneath the layers does, other than an atime."""
    hasher = hashlib.blake2b(digest_size=16)
    for layer in layers:
        for path, entry in walk(layer):
            s = entry.stat(follow_symlinks=False)
            hasher.update(repr((path, s.st_ino, s.st_mode, s.st_size, s.st_mtime_ns, s.st_ctime_ns)).encode())
    return hasher.hexdigest()


def upper_records(upper):
    """path -> what the upper directory says about it, in overlayfs's terms."""
    records = {}
    for path, entry in walk(upper):
        s = entry.stat(follow_symlinks=False)
        kind = KINDS[stat.S_IFMT(s.st_mode)]
        if stat.S_ISCHR(s.st_mode) and s.st_rdev == 0:
            kind = "whiteout"
        elif stat.S_ISDIR(s.st_mode) and OPAQUE in os.listxattr(entry.path) and \
                os.getxattr(entry.path, OPAQUE) == b"y":
            kind = "opaque directory"
        records[path] = kind
    return records
