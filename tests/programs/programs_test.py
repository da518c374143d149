"""Real programs in a chroot of a stack of Debian packages: the same results as on kernel overlayfs."""
import os
import subprocess
import unittest

import package_stack
from package_stack import demo_trees

SEED = """
set -eu
mkdir -p srv/src srv/tree/dir root
cd srv/src
cat >answer.h <<'E'
int answer(int);
E
cat >answer.c <<'E'
#include "answer.h"
int answer(int n) { return n * 6; }
E
cat >main.c <<'E'
#include <stdio.h>
#include <unistd.h>
#include "answer.h"
int main(int argc, char** argv) { printf("%d\\n", answer(7)); if (argc > 1) pause(); return 0; }
E
cat >Makefile <<'E'
CFLAGS = -O2 -g -fPIC
all: static shared
libanswer.a: answer.o
\tar rcsD $@ $^
libanswer.so: answer.o
\t$(CC) -shared -Wl,-soname,$@ -o $@ $^
static: main.o libanswer.a
\t$(CC) -o $@ $^
shared: main.o libanswer.so
\t$(CC) -o $@ main.o -L. -lanswer -Wl,-rpath,'$$ORIGIN'
main.o answer.o: answer.h
E
cd ..
for i in $(seq 200); do seq $i 300 >tree/$i; done
cp tree/1?? tree/dir
ln tree/7 tree/dir/seven
ln -s ../nowhere tree/dir/symlink
mkfifo tree/fifo
chmod 4750 tree/9
setfattr -n user.colour -v blue tree/11
setfacl -m u:1234:rw tree/12
find tree -exec touch -h -d @1600000000 {} +
git init -q repo
cd repo
cp -r ../src ../tree .
rm tree/fifo
git add .
git commit -qm first
git rm -q tree/7
git commit -qm second
cd ..
sqlite3 db "create table t(a integer primary key, b text);
  with recursive n(i) as (values(1) union all select i + 1 from n where i < 2000)
  insert into t select i, hex(i * 31) from n;"
"""

DPKG = """
set -eu
cd /root
make_package() {  # VERSION; the tree is in p
  mkdir -p p/DEBIAN
  printf 'Package: plyfs-sample\\nVersion: %s\\nArchitecture: all\\nMaintainer: Nobody <nobody@localhost>\\n' $1 >p/DEBIAN/control
  printf 'Description: a sample\\n' >>p/DEBIAN/control
  printf '/etc/sample.conf\\n' >p/DEBIAN/conffiles
  printf '#!/bin/sh\\necho "%s $1 $2"\\n' "postinst $1" >p/DEBIAN/postinst
  printf '#!/bin/sh\\necho "%s $1"; rm -f /var/lib/sample.state\\n' "prerm $1" >p/DEBIAN/prerm
  chmod 755 p/DEBIAN/postinst p/DEBIAN/prerm
  dpkg-deb --root-owner-group -Znone -b p sample_$1.deb
  rm -r p
}
mkdir -p p/etc p/usr/bin p/usr/lib/sample/old p/usr/share/sample
echo one >p/etc/sample.conf
printf '#!/bin/sh\\necho sample 1; touch /var/lib/sample.state\\n' >p/usr/bin/sample
chmod 755 p/usr/bin/sample
ln p/usr/bin/sample p/usr/bin/sample-link
for i in $(seq 40); do echo $i >p/usr/share/sample/$i; done
echo x >p/usr/lib/sample/old/x
make_package 1
mkdir -p p/etc p/usr/bin p/usr/lib/sample p/usr/share/sample
echo two >p/etc/sample.conf
printf '#!/bin/sh\\necho sample 2\\n' >p/usr/bin/sample
chmod 6755 p/usr/bin/sample
ln -s ../../share/sample p/usr/lib/sample/old
for i in $(seq 20 60); do echo new $i >p/usr/share/sample/$i; done
make_package 2

dpkg --no-triggers -i sample_1.deb && sample
echo mine >>/etc/sample.conf
dpkg --no-triggers --force-confold -i sample_2.deb && sample
dpkg -V plyfs-sample || true
dpkg -L plyfs-sample
dpkg --no-triggers -r plyfs-sample
cat /etc/sample.conf
dpkg --no-triggers -P plyfs-sample
ls -d /etc/sample.conf /usr/share/sample /usr/bin/sample 2>&1 || true

# A real one, repacked from what is installed: its files lie in a lower layer.
mkdir -p p/DEBIAN
dpkg -L acl | while read f; do [ -f "$f" ] && cp -a --parents "$f" p || true; done
dpkg-query -W -f='Package: ${Package}\\nVersion: ${Version}\\nArchitecture: ${Architecture}\\nMaintainer: ${Maintainer}\\n' acl >p/DEBIAN/control
dpkg-query -W -f='Depends: ${Depends}\\nDescription: ${Description}\\n' acl >>p/DEBIAN/control
dpkg-deb --root-owner-group -Znone -b p acl.deb
rm -r p
dpkg --no-triggers --force-depends -r acl
ls /usr/bin/getfacl 2>&1 || true
dpkg --no-triggers -i acl.deb
getfacl -c /srv/tree/12
dpkg -V acl || true
dpkg-query -W | sha256sum
"""

BUILD = """
set -eu
cd /srv/src
make
./static
./shared
sed -i 's/n \\* 6/n * 7/' answer.c
make
./static && ./shared
./static wait >/dev/null &
until [ "$(readlink /proc/$!/exe)" = /srv/src/static ]; do sleep 0.01; done
sh -c 'echo x >>static' 2>&1 || true
cp static /root/moved && mv /root/moved static && ./static
kill $!
strip shared && ./shared
cp -r /srv/src /root/again
cd /root/again
make -B -j2 >/dev/null
./shared
nm -D libanswer.so | grep answer
"""

SQLITE = """
set -eu
cd /srv
sqlite3 db 'pragma journal_mode=wal'
for w in 1 2 3 4; do
  for i in $(seq 12); do
    printf '.timeout 60000\\nbegin immediate;\\ninsert into t(b) values(%s);\\nupdate t set b = b || 1 where a = %s;\\ncommit;\\n' $w$i $w
  done | sqlite3 db &
done
wait
sqlite3 db 'pragma integrity_check; select count(*), max(a) from t; select sum(b) from t where a > 2000'
sqlite3 db 'select a, b from t where a <= 4'
exec 3<db
sqlite3 db 'pragma wal_checkpoint(truncate)'
sqlite3 db "delete from t where a % 3 = 0; delete from t where a > 2000; pragma journal_mode=delete"
sqlite3 db "vacuum into '/root/copy.db'"
sqlite3 db .dump | sha256sum
cmp - db <&3 && echo same
sqlite3 :memory: "attach '/root/new.db' as n; create table n.x as select 1 as y; select y from n.x"
ls
"""

GIT = """
set -eu
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@localhost GIT_COMMITTER_NAME=c GIT_COMMITTER_EMAIL=c@localhost
export GIT_AUTHOR_DATE=@1700000000+0000 GIT_COMMITTER_DATE=@1700000000+0000
git config --global gc.auto 0
git config --global pack.threads 1
cd /srv/repo
git status --short
cd /root
git clone -q /srv/repo clone
cd clone
git checkout -q -b topic
echo more >>src/main.c
git mv tree/dir moved
git commit -qam topic
git checkout -q -
echo other >>src/answer.c
git commit -qam other
git merge -q -m merge topic
git rebase -q HEAD~1 topic
git stash list
git gc -q --prune=now
git fsck --full
git log --all --format='%H %s'
git status --short
git push -q origin HEAD:refs/heads/pushed
cd /srv/repo
git checkout -q pushed
git gc -q --aggressive --prune=now
git fsck --full
git count-objects -v | grep -v size
git worktree add -q /root/worktree HEAD~1
git -C /root/worktree status --short
git worktree remove /root/worktree
git clean -ndx
git branch -a
"""

FILES = """
set -eu
cd /srv
cp -a tree /root/copy
diff -r --no-dereference tree /root/copy 2>&1 || true
tar --sort=name --acls --xattrs -cf /root/tree.tar tree
mkdir /root/out
tar --acls --xattrs -C /root/out -xf /root/tree.tar
find /root/out -printf '%P %y %m %U %n %s %T@\\n' | sort | sed '/ d /s/ [0-9]* [0-9.]*$//'
getfattr -d -R /root/out/tree/11 2>&1 || true
getfacl -cp /root/out/tree/12
mv tree/dir /srv/moved
rm -r tree
mkdir tree
ls -A tree moved | wc -l
find /etc -xdev -type f | wc -l
du -s --apparent-size /usr/bin | wc -l
python3 -m venv --without-pip /root/venv && /root/venv/bin/python -c 'import json, sys; print(sys.prefix)'
python3 -m compileall -q /usr/lib/python3/dist-packages >/dev/null || true
flock /srv/lock sh -c 'flock -n /srv/lock true || echo held'
dd if=/dev/zero of=/srv/sparse bs=4096 seek=1000 count=1 2>/dev/null
cp --sparse=always /srv/sparse /srv/sparse2
cmp /srv/sparse /srv/sparse2
install -m 4711 -o 7 -g 8 /usr/bin/true /srv/true && /srv/true
perl -pi -e 's/^root/root/' /etc/passwd
useless=$(ls -l /proc/self/fd | wc -l)
touch -d @1500000000 /usr/bin/[ && stat -c '%a %Y' /usr/bin/[
"""


@unittest.skipUnless(os.geteuid() == 0 and os.path.exists("/dev/fuse"), "needs root and /dev/fuse")
class Programs(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.stack = package_stack.PackageStack()
        cls.addClassCleanup(cls.stack.close)
        date = "@1600000000+0000"
        names = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER")
                 for what, value in (("NAME", "n"), ("EMAIL", "n@localhost"), ("DATE", date))}
        subprocess.run(["bash", "-c", SEED], cwd=cls.stack.path("l/seed"), env=package_stack.ENVIRONMENT | names, check=True)
        cls.before = demo_trees.fingerprint(cls.stack.layers)

    def setUp(self):
        self.since = package_stack.now()
        self.stack.mount_fresh()
        self.addCleanup(self.stack.unmount_all)

    def same(self, script):
        """Runs it on both; status, output, trees and uppers must be equal, and so must be what the kernel and
        plyfs show of each other's upper."""
        done = self.stack.run(script)
        self.assertEqual(done["kernel"][0], 0, done["kernel"][1])
        self.assertEqual(done["plyfs"][1].splitlines(), done["kernel"][1].splitlines())
        self.assertEqual(done["plyfs"][0], 0)
        paths = self.stack.changed()
        self.assertGreater(len(paths), 3)
        live = {side: self.stack.rows(self.stack.path("merged-" + side), paths, self.since)
                for side in package_stack.SIDES}
        self.equal(live["plyfs"], live["kernel"])
        for side, other in (("plyfs", "kernel"), ("kernel", "plyfs")):
            self.stack.unmount(side)
            self.stack.mount(side, by=other)
            self.equal(self.stack.rows(self.stack.path("merged-" + side), paths, self.since), live[side])
            self.stack.unmount(side)
        self.equal(self.stack.upper_rows("plyfs", self.since), self.stack.upper_rows("kernel", self.since))
        self.assertEqual(demo_trees.fingerprint(self.stack.layers), self.before)

    def equal(self, ours, theirs):
        found = list(demo_trees.differences(ours, theirs))
        self.assertEqual(found[:20], [], f"{len(found)} differences, ours first")

    # rules: Z1 Z2 C3 N8 R4
    def test_a_package_comes_and_goes(self):
        self.same(DPKG)

    # rules: Z1 C22
    def test_a_c_program_is_built(self):
        self.same(BUILD)

    # rules: Z1 C23 F19 F20
    def test_sqlite_writes_ahead(self):
        self.same(SQLITE)

    # rules: Z1 Z2 S6 S8
    def test_git_clones_commits_and_collects(self):
        self.same(GIT)

    # rules: Z1 A5 A9 C8
    def test_files_are_copied_packed_and_moved(self):
        self.same(FILES)


if __name__ == "__main__":
    unittest.main()
