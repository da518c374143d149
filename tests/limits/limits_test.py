"""The built program at its limits.  rules: M8 T-g N19 B14 C12"""
import os
import resource
import signal
import subprocess
import time
import unittest

from harness import BIN, SLOWER, CliTest


class ManyLayers(CliTest):
    def test_5000_layers_mount_and_work(self):
        layers = []
        for i in range(5000):
            layers.append(self.path("stack", str(i)))
            os.makedirs(layers[-1] + "/d")
            self.write(f"stack/{i}/d/f{i}", str(i))
        self.write("list", "\n".join(layers) + "\n")
        self.mount(f"lowerdir=@{self.path('list')},upperdir=u,workdir=w")
        self.assertEqual(len(os.listdir(self.path("m/d"))), 5000)
        self.assertEqual(self.read("m/d/f4999"), "4999")
        self.assertFalse(os.path.exists(self.path("m/d/none")))
        os.unlink(self.path("m/d/f77"))
        self.write("m/d/f78", "new")
        self.assertEqual(sorted(os.listdir(self.path("u/d"))), ["f77", "f78"])
        self.assertEqual(self.read("stack/78/d/f78"), "78")


class Memory(CliTest):
    def anonymous(self, daemon):
        with open(f"/proc/{daemon}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("RssAnon:"))

    def test_what_a_walk_took_is_given_back_when_the_client_forgets(self):
        for i in range(40000):
            if i % 1000 == 0:
                os.mkdir(self.path("l", f"d{i // 1000}"))
            os.close(os.open(self.path("l", f"d{i // 1000}", f"file-{i}"), os.O_CREAT | os.O_WRONLY))
        self.mount(f"lowerdir={self.path('l')},upperdir={self.path('u')},workdir={self.path('w')},memory=4M")
        daemon = self.daemon()
        with open(f"/proc/{daemon}/status", encoding="ascii") as file:
            # The kernel would fill up to huge pages what has been given back.
            self.assertIn("THP_enabled:\t0\n", file.read())
        subprocess.run(["find", self.path("m"), "-ls"], stdout=subprocess.DEVNULL, check=True)
        walked = self.anonymous(daemon)
        subprocess.run(["mount", "-i", "-o", "remount", self.path("m")], check=True)
        if SLOWER > 1:
            return  # a sanitizer's allocator keeps what is freed
        until = time.monotonic() + 10
        while self.anonymous(daemon) > walked // 2 and time.monotonic() < until:
            time.sleep(0.05)
        self.assertLess(self.anonymous(daemon), walked // 2)


class UnlinkedFiles(CliTest):
    COUNT = 15000  # a process, two of them; the daemon may hold 20,000 descriptors

    def _hold(self, name):
        held = []
        for i in range(self.COUNT):
            path = self.path("m", f"{name}{i}")
            held.append(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL))
            os.write(held[-1], b"%d" % i)
            os.unlink(path)
        for i, fd in enumerate(held):
            if os.pread(fd, 16, 0) != b"%d" % i:
                return 1
            if i % 100 == 0:
                if os.fstat(fd).st_nlink != 0:
                    return 1
                os.fchmod(fd, 0o600)
                os.pwrite(fd, b"more", 100)
        return 0

    def test_30000_open_unlinked_files_are_served(self):
        self.mount(self.stack())
        children = []
        for name in "ab":
            pid = os.fork()
            if pid == 0:
                limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
                resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
                os._exit(self._hold(name))
            children.append(pid)
        for pid in children:
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
        self.assertEqual(os.listdir(self.path("m")), ["f"])


class FewDescriptors(CliTest):
    COUNT = 1500

    def test_1024_descriptors_serve_3000_open_files(self):
        for i in range(self.COUNT):
            self.write(f"l/g{i}", str(i))
        done = self.run_plyfs("--nofile=1024:1024", BIN, "-o", self.stack(), "m", program="prlimit")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        held = []
        for i in range(self.COUNT):
            held.append(os.open(self.path("m", f"g{i}"), os.O_RDWR if i % 30 == 0 else os.O_RDONLY))
            held.append(os.open(self.path("m", f"u{i}"), os.O_RDWR | os.O_CREAT))
            os.write(held[-1], b"%d" % i)
            os.unlink(self.path("m", f"u{i}"))
        for i in range(self.COUNT):
            self.assertEqual(os.pread(held[2 * i], 16, 0), b"%d" % i)
            self.assertEqual(os.pread(held[2 * i + 1], 16, 0), b"%d" % i)
        for fd in held:
            os.close(fd)
        self.assertEqual(len(os.listdir(self.path("m"))), self.COUNT + 1)


class HungLower(CliTest):
    CLIENTS = 200

    def test_a_lower_that_never_answers_holds_up_nobody_elsewhere(self):
        os.makedirs(self.path("l2/hung"))
        os.makedirs(self.path("l/local"))
        os.mkdir(self.path("m2"))
        for i in range(self.CLIENTS):
            self.write(f"l2/hung/f{i}", str(i))
            self.write(f"l/local/g{i}", str(i))
        # The hanging filesystem is a plyfs whose daemon is stopped.
        self.mount(f"lowerdir={self.dir}/l2,timeout=0", "m2")
        self.mount("lowerdir=l:m2,upperdir=u,workdir=w,lower=frozen")
        os.stat(self.path("m/hung"))
        os.listdir(self.path("m/local"))
        below = self.daemon("m2")
        os.kill(below, signal.SIGSTOP)
        try:
            clients = [subprocess.Popen(["cat", self.path(f"m/hung/f{i}")], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL) for i in range(self.CLIENTS)]
            time.sleep(1)
            for i in range(self.CLIENTS):
                self.assertEqual(self.read(f"m/local/g{i}"), str(i))
            self.write("m/local/new", "x")
            os.unlink(self.path("m/local/g3"))
            self.assertEqual(sum(c.poll() is None for c in clients), self.CLIENTS, "the lower was to hang")
            for client in clients:
                client.kill()
            until = time.monotonic() + 10
            while any(c.poll() is None for c in clients) and time.monotonic() < until:
                time.sleep(0.02)
            self.assertEqual(sum(c.poll() is None for c in clients), 0, "killed clients are still there")
        finally:
            os.kill(below, signal.SIGCONT)
        self.assertEqual(self.read("m/hung/f7"), "7")


if __name__ == "__main__":
    unittest.main()
