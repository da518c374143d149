#!/usr/bin/python3
"""tools/dev's setup and demo, with the programs they call replaced by ones that write down how they were called."""
import os
import shutil
import stat
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RECORD = '#!/bin/sh\necho "$(basename "$0") $*" >>"$CALLS"\n'


class DevTest(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="plyfs-dev-")
        self.addCleanup(shutil.rmtree, self.dir)
        for name in ("tools", "bin"):
            os.mkdir(os.path.join(self.dir, name))
        shutil.copy(os.path.join(ROOT, "tools/dev"), os.path.join(self.dir, "tools/dev"))
        self.put("tools/demo", 'import os, sys\nopen(os.environ["CALLS"], "a").write(f"demo {sys.argv[1:]}\\n")\n')
        for name in ("cmake", "apt-get", "modprobe"):
            self.put(f"bin/{name}", RECORD)
        self.put("bin/nproc", "#!/bin/sh\necho 2\n")
        self.user(0)
        self.missing()

    def put(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, stat.S_IRWXU)

    def user(self, uid):
        self.put("bin/id", f"#!/bin/sh\necho {uid}\n")

    def missing(self, *packages, after_installing=""):
        """dpkg-query says that these are missing until apt-get has run, `after_installing` even then."""
        names = "|".join(packages) or "none-is-missing"
        self.put("bin/dpkg-query", f"""#!/bin/sh
            for package; do :; done
            case $package in {after_installing or 'nothing'}) exit 1 ;; esac
            grep -qs 'apt-get install' "$CALLS" || case $package in {names}) exit 1 ;; esac
            printf installed""")

    def dev(self, *args):
        calls = os.path.join(self.dir, "calls")
        if os.path.exists(calls):
            os.unlink(calls)
        env = {"PATH": os.path.join(self.dir, "bin") + ":/usr/bin:/bin", "CALLS": calls, "HOME": "/"}
        done = subprocess.run([os.path.join(self.dir, "tools/dev"), *args], env=env, check=False, text=True,
                              capture_output=True)
        self.calls = []
        if os.path.exists(calls):
            with open(calls, encoding="utf-8") as file:
                self.calls = file.read().splitlines()
        self.complaints = [line for line in done.stderr.splitlines() if not line.startswith("+ ")]
        return done

    def refused(self, args, naming):
        done = self.dev(*args)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(len(self.complaints), 1, done.stderr)
        self.assertIn(naming, self.complaints[0])

    def test_setup_that_finds_everything_calls_nothing(self):
        done = self.dev("setup")
        self.assertEqual((done.returncode, done.stderr, self.calls), (0, "", []))
        self.assertEqual(done.stdout, "setup: nothing to do\n")

    def test_setup_installs_what_is_missing_and_nothing_else(self):
        self.missing("ninja-build", "attr")
        self.assertEqual(self.dev("setup").returncode, 0)
        self.assertEqual(self.calls, ["apt-get update -q",
                                      "apt-get install -y -q --no-install-recommends ninja-build attr"])

    def test_setup_without_privilege_or_success(self):
        self.missing("ninja-build")
        self.user(1000)
        self.refused(["setup"], "not root; run as root: apt-get install ninja-build")
        self.assertEqual(self.calls, [])
        self.user(0)
        self.missing("ninja-build", after_installing="ninja-build")
        self.refused(["setup"], "still missing: ninja-build")
        self.put("bin/apt-get", "#!/bin/sh\nexit 100\n")
        self.refused(["setup"], "is the network there? missing: ninja-build")

    @unittest.skipUnless(os.path.exists("/dev/fuse"), "needs /dev/fuse")
    def test_demo_sets_up_and_builds_first(self):
        self.missing("ninja-build")
        self.assertEqual(self.dev("demo", "--layers", "60").returncode, 0, self.complaints)
        kinds = [call.split()[0] + " " + call.split()[1] for call in self.calls]
        self.assertEqual(kinds, ["apt-get update", "apt-get install", "cmake --preset", "cmake --build",
                                 "demo ['--layers',"])

    def test_demo_without_root_says_so_before_it_builds(self):
        self.user(1000)
        self.refused(["demo"], "not root")
        self.assertEqual(self.calls, [])

    def test_test_says_why_real_mounts_are_left_out(self):
        self.put("tools/dev_ctest", 'import os, sys\nopen(os.environ["CALLS"], "a").write(sys.argv[-1])\n')
        self.put("bin/grep", "#!/bin/sh\nexit 1\n")
        self.user(1000)
        self.assertEqual(self.dev("test").returncode, 0, self.complaints)
        no_device = [] if os.path.exists("/dev/fuse") else ["no /dev/fuse"]
        self.assertEqual(self.calls[-1], ", ".join(["not root of this machine", *no_device, "no kernel overlayfs"]))

    def test_all_tests_are_those_under_sanitizers_too(self):
        self.put("tools/dev_ctest", 'import os, sys\nopen(os.environ["CALLS"], "a").write("/".join(sys.argv))\n')
        for args, sanitized in ((), True), (("--debug",), False), (("--quick",), False), (("--asan", "--unit"), False):
            self.assertEqual(self.dev("test", *args).returncode, 0, self.complaints)
            also = "asan_unit=tools/dev test --asan --unit/--also/tsan_unit=tools/dev test --tsan --unit/"
            self.assertEqual(also in self.calls[-1], sanitized, self.calls[-1])
            self.assertEqual("lint=tools/lint" in self.calls[-1], "--unit" not in args)

    def test_unknown_words(self):
        for args in (["nonsense"], ["test", "--nonsense"], ["build", "--nonsense"], ["setup", "nonsense"]):
            done = self.dev(*args)
            self.assertEqual(done.returncode, 1)
            self.assertIn("nonsense", self.complaints[-1])


if __name__ == "__main__":
    unittest.main()
