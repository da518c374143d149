# The steps of a case against the model, for the process of prelude.sh: each answers in the model's words.
def spell(e): return "EOPNOTSUPP" if e.errno == errno.EOPNOTSUPP else errno.errorcode.get(e.errno, "errno %d" % e.errno)
def opendir(path):
    at = os.open(".", os.O_PATH | os.O_DIRECTORY)
    for name in path.split(b"/") if path else []:
        try: below = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
        finally: os.close(at)
        at = below
    return at
class Place:  # as long as it is referred to
    def __init__(self, path):
        parent, _, self.name = path.rpartition(b"/")
        self.name = self.name or b"."
        self.dir = opendir(parent)
        self.path = b"/proc/self/fd/%d/%s" % (self.dir, self.name)
    def __del__(self):
        if hasattr(self, "dir"): os.close(self.dir)
    def stat(self): return os.stat(self.name, dir_fd=self.dir, follow_symlinks=False)
    def file(self):
        if not stat.S_ISREG(self.stat().st_mode): fail(errno.EINVAL)
        return self
def fail(number): raise OSError(number, "")
TYPES = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "symlink", stat.S_IFIFO: "fifo",
         stat.S_IFSOCK: "socket", stat.S_IFCHR: "char", stat.S_IFBLK: "block"}
def sight(s, links=None):
    kind = TYPES[stat.S_IFMT(s.st_mode)]
    text = "%s %o %d:%d links %d" % (kind, s.st_mode & 0o7777, s.st_uid, s.st_gid, s.st_nlink if links is None else links)
    if kind in ("char", "block"): text += " device %d:%d" % (os.major(s.st_rdev), os.minor(s.st_rdev))
    if kind in ("file", "symlink"): text += " size %d" % s.st_size
    return text
def text_of(data): return data.replace(b"\0", b"\\0").decode("utf-8", "backslashreplace")
def slot(n): return fd[n] if n in fd else fail(errno.EBADF)
def m_stat(path): return sight(Place(path).stat())
def m_list(path):
    at = opendir(path)
    try: listing = os.open(b".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=at)
    finally: os.close(at)
    words = []
    with os.scandir(listing) as entries:
        for e in entries:
            try: there = os.stat(e.name, dir_fd=listing, follow_symlinks=False)
            except OSError as error:
                if error.errno == errno.ENOENT: continue
                there = None
            # By the listing, where it says.
            kind = ("symlink" if e.is_symlink() else "dir" if e.is_dir(follow_symlinks=False) else
                    "file" if e.is_file(follow_symlinks=False) else TYPES[stat.S_IFMT(there.st_mode)] if there else "?")
            words.append((e.name, kind))
    words = ["%s:%s" % word for word in sorted(words)]
    os.close(listing)
    return " ".join(words)
def m_read(path):
    place = Place(path).file()
    return whole(os.open(place.name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=place.dir), True)
def whole(f, close=False):
    try: return text_of(os.pread(f, 4096, 0))
    finally:
        if close: os.close(f)
def m_readlink(path):
    place = Place(path)
    if not stat.S_ISLNK(place.stat().st_mode): fail(errno.EINVAL)
    return text_of(os.readlink(place.name, dir_fd=place.dir))
def m_getxattr(path, name): place = Place(path); return text_of(os.getxattr(place.path, name, follow_symlinks=False))
def m_listxattr(path):
    place = Place(path)
    names = os.listxattr(place.path, follow_symlinks=False)
    return " ".join(sorted(n for n in names if n.startswith(("user.", "trusted."))))
def m_create(path, mode):
    place = Place(path)
    os.close(os.open(place.name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode, dir_fd=place.dir))
def m_mkdir(path, mode): place = Place(path); os.mkdir(place.name, mode, dir_fd=place.dir)
def m_mknod(path, mode, major, minor):
    place = Place(path); os.mknod(place.name, mode, os.makedev(major, minor), dir_fd=place.dir)
def m_symlink(target, path): place = Place(path); os.symlink(target, place.name, dir_fd=place.dir)
def m_link(source, path):
    source = Place(source); source.stat(); place = Place(path)
    call("linkat", source.dir, source.name, place.dir, place.name, 0)
def m_unlink(path): place = Place(path); os.unlink(place.name, dir_fd=place.dir)
def m_rmdir(path): place = Place(path); os.rmdir(place.name, dir_fd=place.dir)
def m_rename(source, path, flags):
    if flags & 2 and flags & 5: fail(errno.EINVAL)
    source = Place(source); place = Place(path)
    call("renameat2", source.dir, source.name, place.dir, place.name, flags)
def m_truncate(path, size):
    place = Place(path)
    if stat.S_ISDIR(place.stat().st_mode): fail(errno.EISDIR)
    os.truncate(place.file().path, size)
def m_chmod(path, mode): place = Place(path); call("syscall", 452, place.dir, place.name, mode, 0x100)
def m_chown(path, uid, gid): place = Place(path); os.chown(place.name, uid, gid, dir_fd=place.dir, follow_symlinks=False)
def m_setxattr(path, name, value, flags): place = Place(path); os.setxattr(place.path, name, value, flags, follow_symlinks=False)
def m_removexattr(path, name): place = Place(path); os.removexattr(place.path, name, follow_symlinks=False)
def m_open(n, path, flags):
    if n in fd: fail(errno.EMFILE)
    place = Place(path).file()
    fd[n] = os.open(place.name, flags | os.O_NOFOLLOW, dir_fd=place.dir)
def m_tmpfile(n, path, mode):
    if n in fd: fail(errno.EMFILE)
    at = opendir(path)
    try: fd[n] = os.open(b".", os.O_TMPFILE | os.O_RDWR, mode, dir_fd=at)
    finally: os.close(at)
def m_close(n): slot(n); os.close(fd.pop(n))
def m_read_slot(n): return whole(slot(n))
def m_write_slot(n, offset, data): os.pwrite(slot(n), data, offset)
def m_truncate_slot(n, size): os.ftruncate(slot(n), size)
def m_stat_slot(n): return sight(os.fstat(slot(n)))
def m_chmod_slot(n, mode): os.fchmod(slot(n), mode)
def m_setxattr_slot(n, name, value): os.setxattr(slot(n), name, value)
def m_link_slot(n, path): slot(n); place = Place(path); call("linkat", slot(n), b"", place.dir, place.name, 0x1000)
# One object of the upper directory, as the model writes it down.
def m_upper(path, given):
    at = os.path.join(upper, path)
    if not os.path.lexists(at): return "nothing"
    s = os.lstat(at)
    if stat.S_ISCHR(s.st_mode) and s.st_rdev == 0: return "whiteout"
    text = sight(s, 0 if stat.S_ISDIR(s.st_mode) else None)
    for name in sorted(os.listxattr(at, follow_symlinks=False)):
        record = name.partition(".overlay.")[2] if name.startswith(("trusted.overlay.", "user.overlay.")) else ""
        if record in ("impure", "uuid") or (record == "origin" and given): continue
        text += " " + name
        if not name.endswith("ed.overlay.origin") and name != "user.overlay.origin":
            text += "=" + text_of(os.getxattr(at, name, follow_symlinks=False))
    if stat.S_ISREG(s.st_mode): text += " text " + text_of(open(at, "rb").read())
    if stat.S_ISLNK(s.st_mode): text += " to " + text_of(os.readlink(at))
    return text
def does(what, *args):
    try: told = globals()["m_" + what](*args)
    except OSError as e: return spell(e)
    return "ok" if told is None else "ok %s" % told if told else "ok" + (" " if what in ("read", "read_slot", "getxattr", "readlink") else "")
