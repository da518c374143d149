#!/usr/bin/python3
"""tools/dev fuzz --seeded-faults with a compiler and fuzzers that are scripts: what a patch's head says, what is said of
patches that do not apply or build, what the table keeps."""
import os
import shutil
import stat
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Stands for unshare and all that it would run: builds fuzzers that find what is WRONG.
UNSHARE = """#!/bin/sh
cd "$5" && shift 6
[ "$1" = cmake ] || exit 0
if grep -q BROKEN engine/a.cc; then echo "a.cc:1: error: broken"; exit 1; fi
mkdir -p build/fuzz/bin
for target in one engine_model engine_crash engine_race tree fuse_requests; do
  status=0; grep -q "WRONG for $target" engine/a.cc && status=77
  printf '#!/bin/sh\\nexit %s\\n' $status >build/fuzz/bin/${target}_fuzz
  chmod +x build/fuzz/bin/${target}_fuzz
done
"""
PATCH = """{head}diff --git a/{file} b/{file}
--- a/{file}
+++ b/{file}
@@ -1,2 +1,2 @@
 first
-{old}
+{new}
"""
HEAD = "# It is wrong.\n# rule: L3\n# target: one\n# unit tests: pass\n"
BEGIN, END = "<!-- seeded faults: written by tools/dev fuzz --seeded-faults -->", "<!-- end of seeded faults -->"


class DevFaultsTest(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="plyfs-dev-faults-")
        self.addCleanup(shutil.rmtree, self.dir)
        os.makedirs(self.path("tools"))
        for name in ("tools/dev_faults", "tools/dev_fuzz"):
            shutil.copy(os.path.join(ROOT, name), self.path(name))
        self.put("bin/unshare", UNSHARE)
        self.put("engine/a.cc", "first\nright\n")
        self.put("docs/fuzzing.md", f"before\n{BEGIN}\n{END}\nafter\n")
        for target in ("one", "engine_model", "engine_crash", "engine_race", "tree", "fuse_requests"):
            self.put(f"fuzz/{target}_fuzz.cc", "")
            self.put(f"fuzz/corpus/{target}/seed", "")

    def path(self, name):
        return os.path.join(self.dir, name)

    def put(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path(name), stat.S_IRWXU)

    def fault(self, name, new, head=HEAD, old="right", file="engine/a.cc"):
        self.put(f"fuzz/faults/{name}.patch", PATCH.format(head=head, old=old, new=new, file=file))

    def table(self):
        with open(self.path("docs/fuzzing.md"), encoding="utf-8") as file:
            return file.read()

    def prove(self, *args):
        done = subprocess.run(["/usr/bin/python3", self.path("tools/dev_fuzz"), "--seeded-faults", *args], check=False,
                              env={"PATH": self.path("bin") + ":/usr/bin:/bin"}, capture_output=True, text=True)
        return done.returncode, done.stdout.splitlines(), done.stderr

    def test_each_fault_is_looked_for_by_the_targets_of_its_head(self):
        self.fault("found", "WRONG for one")
        self.fault("missed", "WRONG for tree")
        status, out, _ = self.prove()
        self.assertEqual((status, out[-1]), (1, "1 of 2 seeded faults found"))
        self.assertIn("found: found by one after 1 CPU-seconds", out)
        self.assertIn("| found | L3 | It is wrong. | one | 1 | pass |", self.table())
        self.assertIn("| missed | L3 | It is wrong. | **not found** |  | pass |", self.table())
        self.assertTrue(self.table().startswith("before\n") and self.table().endswith("\nafter\n"))
        with open(self.path("engine/a.cc"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "first\nright\n")  # the sources themselves have no fault

    def test_a_patch_without_a_head_is_for_the_engines_targets(self):
        self.fault("foreign", "WRONG for tree", head="")
        status, out, _ = self.prove()
        self.assertEqual((status, out[-1]), (0, "1 of 1 seeded faults found"))
        self.assertIn("foreign: found by tree after 1 CPU-seconds", out)

    def test_one_that_ran_alone_leaves_the_others_rows(self):
        self.fault("a", "WRONG for one")
        self.fault("b", "WRONG for one")
        self.prove()
        self.fault("a", "WRONG for tree")
        self.prove("a")
        self.assertIn("| a | L3 | It is wrong. | **not found** |", self.table())
        self.assertIn("| b | L3 | It is wrong. | one |", self.table())

    def test_what_does_not_apply_or_build_is_named(self):
        self.fault("unfit", "WRONG for one", old="otherwise")
        self.fault("unbuilt", "BROKEN")
        self.fault("zgood", "WRONG for one")
        status, out, err = self.prove()
        self.assertEqual((status, out[-1]), (1, "1 of 3 seeded faults found"))
        self.assertIn("fuzz/faults/unfit.patch does not apply: error: patch failed: engine/a.cc:1", err)
        self.assertIn("fuzz/faults/unbuilt.patch does not build: a.cc:1: error: broken", err)

    def test_a_fault_elsewhere_than_in_engine_or_fuse_is_none(self):
        self.fault("cheat", "WRONG for one", file="engine/testing/model.cc")
        status, _, err = self.prove()
        self.assertEqual(status, 1)
        self.assertIn("cheat.patch: a fault lies in engine/ or fuse/", err)

    def test_unknown_names_are_refused(self):
        self.fault("a", "WRONG for one", head=HEAD.replace("target: one", "target: nobody"))
        self.assertIn("there is no fuzz target nobody", self.prove()[2])
        self.assertIn("there is no fuzz/faults/c.patch", self.prove("c")[2])


if __name__ == "__main__":
    unittest.main()
