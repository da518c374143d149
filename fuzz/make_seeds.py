#!/usr/bin/python3
"""Writes the seeds of the corpora: fuzz/corpus/TARGET/seed-NAME.  What the fields of an input mean stands at the
head of each target's file.  Run again after a change here; files of fuzz/corpus not named seed-* are the
fuzzers' finds and stay."""
import os
import struct

HERE = os.path.dirname(os.path.abspath(__file__))
UUID = bytes(range(16))


def put(target, name, data):
    folder = os.path.join(HERE, "corpus", target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "seed-" + name), "wb") as file:
        file.write(data.encode() if isinstance(data, str) else data)


def text_targets():
    put("redirect", "absolute", "@/usr/share/doc")
    put("redirect", "name", "@renamed")
    put("redirect", "empty-component", "@/a//b")
    put("redirect", "up", "@/a/../b")
    put("redirect", "compose", "Aleaf\0dir\0top")
    put("redirect", "compose-onto-absolute", "Aleaf\0/elsewhere/dir\0never")
    put("redirect", "compose-too-long", "A" + "\0".join(["n" * 100] * 3))
    put("protattr", "both", "@ai")
    put("protattr", "unknown", "@ax")
    put("protattr", "nlink-upper", "AU+1")
    put("protattr", "nlink-lower", "AL-2")
    put("protattr", "nlink-two-signs", "AU+-5")
    put("protattr", "nlink-overflow", "AU+99999999999")
    for flags, family in (("@", "trusted"), ("A", "user"), ("B", "trusted"), ("C", "user")):
        put("xattr_names", f"{family}-{ord(flags)}",
            f"{flags}{family}.overlay.opaque\0user.plain\0{family}.overlay.overlay.x\0{family}.overlay.origin\0"
            "user.fuseoverlayfs.opaque\0")
    put("xattr_names", "not-ended", "@user.name\0user.a\0user.b")
    put("xattr_names", "bare-prefix", "@trusted.overlay.\0")
    put("xattr_names", "too-long", "@trusted.overlay." + "x" * 235 + "\0")
    put("whiteout_names", "names", "plain\0.wh.hidden\0.wh..wh..opq\0.wh.\0.wh..wh.plnk")
    put("lower_path", "plain", "usr/share/doc")
    put("lower_path", "dots", "./a/../b//c/.")
    put("lower_path", "root", ".")
    put("stats_answer", "all", "requests 10\nrequests_handed_over 1\nsystem_calls 25\ninodes 3\n\0\0\0\0")
    put("stats_answer", "odd", "requests many\nonly_a_name")
    put("id_map", "two-ranges", b"0:1000:10:100:2000:50\0\0" + acl((1, 7), (2, 6, 1001), (4, 5), (16, 7), (32, 0)))
    put("id_map", "squash", b"0:1000:10\0\7" + acl((1, 7), (4, 5), (32, 0)))
    put("id_map", "none", b"\0\0" + acl((1, 7), (2, 6, 5), (4, 5), (8, 1, 6), (16, 7), (32, 0)))


def acl(*entries):
    value = struct.pack("<I", 2)
    for tag, perm, *who in entries:
        value += struct.pack("<HHI", tag, perm, who[0] if who else 0xffffffff)
    return value


def binary_records():
    handle = bytes.fromhex("0102030405060708")
    value = bytes([0, 0xfb, 21 + len(handle), 0, 1]) + UUID + handle
    put("origin", "decode", b"@" + value)
    put("origin", "upper", b"@" + value[:3] + b"\4" + value[4:])
    put("origin", "any-endian", b"@" + value[:3] + b"\2" + value[4:])
    put("origin", "big-endian", b"@" + value[:3] + b"\1" + value[4:])
    put("origin", "cut", b"@" + value[:-1])
    put("origin", "empty", b"@")
    put("origin", "length-too-small", b"@" + value[:2] + b"\x15" + value[3:])
    put("origin", "length-too-large", b"@" + value[:2] + b"\xff" + value[3:])
    put("origin", "encode", b"C\1" + UUID + handle)
    put("origin", "encode-long", b"A\1" + UUID + bytes(129))
    minimal = acl((1, 7), (4, 5), (32, 1))
    put("acl", "minimal", b"\xed\x81@" + minimal)
    put("acl", "directory", b"\xed\x41@" + acl((1, 7), (2, 6, 5), (4, 5), (8, 4, 6), (16, 7), (32, 1)))
    put("acl", "symlink", b"\xff\xa1@" + minimal)
    put("acl", "none", b"\xed\x81@" + acl())
    put("acl", "version-1", b"\xed\x81@\1\0\0\0")
    put("acl", "no-mask", b"\xed\x81@" + acl((1, 7), (2, 6, 5), (4, 5), (32, 1)))
    put("acl", "no-order", b"\xed\x81@" + acl((4, 5), (1, 7), (32, 1)))
    put("acl", "nothing-asked-for", b"\0\x81@" + acl((1, 7), (4, 7), (32, 7)))
    put("acl", "nothing-asked-for-masked", b"\0\x41@" + acl((1, 7), (2, 7, 5), (4, 7), (16, 7), (32, 7)))
    put("acl", "two-owners", b"\xed\x81@" + acl((1, 7), (1, 7), (4, 5), (32, 1)))
    put("acl", "perm-8", b"\xed\x81@" + acl((1, 8), (4, 5), (32, 1)))
    put("acl", "any", b"\xed\x81A\xe0\x22\x84")


def found(kind, redirect=None, opaque=0, metacopy=False, whiteout=False):
    kinds = {"dir": 0, "file": 1, "empty": 2, "absent": 3, "whiteout": 4, "special": 5}
    byte = kinds[kind] | whiteout << 3 | metacopy << 4 | (redirect is not None) << 5 | opaque << 6
    return bytes([byte]) + (redirect.encode() + b"\0" if redirect is not None else b"")


def merges():
    absent = found("absent")
    put("merge_rule", "merged-dir", b"In\0" + found("dir") * 3)
    put("merge_rule", "opaque", b"In\0" + found("dir", opaque=1))
    put("merge_rule", "whiteout", b"In\0" + found("whiteout"))
    put("merge_rule", "empty-whiteout", b"Hn\0" + found("empty", whiteout=True))
    put("merge_rule", "redirect", b"In\0" + found("dir", redirect="old") + found("dir"))
    put("merge_rule", "absolute", b"In\0" + found("dir", redirect="/a/b") + found("dir") * 2)
    put("merge_rule", "on-the-way", b"In\0" + found("dir", redirect="/a/b/c") + found("dir", redirect="/x/y") +
        found("dir", opaque=1))
    put("merge_rule", "metacopy", b"Kn\0" + found("file", metacopy=True, redirect="/f") + absent +
        found("file", metacopy=True) + found("file"))
    put("merge_rule", "metacopy-off", b"In\0" + found("file", metacopy=True) + found("file"))
    put("merge_rule", "data-layer", b"Gn\0" + found("file", metacopy=True, redirect="/data/f") + absent * 5)
    put("merge_rule", "no-data", b"Cn\0" + found("file", metacopy=True) + found("special"))
    put("merge_rule", "dots", b"In\0" + found("dir", redirect="..") + found("dir"))
    put("merge_rule", "not-a-dir", b"In\0" + found("dir") + found("file"))


def options():
    put("option_text", "options", 'lowerdir=/a:/b,upperdir=/u\\,v,context="a,b",x')
    put("option_text", "lowers", "/a:/b\\:c:/d::/data::/more")
    put("option_text", "twice", "/a\\\\:b:/c\\072d")
    put("option_text", "map", "0:1000:1:1:2000:65535")
    put("option_text", "size", "512M")
    put("option_text", "seconds", "1.5e3")
    put("option_text", "typo", "lowerdir\0lowredir")
    put("option_text", "typo-two", "lowerdir\0olxerdir")
    put("option_text", "typo-almost-swapped", "ab\0bx")
    put("option_text", "typo-more", "upperdir\0uppperdir")
    put("option_text", "three-colons", "/a:::/b")
    put("option_text", "trailing-colon", "/a:/b:")
    put("option_text", "list", "/a\n/b\n\n/c")
    put("option_text", "long", "x" * 200 + "\n")
    put("mount_options", "kernel", "@lowerdir=/a:/b,upperdir=/u,workdir=/w,redirect_dir=on,xino=auto")
    put("mount_options", "read-only", "@ro,lowerdir=/a:/b,metacopy=on,redirect_dir=follow")
    put("mount_options", "data", "@lowerdir=/a::/d,metacopy=on\0datadir+=/e")
    put("mount_options", "added", "@lowerdir+=/a\0lowerdir+=/b\0datadir+=/d\0upperdir=/u,workdir=/w")
    put("mount_options", "list", "Plowerdir=@list\0\0/a\n/b\n/c")
    put("mount_options", "options-list", "P@all\0\0lowerdir=/a:/b\nupperdir=/u\nworkdir=/w\nnoatime")
    put("mount_options", "no-lists", "@@all")
    put("mount_options", "fuse-overlayfs", "Alowerdir=a:b:,upperdir=u,workdir=w,squash_to_uid=0,fsync=0,threaded=0")
    put("mount_options", "ids", "@lowerdir=/a,uidmapping=0:1000:1:1:100000:65536,gidmapping=0:0:1,squash_to_root")
    put("mount_options", "user", "Flowerdir=/a,upperdir=/u,workdir=/w")
    put("mount_options", "strict", "Hlowerdir=/a,nonsense")
    put("mount_options", "typo", "@lowerdri=/a")
    put("mount_options", "served", "@lowerdir=/a,threads=4,memory=64M,timeout=1.5,max_write=65536,max_read=4096,"
        "transport=uring,io_uring=off,merge_index=on,index_dir=/i,lower=frozen,wh=on,debug,noacl,noxattrs=0")
    put("mount_options", "mounted", "@lowerdir=/a,allow_root,auto_unmount,fsname=f,subtype=s,context=c,rprivate,"
        "nodev,relatime,strictatime,x-systemd.automount,_netdev,user_id=0")
    put("mount_options", "remount", "@remount,ro,noatime")
    put("mount_options", "refused-index", "@lowerdir=/a,upperdir=/u,workdir=/w,index=on")
    put("mount_options", "refused-verity", "@lowerdir=/a,verity=require")
    put("mount_options", "refused-export", "@lowerdir=/a,nfs_export=on,index=off")
    put("mount_options", "refused-userxattr", "@lowerdir=/a,userxattr,redirect_dir=on")
    put("mount_options", "plugin", "@lowerdir=//ovl/data/path")
    for name, text in {
            "switch-on": "noxattrs=1,ino32_t=on", "switch-off": "noxattrs=off", "switch-odd": "noxattrs=maybe",
            "no-value": "threads", "has-value": "debug=1", "squash": "squash_to_root,squash_to_uid=7",
            "squash-both": "squash_to_root,squash_to_uid=7,squash_to_gid=8", "redirect-off": "redirect_dir=off",
            "threads": "threaded=0,threads=2", "no-memory": "memory=0", "too-few": "threads=0",
            "too-small": "max_write=1", "permissions": "xattr_permissions=1", "permissions-0": "xattr_permissions=0",
            "permissions-odd": "xattr_permissions=3", "no-name": "fsname=", "metacopy-nofollow":
            "metacopy=on,redirect_dir=nofollow", "export-metacopy": "nfs_export=on,metacopy=on",
            "userxattr-follow": "userxattr,redirect_dir=follow", "userxattr-metacopy": "userxattr,metacopy=on",
            "export-upper": "nfs_export=on,upperdir=/u,workdir=/w", "export": "nfs_export=on,redirect_dir=nofollow",
            "metacopy-upper": "metacopy=on,upperdir=/u,workdir=/w", "metacopy-follow":
            "metacopy=on,redirect_dir=follow,upperdir=/u,workdir=/w", "workless": "upperdir=/u",
            "work-alone": "workdir=/w", "sync": "sync=0", "sync-flag": "sync,async,dirsync", "uid": "uid=5"}.items():
        put("mount_options", "set-" + name, "@lowerdir=/a," + text)
    put("mount_options", "list-unreadable", "Plowerdir=@")
    put("mount_options", "list-of-plugins", "Plowerdir=@l\0\0/a\n//plugin\n")
    put("mount_options", "data-plugin", "@lowerdir=/a:://plugin")
    put("mount_options", "volatile", "@lowerdir=/a,volatile,uuid=on,index=on,nfs_export=on")


LOOKUP, FORGET, GETATTR, SETATTR, READLINK, SYMLINK, MKNOD, MKDIR, UNLINK, RMDIR, RENAME, LINK, OPEN, READ, WRITE, \
    STATFS, RELEASE, FSYNC, SETXATTR, GETXATTR, LISTXATTR, REMOVEXATTR, FLUSH, INIT, OPENDIR, READDIR, RELEASEDIR, \
    FSYNCDIR = 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
CREATE, INTERRUPT, DESTROY, IOCTL, BATCH_FORGET, FALLOCATE, READDIRPLUS, RENAME2, LSEEK, COPY, TMPFILE, STATX, \
    COPY64 = 35, 36, 38, 39, 42, 43, 44, 45, 46, 47, 51, 52, 53
UNIQUE = iter(range(2, 100000, 2))


def say(opcode, body=b"", node=1, flags=0, answer=0, uid=0, pid=1, extensions=b""):
    head = struct.pack("<IIQQIIIHH", 40 + len(body) + len(extensions), opcode, next(UNIQUE), node, uid, 0, pid,
                       len(extensions) // 8, 0)
    message = head + body + extensions
    return bytes([flags, answer]) + struct.pack("<H", len(message)) + message


def lie(message, size):
    """The same, whose header says another size and keeps it."""
    return b"\1" + message[1:4] + struct.pack("<I", size) + message[8:]


def read_in(handle, size, offset=0):
    return struct.pack("<QQIIQII", handle, offset, size, 0, 0, 0, 0)


def setattr_in(valid, size=0, mode=0, uid=0):
    return struct.pack("<IIQQQQQQIIIIIIII", valid, 0, 1, size, 0, 1, 2, 3, 4, 5, 6, mode, 0, uid, uid, 0)


INIT_IN = struct.pack("<IIIII44x", 7, 45, 131072, 0xffffffff, 0xffffffff)
GROUPS = struct.pack("<IIIIII", 20, 32, 2, 4711, 4712, 0)


def requests(target, node, handle):
    """Sequences that a client sends; `node` and `handle` are those that its engine gives first."""
    stats = struct.pack("<QIIQII", 0, 0, 0x900050f5 & 0xffffffff, 0, 0, 4096)
    flags_ioctl = struct.pack("<QIIQII", 0, 0, 0x80086601, 0, 0, 8)
    walk = say(LOOKUP, b"dir\0") + say(LOOKUP, b"file\0", node=node)
    seeds = {
        "init": say(INIT, INIT_IN, uid=1 << 20) + say(INIT, INIT_IN) + walk,
        "init-old": say(INIT, struct.pack("<IIII", 7, 31, 4096, 0), uid=1) + walk + say(SETXATTR, struct.pack(
            "<II", 3, 0) + b"user.a\0abc", node=node),
        "init-newer": say(INIT, struct.pack("<IIII44x", 8, 0, 0, 0) + bytes(4)) + say(INIT, INIT_IN),
        "lookup-forget": walk + say(FORGET, struct.pack("<Q", 1), node=node) + say(BATCH_FORGET, struct.pack(
            "<IIQQQQ", 2, 0, node, 1, node + 1, 1)),
        "gone": say(LOOKUP, b"dir\0", flags=2) + say(CREATE, struct.pack("<IIII", 0o102, 0o644, 0o22, 0) + b"n\0",
                                                     flags=2) + say(OPENDIR, bytes(8), flags=2) + say(
            READDIRPLUS, read_in(handle, 4096), flags=2, pid=6400),
        "interrupted": say(LOOKUP, b"dir\0", flags=12) + say(OPEN, bytes(8), node=node, flags=12) + say(
            INTERRUPT, struct.pack("<Q", 4)),
        "file": say(CREATE, struct.pack("<IIII", 0o102, 0o644, 0o22, 0) + b"new\0", extensions=GROUPS) + say(
            WRITE, read_in(handle, 5) + b"hello", node=node) + say(READ, read_in(handle, 4096), node=node) + say(
            FSYNC, struct.pack("<QII", handle, 1, 0), node=node) + say(LSEEK, struct.pack(
                "<QQII", handle, 0, 3, 0), node=node) + say(FALLOCATE, struct.pack(
                    "<QQQII", handle, 0, 4096, 0, 0), node=node) + say(COPY, struct.pack(
                        "<QQQQQQQ", handle, 0, node, handle, 8, 4, 0), node=node) + say(COPY64, struct.pack(
                            "<QQQQQQQ", handle, 0, node, handle, 8, 4, 0), node=node) + say(
            RELEASE, struct.pack("<QIIQ", handle, 0, 0, 0), node=node),
        "open": say(LOOKUP, b"f\0") + say(OPEN, struct.pack("<II", 0, 0), node=node) + say(
            READ, read_in(handle, 100), node=node, pid=50) + say(FLUSH, bytes(24), node=node),
        "list": say(OPENDIR, bytes(8)) + say(READDIR, read_in(handle, 4096), pid=3200) + say(
            READDIRPLUS, read_in(handle, 4096), pid=3200) + say(READDIR, read_in(handle, 4096, 5), pid=640) + say(
            FSYNCDIR, struct.pack("<QII", handle, 0, 0)) + say(RELEASEDIR, struct.pack("<QIIQ", handle, 0, 0, 0)),
        "names": say(MKDIR, struct.pack("<II", 0o755, 0o22) + b"d\0") + say(SYMLINK, b"l\0target\0") + say(
            MKNOD, struct.pack("<IIII", 0o10644, 0, 0o22, 0) + b"p\0") + say(LINK, struct.pack(
                "<Q", node) + b"h\0") + say(RENAME, struct.pack("<Q", 1) + b"h\0i\0") + say(
            RENAME2, struct.pack("<QII", 1, 1, 0) + b"i\0j\0") + say(UNLINK, b"j\0") + say(RMDIR, b"d\0"),
        "attrs": say(LOOKUP, b"f\0") + say(GETATTR, bytes(16), node=node) + say(STATX, bytes(24), node=node) + say(
            SETATTR, setattr_in(0x7ff, size=10, mode=0o600, uid=1), node=node) + say(
            SETATTR, setattr_in(0x836, mode=0o600), node=node, answer=200) + say(READLINK, node=node, pid=20),
        "xattrs": say(LOOKUP, b"f\0") + say(SETXATTR, struct.pack("<IIII", 3, 1, 0, 0) + b"user.a\0abc", node=node) +
        say(GETXATTR, struct.pack("<II", 0, 0) + b"user.a\0", node=node, pid=100) + say(
            GETXATTR, struct.pack("<II", 64, 0) + b"user.a\0", node=node, pid=10) + say(
            LISTXATTR, struct.pack("<II", 64, 0), node=node, pid=65) + say(REMOVEXATTR, b"user.a\0", node=node),
        "acl": say(SETXATTR, struct.pack("<IIII", 44, 0, 1, 0) + b"system.posix_acl_access\0" + acl(
            (1, 7), (2, 6, 5), (4, 5), (16, 7), (32, 0))) + say(GETXATTR, struct.pack(
                "<II", 4096, 0) + b"system.posix_acl_access\0", pid=12),
        "control": say(STATFS) + say(IOCTL, stats) + say(IOCTL, stats, uid=5) + say(IOCTL, flags_ioctl, pid=8) + say(
            DESTROY),
        "errors": say(LOOKUP, b"a\0", answer=38) + say(LOOKUP, b"b\0", answer=107) + say(
            LOOKUP, b"c\0", answer=255) + say(READDIRPLUS, read_in(handle, 4096), answer=200, pid=0),
        "malformed": say(LOOKUP, b"no end") + say(LOOKUP, b"..\0") + say(READ, b"short") + say(99) + say(
            LOOKUP, b"a\0", flags=1, extensions=b"12345678") + say(BATCH_FORGET, struct.pack("<II", 1000, 0)),
        "tmpfile": say(TMPFILE, struct.pack("<IIII", 0o20200002, 0o644, 0, 0) + b"/\0"),
    }
    for name, messages in seeds.items():
        put(target, name, b"@" + messages)
    group = struct.pack("<II", 20, 32)
    for name, extension in {"none": struct.pack("<IIII", 12, 32, 0, 0), "too-many": group + struct.pack(
            "<IIII", 9, 1, 2, 0), "short": struct.pack("<II", 8, 32), "context": struct.pack("<IIQ", 16, 1, 0),
            "beyond": struct.pack("<II", 64, 32), "below": struct.pack("<II", 4, 32)}.items():
        put(target, "extension-" + name, b"@" + say(LOOKUP, b"a\0", extensions=extension))
    for minor in (31, 34, 37, 38, 39, 40):
        put(target, f"init-{minor}", b"@" + say(INIT, INIT_IN, pid=minor) + seeds["attrs"])
    put(target, "init-ancient", b"@" + say(INIT, struct.pack("<IIII", 7, 30, 0, 0)) + say(INIT, struct.pack(
        "<IIII", 6, 0, 0, 0)) + say(INIT, b"short"))
    put(target, "lengths", b"@" + lie(say(LOOKUP, b"a\0"), 41) + lie(say(LOOKUP, b"a\0"), 1000) + lie(say(STATFS), 0))
    put(target, "odd-mode", b"@" + say(LOOKUP, b"f\0") + say(SETATTR, setattr_in(1, mode=0xffffffff), node=node))
    put(target, "listing-fails-later", b"@" + say(READDIRPLUS, read_in(handle, 4096), answer=200, pid=6400))
    put(target, "open-what-is-no-file", b"@" + say(MKNOD, struct.pack("<IIII", 0o10644, 0, 0, 0) + b"p\0") + say(
        MKNOD, struct.pack("<IIII", 0o20644, 0x105, 0, 0) + b"c\0") + b"".join(
            say(opcode, bytes(8), node=at) for opcode in (OPEN, OPENDIR) for at in (1, node, node + 1)))
    put(target, "large-value", b"@" + say(GETXATTR, struct.pack("<II", 65536, 0) + b"user.a\0", pid=69000) + say(
        GETXATTR, struct.pack("<II", 65536, 0) + b"system.posix_acl_default\0", pid=12))
    put(target, "interrupt-none", b"@" + say(INTERRUPT, struct.pack("<Q", 1000)) + say(INTERRUPT, b"short"))
    put(target, "odd-name-traced", b"H" + say(LOOKUP, b"\"\\\x7f\n\0") + say(RELEASE, b"", pid=2) + say(
        LOOKUP, b"a\0", answer=2))
    put(target, "squashed-uid", b"B" + seeds["attrs"] + say(SETATTR, setattr_in(0x2, uid=1), answer=200) + say(
        SETATTR, setattr_in(0x4, uid=1), answer=200) + say(SETATTR, setattr_in(0x1), answer=22))
    put(target, "mapped", b"A" + seeds["names"] + seeds["attrs"] + seeds["acl"])
    put(target, "squashed", b"G" + seeds["attrs"] + seeds["acl"])
    put(target, "traced", b"H" + seeds["file"] + seeds["names"] + seeds["malformed"])
    put(target, "old", b"P" + seeds["attrs"] + seeds["xattrs"])


def layer_index():
    """seed-header, -block, -page and -hashes are cut from a file that `plyctl index` wrote, and are not made here."""
    put("layer_index", "directories", b"D\0" + FOUR_ENTRIES)
    put("layer_index", "large-directory", b"D\1\x17\4name\x30\2\7\0\1\0\5\x20" + b"t" * 32 + b"\xc8" + b"v" * 200)
    put("layer_index", "long-paths", b"D" + (b"\xfe\2\1n" + bytes(8) + b"\xfe\x04\1n" + bytes(8)) * 3)
    put("layer_index", "devices", b"D\0\5\1n\1\3\7\0\1\0\5\7")
    put("layer_index", "short-page", b"A123")
    put("layer_index", "no-block", b"B")
    put("layer_index", "hashes-two", b"C" + bytes(8) + b"\xff" * 8)
    # engine/format/layer_index_layout.h: the block's head, the part's, its path of one byte, two numbers an entry.
    part = 16
    path = part + 16
    entry = path + 1 + 4 * 4
    second = entry + 96
    damage = {
        "nothing": [], "used": [(8, 1)], "zero": [(12, 1)], "part-size": [(part + 1, 1)],
        "part-number": [(part + 4, 0)], "part-count": [(part + 10, 0)], "part-first": [(part + 12, 2)],
        "part-zero": [(part + 13, 1)], "path-slash": [(path, 0x2f)], "path-nul": [(path, 0)],
        "path-size": [(part + 8, 200), (part + 9, 255)], "hash": [(path + 3, 9)], "offset": [(path + 10, 9)],
        "mode": [(entry + 89, 0)], "flags": [(entry + 91, 0x80)], "ns": [(entry + 59, 0xff)],
        "entry-zero": [(entry + 95, 1)], "extras": [(entry + 92, 1)], "itself": [(entry + 89, 0x80)],
        "named-slash": [(second + 96, 0x2f)], "holds-nothing": [(second + 90, 64)], "device": [(second + 89, 0x20)],
        "link": [(second + 89, 0xa0)], "target": [(second + 90, 4)], "records": [(second + 90, 8)],
    }
    for name, changes in damage.items():
        put("layer_index", "damaged-" + name, b"E" + bytes([len(changes)]) + b"".join(
            struct.pack("<HB", *change) for change in changes) + b"\0" + FOUR_ENTRIES)
    with open(os.path.join(HERE, "corpus/layer_index/seed-header"), "rb") as file:
        header = file.read()
    for name, (at, value) in {"magic": (0, 1), "version": (8, 9), "size": (12, 1), "no-directories": (32, 0),
                              "no-blocks": (48, 0), "last-block": (54, 9), "no-pages": (56, 0), "pages": (56, 2),
                              "flags": (60, 4), "all-flags": (60, 3), "made-ns": (107, 0xff),
                              "ctime-ns": (111, 0xff), "handle-size": (132, 0), "handle-long": (133, 1),
                              "tail": (500, 1)}.items():
        changed = bytearray(header)
        changed[1 + at] = value
        put("layer_index", "header-" + name, bytes(changed))
    put("layer_index", "page-long", b"A" + bytes(4200))
    put("layer_index", "damaged-cut", b"E\0\5" + FOUR_ENTRIES)


FOUR_ENTRIES = b"\0\3\4name\x21\1\7\0\1\0\5\3abc"


def main():
    text_targets()
    layer_index()
    binary_records()
    merges()
    options()
    requests("fuse_requests", 3, 2)
    requests("fuse_engine", 2, 1)


if __name__ == "__main__":
    main()
