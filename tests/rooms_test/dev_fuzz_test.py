#!/usr/bin/python3
"""tools/dev fuzz with fuzzers that are scripts: how the time is shared, what the ledger says, what becomes of finds."""
import os
import shutil
import stat
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Finds something where the corpus says so; writes an input of its own; minimises to its first letter.
FUZZER = """#!/bin/sh
echo "$(basename "$0") $*" >>"$CALLS"
for word; do
  case $word in
    -artifact_prefix=*) prefix=${word#*=} ;;
    -exact_artifact_path=*) small=${word#*=} ;;
    -merge=1) merge=1 ;;
  esac
  before=$last last=$word
done
if [ -n "$small" ]; then head -c 1 "$last" >"$small"; exit 1; fi
if [ -n "$merge" ]; then cp "$last"/* "$3"; exit 0; fi
echo new >"$before/fresh"
echo "stat::number_of_executed_units: 4711"
if [ -e "$last/seed-bad" ]; then echo crashing >"${prefix}crash-1"; exit 77; fi
if [ -e "$last/seed-broken" ]; then exit 1; fi
"""


class DevFuzzTest(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="plyfs-dev-fuzz-")
        self.addCleanup(shutil.rmtree, self.dir)
        for name in ("tools", "fuzz/dict", "build/fuzz/bin"):
            os.makedirs(self.path(name))
        shutil.copy(os.path.join(ROOT, "tools/dev_fuzz"), self.path("tools/dev_fuzz"))
        self.put("tools/dev", "#!/bin/sh\n[ \"$1 $2\" = 'build --fuzz' ]\n")
        for name in ("one", "two"):
            self.put(f"fuzz/{name}_fuzz.cc", "")
            self.put(f"fuzz/dict/{name}.dict", "")
            self.put(f"fuzz/corpus/{name}/seed-good", "seed")
            self.put(f"build/fuzz/bin/{name}_fuzz", FUZZER)

    def path(self, name):
        return os.path.join(self.dir, name)

    def put(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path(name), stat.S_IRWXU)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def fuzz(self, *args):
        env = {"PATH": "/usr/bin:/bin", "HOME": "/", "CALLS": self.path("calls")}
        done = subprocess.run(["/usr/bin/python3", self.path("tools/dev_fuzz"), *args], env=env, check=False, text=True,
                              capture_output=True)
        self.complaints = done.stderr.splitlines()
        return done

    def ledger(self):
        return [line.split() for line in self.read("fuzz/ledger").splitlines() if not line.startswith("#")]

    def test_the_time_is_shared_and_the_ledger_written(self):
        for jobs, seconds in ((1, 20), (2, 40)):
            self.assertEqual(self.fuzz("--time", "40", "--jobs", str(jobs)).returncode, 0, self.complaints)
            for line in self.read("calls").splitlines()[-2:]:
                self.assertIn(f"-max_total_time={seconds} ", line)
        lines = self.ledger()
        self.assertEqual([line[2] for line in lines], ["one", "two", "one", "two"])
        self.assertEqual({(line[0], line[4], line[5]) for line in lines}, {("unknown", "4711", "0")})
        self.put("fuzz/corpus/one/more", "x")
        self.assertEqual(self.fuzz("--time", "1", "--target", "one").returncode, 0)
        self.assertNotEqual(self.ledger()[-1][1], lines[0][1])

    def test_a_find_is_minimised_kept_and_named_in_one_line(self):
        self.put("fuzz/corpus/two/seed-bad", "")
        self.assertEqual(self.fuzz("--time", "2", "--grow").returncode, 1)
        kept = os.listdir(self.path("fuzz/findings"))
        self.assertEqual(len(kept), 1)
        self.assertTrue(kept[0].startswith("two-crash-"))
        self.assertEqual(self.read(f"fuzz/findings/{kept[0]}"), "c")
        self.assertEqual(len(self.complaints), 1)
        self.assertIn(f"two found fuzz/findings/{kept[0]}", self.complaints[0])
        self.assertEqual([line[5] for line in self.ledger()], ["0", "1"])
        # Its corpus does not grow meanwhile, the other one's does.
        self.assertEqual(sorted(os.listdir(self.path("fuzz/corpus/two"))), ["seed-bad", "seed-good"])
        self.assertEqual(sorted(os.listdir(self.path("fuzz/corpus/one"))), ["fresh", "seed-good"])

    def test_what_is_wrong_is_one_line(self):
        self.put("fuzz/corpus/two/seed-broken", "")
        for args, naming in ((("--target", "three"), "no such target; there are one, two"),
                             (("--time", "0"), "from 1 on"),
                             (("--time", "2"), "two ended with status 1")):
            self.assertEqual(self.fuzz(*args).returncode, 1)
            self.assertEqual(len(self.complaints), 1, self.complaints)
            self.assertIn(naming, self.complaints[0])
        os.unlink(self.path("fuzz/dict/one.dict"))
        self.assertEqual(self.fuzz().returncode, 1)
        self.assertIn("one has no fuzz/dict/one.dict", self.complaints[0])
        self.assertFalse(os.path.exists(self.path("fuzz/ledger")))


if __name__ == "__main__":
    unittest.main()
