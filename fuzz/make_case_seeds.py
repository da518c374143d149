#!/usr/bin/python3
"""Writes the seeds of the targets whose inputs are cases (engine/testing/overlay_case.h): for each group of rules of
docs/semantics.md the layers and steps that they speak of.  By hand: fuzz/make_case_seeds.py."""
import os

HERE = os.path.dirname(os.path.abspath(__file__))
NAMES = "abcd"
REDIRECTS = ["a", "b", "c", "d", "/a", "/b", "/a/b", "/b/a", "/c", "/c/d", "/d/a", "/a/b/c", "/a/a"]
STEPS = ["stat", "list", "read", "readlink", "getxattr", "listxattr", "create", "mkdir", "mknod", "symlink", "link",
         "unlink", "rmdir", "rename", "truncate", "chmod", "chown", "setxattr", "removexattr", "open", "tmpfile", "close",
         "readslot", "writeslot", "truncateslot", "statslot", "chmodslot", "setxattrslot", "linkslot", "drop", "remount"]
OFF, FOLLOW, NOFOLLOW, ON = range(4)
USER = 8  # userxattr
# What must change no answer: the names' index on its own terms, none, always, with hardly any memory; the layers'.
SETTINGS = {"": 0, "-unlisted": 2, "-indexed": 32, "-tight": 5, "-watched": 112, "-layers": 98}


def path(text):
    parts = text.split("/")
    byte = len(parts) - 1
    for at, part in enumerate(parts):
        byte |= NAMES.index(part) << (2 + 2 * at)
    return byte


def header(redirect_dir, lowers, settings, cut=(0, 0)):
    return bytes([redirect_dir % 8, 0 if redirect_dir == USER else 1, 1, lowers - 1, 0, settings, *cut])


def record(kind, layer=0, at="a", other="a", a=0, b=0, c=0, d=2):
    return bytes([kind, layer, path(at), path(other), a, b, c, d])


def thing(word, upper):
    """'0 file a/b', '1 redirect a /b', 'U link d a': an object of a layer, U being upper."""
    layer, kind, at, *more = word.split()
    layer = upper if layer == "U" else int(layer)
    if kind == "redirect":
        return bytes([8, layer, path(at), REDIRECTS.index(more[0]), 1, 0, 0, 2])
    kinds = {"file": 0, "dir": 3, "opaque": 7, "whiteouts": 9, "whiteout": 10, "symlink": 12, "fifo": 13, "char": 13,
             "link": 14, "xwhiteout": 15, "xdir": 3, "xfile": 0}
    a = {"xwhiteout": 1, "char": 2, "symlink": 1}.get(kind, 1 if "dir" in kind else 0)
    return record(kinds[kind], layer, at, more[0] if more else "a", a, 1, 2 if kind == "file" else 0,
                  0 if kind in ("xdir", "xfile") else 2)


def step(word):
    """'rename a b', 'exchange a b', 'open a w', 'readslot'."""
    kind, *more = word.split()
    flags = {"exchange": 4, "noreplace": 3}.get(kind, 0)
    kind = "rename" if kind in ("exchange", "noreplace") else kind
    at, other = (more + ["a", "a"])[:2] if kind in ("rename", "link") else (more + ["a"])[:2] if more else ("a", "a")
    a = {"w": 1, "t": 2, "wt": 3}.get(more[1] if len(more) > 1 else "", flags) if kind == "open" else flags
    return record(64 + STEPS.index(kind), 0, at, other if other[0] in NAMES else "a", a, 1, 0, 0)


# Name, redirect_dir, lowers, objects, steps.
CASES = [
    ("L3", FOLLOW, 3, "0 fifo a;1 dir a;2 file a/b;0 file b;1 file b/c;0 symlink c;1 dir c", "stat a;list a;stat b;list b"),
    ("L4", FOLLOW, 3, "0 xwhiteout a;1 file a;0 whiteout b;1 file b/c;U xwhiteout c;0 file c", "stat a;stat b;stat c"),
    ("L5", FOLLOW, 3, "0 file a/b;1 opaque a;1 file a/c;2 file a/d;U dir b;0 opaque b;1 file b/c", "list a;list b;stat a/d"),
    ("L6", FOLLOW, 3, "U file a/a;0 file a/b;1 file a/c;2 file a/d", "list a;stat a/d;stat a/b"),
    ("L7", FOLLOW, 3, "0 file a/b;1 file a;2 file a/c;0 file b/a;1 whiteout b;2 file b/c", "list a;list b;stat a/c"),
    ("L8", FOLLOW, 2, "1 redirect a /b;1 file b/c;0 file d/a;1 opaque d;1 xdir c", "list a;list d;listxattr c"),
    ("L9", FOLLOW, 3, "0 opaque a;0 redirect a/b c;1 file a/c/d;0 dir b;0 redirect b/a d;1 file b;2 file b/d/a",
     "list a/b;list b/a;stat a/b/d"),
    ("L10", FOLLOW, 3, "0 opaque a;0 redirect a /b;1 file b/c;0 redirect d c;1 file c/a;2 file c/b", "list a;list d;stat a/c"),
    ("L11", FOLLOW, 3, "0 redirect a /b/a;1 opaque b;1 file b/a/c;2 file b/a/d;0 redirect c /d/a;1 redirect d a;2 file a/a/b",
     "list a;list c;stat a/d"),
    ("L11-upper", ON, 3, "U redirect a /b/a;0 opaque b;0 dir b/a;1 file b/a/d;U redirect c /b;0 whiteout b/d", "list a;list c"),
    ("L12", NOFOLLOW, 3, "0 redirect a b;1 file b/c;U redirect c /b;1 redirect d /b;2 file a/b;U redirect b/a c",
     "stat a;stat c;stat d;list b;stat b/a"),
    ("N1", FOLLOW, 2, "0 dir a;0 file b", "create a/b;mkdir a/c;mknod a/d;symlink a/a;link b c;stat a/d;list a;remount"),
    ("N2", FOLLOW, 2, "0 file a;0 file b;0 file c;U xwhiteout d;U dir b/a", "unlink a;create a;unlink c;link b c;create d;stat d"),
    ("N3", ON, 2, "0 dir a;U opaque b", "mkdir b/a;mkdir c;mkdir c/a;mkdir a/b;list c"),
    ("N4", FOLLOW, 2, "0 file a/b;U whiteout b;U opaque c;U whiteout c/a;0 file b/c", "unlink a/b;mkdir a/b;mkdir b;mkdir c/a;list b"),
    ("N5", FOLLOW, 3, "0 xwhiteout a;1 file a;0 whiteout b;1 file b/c;0 whiteouts c;0 xwhiteout c/a;1 file c/a",
     "create a;unlink a;mkdir b;rmdir b;create c/a;unlink c/a"),
    ("N7", FOLLOW, 2, "U file a;U link b a;0 dir c;U file c/a;U link c/b a", "stat a;stat b;unlink b;stat c/b;unlink c/b;list c"),
    ("N8", FOLLOW, 2, "0 file a;1 file b;U file b;0 dir c;1 file c/a", "chmod a;link a d;stat d;unlink a;unlink b;unlink c/a"),
    ("N9", FOLLOW, 2, "U opaque a;U whiteout a/b;U whiteouts b;U xwhiteout b/a;U xwhiteout b/c;U dir c;U xwhiteout c/a",
     "rmdir a;rmdir b;rmdir c"),
    ("N10", FOLLOW, 2, "0 file a/b;0 file a/c;1 file a/d;0 dir b;1 dir b;U dir c;U whiteout c/a;U whiteout c/b;0 dir c",
     "unlink a/b;unlink a/c;unlink a/d;rmdir a;rmdir b;rmdir c;list a"),
    ("N11", FOLLOW, 2, "0 file a/b/c;1 file b/a", "rmdir a/b;rmdir b;stat a"),
    ("N12", FOLLOW, 2, "0 dir a/b;0 file c;1 dir d", "rmdir a/b;mkdir a/b;rmdir a/b;unlink c;mkdir c;rmdir c;rmdir d;mkdir d;rmdir d"),
    ("N13", FOLLOW, 2, "U opaque a;U file a/b;0 file a/b;0 file c/a", "unlink a/b;unlink c/a;rmdir c;mkdir c;create c/a;unlink c/a"),
    ("N14", FOLLOW, 2, "U file a;0 file a/b;U opaque b;0 file b;1 file c;0 dir d/a;U file d/a", "unlink a;rmdir b;unlink d/a;list d"),
    ("R3", FOLLOW, 2, "0 dir a;0 dir b", "create a/b;rename a/b b/c;mkdir a/c;rename a/c b/d;list a;list b"),
    ("R4", FOLLOW, 2, "0 file a;1 file b/a;0 dir d", "mkdir c;rename a c/a;rename b/a d/b;list b;list d"),
    ("R5", FOLLOW, 2, "0 file a;0 file d/b;0 file b;0 file c", "unlink d/b;rename a d/b;unlink c;rename b c;list d"),
    ("R6", FOLLOW, 2, "0 file b;0 file d/a;0 file d/b", "create c;unlink b;rename c b;create a;unlink d/a;rename a d/a;create c;rename c d/b"),
    ("R7", FOLLOW, 2, "0 file a;0 file d/b;0 file b", "mkdir c;unlink d/b;rename c d/b;mkdir c;unlink b;rename c b;list d"),
    ("R8", FOLLOW, 2, "0 file a;0 file d/a", "rename a d/b;rename d/b a;rename d/a d/c;rename d/c d/a;remount;list d"),
    ("R9", FOLLOW, 2, "0 file a/b;1 file c/a;U dir c", "rename a b;rename c d;exchange a c;list a"),
    ("R9-on", ON, 2, "0 file a/b;1 file c/a;U dir c;1 file a/c", "rename a b;rename c d;rename b d/b;list d/b;mkdir a;list a;remount"),
    ("R10", ON, 2, "0 file a/b/c;0 file d/b", "mkdir c;create c/a;rename c/a a/b/d;mkdir a/c;rename a/c a/d;rename a/d d/c;list d"),
    ("R11", FOLLOW, 2, "U opaque b;U whiteout b/c;0 dir d;0 file d/a;0 file a", "mkdir c;rename c b;unlink d/a;mkdir c;create c/d;rename c d;list d"),
    ("R12", FOLLOW, 2, "0 file b/c;0 file d", "chmod b;mkdir a;rename a b;create c;rename c b;rename a d;list b"),
    ("R13", FOLLOW, 2, "0 dir a;0 file b;U file c;U opaque d;0 file d/a", "exchange c a;exchange b c;exchange d b;list d;list b"),
    ("R13-on", ON, 2, "0 file a/a;0 file b/b;U file c", "exchange a b;exchange c b;mkdir d;exchange d a;list a;list d;remount"),
    ("R14", FOLLOW, 2, "0 file a;0 link b a;U file c;U link d c", "stat a;stat b;rename a b;stat c;stat d;rename c d;list d"),
    ("R15", FOLLOW, 2, "0 file a;0 dir d;0 dir b/a", "rename a d/c;drop;list d;rename d/c b/a/d;remount;list b/a"),
    ("R16", ON, 2, "0 file a/b/c;0 file c/d;1 file a/b/d", "rename a d;rename d/b c/b;list c/b;rename c/b c/a;rename c/a b;list b;remount;list b"),
    ("C1", FOLLOW, 2, "0 xdir a;0 xdir a/b;0 xfile a/b/c;1 file d/a/b", "setxattr a/b/c;chmod d/a/b;listxattr a;list a/b"),
    ("C2", FOLLOW, 2, "0 file a;0 file b/a;0 dir b/c;0 symlink b/d", "chmod b/a;chmod b/c;drop;list b;remount;list b"),
    ("C4", FOLLOW, 2, "0 xfile a;0 file b;0 link c b;0 symlink d;0 char b;0 fifo d/a", "chmod a;open b w;writeslot;close;chown d;readslot;stat c"),
    ("C9", FOLLOW, 2, "0 file a;1 file b;0 file c", "open a t;readslot;close;open b wt;writeslot;close;read b;truncate c"),
    ("C16", FOLLOW, 2, "0 symlink a;0 char b;0 fifo c;0 char d", "chown a;chown b;chown c;rename b d;link c b;readlink a;stat b"),
    ("C19", FOLLOW, 2, "0 file a;0 file b;0 link c b", "stat a;open a r;open b w;writeslot;stat b;stat a;stat c;chmod a;readslot;statslot"),
    ("N19", FOLLOW, 2, "0 file a;0 file b;1 xfile c;0 file d/a", "open a r;unlink a;chmodslot;writeslot;readslot;close;open c w;"
     "unlink c;writeslot;close;open d/a r;rename b d/a;chmodslot;statslot"),
    ("R21", FOLLOW, 2, "0 file a;0 file b;0 dir d;0 file d/a;0 file d/b", "unlink a;mkdir a;rename a c;rename b d/c;rename d/a d/b;"
     "unlink d/b;mkdir d/b;create d/b/a;rename d/b c/d"),
    ("C16-user", USER, 2, "0 symlink a;0 char b;0 xfile c;0 xdir d", "chown a;chown b;chmod c;chmod d;create d/a;remount;list d"),
    ("D1", FOLLOW, 3, "0 file a;1 dir a;0 dir b;1 file b;2 dir c;1 symlink c;U fifo d;0 file d", "list a;list b;list c;drop;list b"),
    ("D5", FOLLOW, 2, "0 file a/b;0 file a/c;1 file a/d;0 file b/a", "list a;create a/a;list a;unlink a/b;list a;list b;create b/b;list b;drop"),
    ("D6", FOLLOW, 2, "0 file a/b;0 file a/c;1 file a/d;0 file b/a;0 file c/a;0 file d/a;1 file d/b",
     "list a;unlink a/b;list b;list c;list d;list a;unlink a/c;create a/a;list d;list c;list b;list a"),
    ("D6-upper", FOLLOW, 1, "U file a/a;U file a/b;U file a/c;U file b/a;U file c/a;U file d/a",
     "list a;unlink a/b;list b;list c;list d;list a;create a/d;list b;list c;list d;list a"),
    ("D8", FOLLOW, 2, "0 file a/b;1 file b/c;0 file b/d", "list a;create a/c;list a;list b;symlink b/a;list b;unlink b/c;list b"),
    ("D7", FOLLOW, 2, "0 dir a;1 dir b;U dir c", "list a;rmdir a;list b;rmdir b;list c;rmdir c;mkdir d;list d;rmdir d"),
    ("D9", FOLLOW, 2, "0 whiteout a/b;0 file a/c;U whiteout b/a;U file b/b;0 whiteout c/a;1 file c/a", "list a;list b;list c;remount"),
    ("L13", FOLLOW, 2, "0 symlink a;0 file b;1 file a/b;0 symlink c/a;0 file c/b;1 redirect d a", "stat a;read b;stat c/a;readlink c/a;list d"),
]
# Operations of tree_fuzz (fuzz/tree_world.cc, DoOften and DoSeldom), and what may follow: which directory of those held
# it is about, which name, a number.
TREE_STEPS = ["lookup", "begin", "finish", "make", "remove", "rename", "forget", "read", "publish", "open", "readview",
              "byhand", "drop", "shrink", "absent", "doubtall"]
TREE_SELDOM = ["abandon", "doubtif", "unwatched", "link", "split", "replace", "insideout", "insideout2", "nameless",
               "freenameless", "lookattr", "storeattr", "changeattr", "evictattr", "churn", "table"]
ROOMY, UNMOUNTS, TIGHT = 1, 2, 4
TREE_DIRS = ";".join(f"make 0 {name};lookup 0 {name}" for name in "abcdef")
TREE = [
    ("sweep", ROOMY, "make 0 a;lookup 0 a;absent 1 a 0;absent 1 a 1;absent 1 a 2;absent 0 a 3;remove 0 a 1;forget 0 a 1"),
    ("compact", ROOMY, "make 0 a;make 0 b 1;read 0;publish 0;open 0;churn 0 a 79;open 0;readview 0;churn 0 a 79;split 0 b;"
     "readview 0;churn 0 a 79;readview 0;open 0"),
    ("split", 0, "make 0 a 1;make 0 b 1;make 0 c 1;make 0 d 1;read 0;publish 0;split 0 a;split 0 b 1;split 0 c;split 0 d 1;"
     "read 0;open 0;split 0 a 1"),
    ("chunks", 0, "nameless 0 a 255;nameless 0 a 255;freenameless 0 a 200;table;freenameless 0 a 255;table;nameless 0 a 255;"
     "nameless 0 a 200;freenameless 0 a 255;table"),
    ("listings", TIGHT, TREE_DIRS + ";" + ";".join(f"read {n};publish {n};open {n}" for n in range(7)) +
     ";drop 1;read 0;publish 0;remove 0 c 1;remove 0 d 0;forget 0 a 3;forget 0 b 4;shrink;read 1;publish 1"),
    ("insideout", 0, "make 0 a;lookup 0 a;make 1 b;lookup 1 b;insideout 2 c 1;lookup 0 a;lookup 1 c;table"),
    ("insideout-inner", 0, "make 0 a;lookup 0 a;make 1 b;lookup 1 b;begin 1 b;insideout 2 c 0;lookup 2 c;table"),
    ("replace", UNMOUNTS, "make 0 a 1;lookup 0 a;begin 0 a;replace 0 a;lookup 0 a;make 2 b;lookup 2 b;link 0 a"),
    ("names", UNMOUNTS, "make 0 a 1;link 0 a;doubtif 0 a 0;doubtif 0 a 1;unwatched 0 a;unwatched 0 f;begin 0 a;abandon 0 a;"
     "begin 0 b;doubtall 0 b;abandon 0 b;remove 0 a 0;remove 0 c 1;byhand 0 d;begin 0 d;doubtall 0;finish"),
    ("attrs", 0, TREE_DIRS + ";" + ";".join(f"lookattr 0 a {n};storeattr" for n in range(7)) +
     ";evictattr 0 a 3;evictattr 0 a 2;evictattr 0 a 1;lookattr 0 a 1;changeattr 0 a 1;storeattr;evictattr 0 a 0;nameless 0 a 9;"
     "evictattr 0 a 0;evictattr 0 a 0"),
]
# All steps by all threads, with dawdling; the last two at once.
RACES = [0x8d, 0xcd]
# Dealt out: in more layers than are asked without a thought, and watched.
MORE_RACES = {"-watched": 0x72, "-layers": 0x62}


def tree_step(word):
    """'make 0 a 1': what, in which of the directories held, by which name, with which number."""
    kind, which, name, number = (word.split() + ["0", "a", "0"][len(word.split()) - 1:])[:4]
    code = TREE_STEPS.index(kind) if kind in TREE_STEPS else 160 + TREE_SELDOM.index(kind)
    return bytes([code, int(which), 0, "abcdef".index(name), 4, int(number), 0, 0])


def put(target, name, data):
    with open(os.path.join(HERE, "corpus", target, "seed-" + name), "wb") as file:
        file.write(data)


def main():
    for number, (name, redirect_dir, lowers, objects, steps) in enumerate(CASES):
        body = b"".join(thing(word, lowers) for word in objects.split(";")) + b"".join(step(word) for word in steps.split(";"))
        for suffix, settings in SETTINGS.items():
            if suffix in ("", "-unlisted") or name[0] == "D" or number % 3 == len(suffix) % 3:
                put("engine_model", name + suffix, header(redirect_dir, lowers, settings) + body)
        races = RACES[number % 2]
        put("engine_race", name, header(redirect_dir, lowers, races) + body)
        for suffix, more in MORE_RACES.items() if number % 4 == 0 else ():
            put("engine_race", name + suffix, header(redirect_dir, lowers, more, (0, number)) + body)
        # Which step is cut off, and which of its changes and how: a crash, a full disk.
        if name[0] in "NRC":
            for change in range(0, 16, 3 if name[0] == "C" else 8):
                cut = (number % len(steps.split(";")), 4 * change + 2 * (change % 2))
                put("engine_crash", f"{name}-{change}", header(redirect_dir, lowers, 0, cut) + body)
    for name, flags, steps in TREE:
        put("tree", name, bytes([0, flags]) + bytes(6) + b"".join(tree_step(word) for word in steps.split(";")))
    for change in range(12):
        cut = (0, 4 * change + 2)
        put("engine_crash", f"full-{change}", header(FOLLOW, 1, 0, cut) + thing("0 xfile a/b", 1) + step("chmod a/b"))


if __name__ == "__main__":
    main()
