"""Clients that are everyday programs: a compiler, tar, git, sqlite."""
import os
import subprocess

import tree
from clients import Client

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/nonexistent", "LC_ALL": "C", "GIT_AUTHOR_NAME": "soak",
               "GIT_AUTHOR_EMAIL": "s@localhost", "GIT_COMMITTER_NAME": "soak", "GIT_COMMITTER_EMAIL": "s@localhost",
               "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory",
               "GIT_CONFIG_VALUE_0": "*"}


class Program(Client):
    """Does its work by a script; what is there after it is what is to stay."""

    def script(self, text):
        """What it printed."""
        return subprocess.run(["/bin/bash", "-euc", text], cwd=self.dir, env=ENVIRONMENT, check=True, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout

    def left(self):
        return tree.look(self.dir)


class Build(Program):
    UNITS = 6

    def lay(self):
        for i in range(self.UNITS):
            self.lay_file(i % 3, f"src/unit{i}.c", b'#include "all.h"\nint unit%d(int n) { return n + %d; }\n' % (i, i))
        calls = "".join(f"n = unit{i}(n); " for i in range(self.UNITS))
        self.lay_file(1, "src/all.h", "".join(f"int unit{i}(int);\n" for i in range(self.UNITS)).encode())
        self.lay_file(2, "src/main.c", b'#include <stdio.h>\n#include "all.h"\nint main(void) { int n = 0; %sprintf("%%d\\n"'
                      b", n); return 0; }\n" % calls.encode())
        objects = " ".join(f"unit{i}.o" for i in range(self.UNITS))
        self.lay_file(0, "src/Makefile", b"all: main\nlibunits.a: %s\n\tar rcs $@ $^\nmain: main.o libunits.a\n\t$(CC) -o $@ $^\n"
                      b"clean:\n\trm -f *.o *.a main\n%s main.o: all.h\n" % (objects.encode(), objects.encode()))

    def work(self):
        wanted = f"{sum(range(self.UNITS))}\n"
        for _ in range(self.times(2)):
            self.require(self.script("cd src; make -s clean; make -s -j2 all; ./main") == wanted, "the built program says another sum")
        changed = self.script("cd src; sed -i 's/n + 1/n + 101/' unit1.c; make -s all; ./main")
        self.require(changed == f"{sum(range(self.UNITS)) + 100}\n", "make has not built what was changed")
        return self.left()


class Tar(Program):
    def lay(self):
        for i in range(240):
            self.lay_file(i % 3, f"tree/{i % 12}/file{i}", b"%d\n" % i * (i + 1))
            if i % 20 == 0:
                os.symlink(f"file{i}", os.path.join(self.lowers[i % 3], f"tree/{i % 12}/link{i}"))

    def work(self):
        for _ in range(self.times(3)):
            self.script("rm -rf copy; mkdir copy; tar -C tree -cf - . | tar -C copy -xf -; diff -r tree copy")
            self.script("tar -cf all.tar tree; tar -df all.tar; rm -rf tree; tar -xf all.tar; diff -r tree copy")
        return self.left()


class Git(Program):
    def lay(self):
        for i in range(80):
            self.lay_file(i % 3, f"repo/d{i % 5}/f{i}", b"line %d\n" % i * 30)

    def work(self):
        rounds = self.times(3)
        said = self.script(f"""
            cd repo; git init -q; git add .; git commit -qm first
            for i in $(seq {rounds}); do
              git checkout -qb branch$i; for f in d$i/*; do echo more >>$f; done
              git rm -q d4/f$((i * 5 + 4)); git commit -qam "$i"; git checkout -q -; git merge -q branch$i
            done
            git gc -q; git fsck --full 2>&1; git status --short; cd ..; rm -rf clone; git clone -q repo clone
            git -C clone fsck; diff -r --exclude=.git repo clone; git -C repo rev-list --count HEAD""")
        self.require(said.split("\n")[-2] == str(rounds + 1), f"git says: {said[-300:]!r}")
        return self.left()


class Sqlite(Program):
    def work(self):
        rows = self.times(60)
        insert = ("for i in $(seq {rows}); do echo \"insert into t(who, what) values('{who}', hex(randomblob(200)));\"; done |"
                  " sqlite3 -cmd '.timeout 60000' {db} & ")
        for mode, db in (("wal", "wal.db"), ("delete", "journal.db")):
            self.script(f"sqlite3 {db} 'pragma journal_mode={mode}; create table t(id integer primary key, who, what)'; "
                        + "".join(insert.format(rows=rows // 2, who=who, db=db) for who in ("a", "b")) + "wait")
            said = self.script(f"sqlite3 {db} 'pragma integrity_check; select count(*) from t; vacuum; select count(*) from t'")
            count = rows // 2 * 2
            self.require(said.split() == ["ok", str(count), str(count)], f"{db}: sqlite says {said!r}")
        return self.left()
