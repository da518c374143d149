"""Layers changed in earnest under a mount in use: for the kernel undefined, for plyfs errors at worst."""
import errno
import os
import random
import subprocess
import threading
import time

from twin import TwinTest, main

NAMES = ("a", "b", "c")
# What an operation on something that goes away meanwhile may say (U3), and what names in use always may.
HONEST = {errno.ENOENT, errno.ESTALE, errno.EIO, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENOTEMPTY,
          errno.EXDEV, errno.EBUSY, errno.EINVAL}


def change(dice, root):
    """One random change somewhere below `root`, two directories deep at most."""
    path = os.path.join(root, *(dice.choice(NAMES) for _ in range(dice.randint(1, 3))))
    other = os.path.join(root, *(dice.choice(NAMES) for _ in range(dice.randint(1, 3))))
    kind = dice.randrange(8)
    if kind == 0:
        os.makedirs(path, exist_ok=True)
    elif kind in (1, 2):
        with open(path, "w", encoding="utf-8") as file:
            file.write(path[-5:] * dice.randint(1, 9))
    elif kind == 3:
        os.rename(path, other)
    elif kind == 4:
        os.unlink(path)
    elif kind == 5:
        os.rmdir(path)
    elif kind == 6:
        with open(path, "rb") as file:
            file.read()
    else:
        os.listdir(os.path.dirname(path))


class ChangesBeneath(TwinTest):
    def tree(self, top):
        found = {}
        for folder, _, files in os.walk(self.path(top)):
            inside = os.path.relpath(folder, self.path(top))
            found[inside] = sorted(os.listdir(folder))
            for name in files:
                with open(os.path.join(folder, name), "rb") as file:
                    found[os.path.join(inside, name)] = file.read()
        return found

    def clients(self, roots, seconds):
        """Each root changed by a thread of its own; the errors of the mount that are no honest answers."""
        until, wrong = time.monotonic() + seconds, []

        def work(root, seed):
            dice = random.Random(seed)
            while time.monotonic() < until:
                try:
                    change(dice, self.path(root))
                except OSError as error:
                    if root == "m" and error.errno not in HONEST:
                        wrong.append((root, error))
        threads = [threading.Thread(target=work, args=(root, seed)) for seed, root in enumerate(roots)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return wrong

    # U1 U3: no crash, no deadlock, no error but an honest one; and in the end the truth (U2).
    def test_every_layer_changes_while_clients_work(self):
        self.mount(f"lowerdir={self.dir}/l:{self.dir}/l2,upperdir={self.dir}/u,workdir={self.dir}/w")
        self.assertEqual(self.clients(["m", "m", "l", "l2", "u"], 3), [])
        os.mkdir(self.path("fresh"))

        def mounted_anew():
            self.mount(f"lowerdir={self.dir}/u:{self.dir}/l:{self.dir}/l2,lower=frozen", "fresh")
            tree = self.tree("fresh")
            subprocess.run(["umount", self.path("fresh")], check=True)
            return tree
        truth, until = mounted_anew(), time.monotonic() + 5
        while self.tree("m") != truth and time.monotonic() < until:
            time.sleep(0.05)
        self.assertEqual(self.tree("m"), truth)


if __name__ == "__main__":
    main()
