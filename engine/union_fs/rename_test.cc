// What renames leave in upper: semantics section 6, table R.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "engine/testing/union_fixture.h"

namespace plyfs {
namespace {

using V = std::vector<std::string>;
using T = TreeText;

class RenameTest : public UnionFixture {
 protected:
  void TearDown() override {
    if (fs_) {
      EXPECT_EQ(Leftovers(), V());
    }
    UnionFixture::TearDown();
  }
  void MountRedirecting() {
    Mount([](StackConfig* c) {
      c->redirect_dir = RedirectDir::kOn;
      c->opaque_mkdir = true;
    });
  }
};

// rules: R2
TEST_F(RenameTest, Flags) {
  Put("u/f");
  Put("u/g");
  Put("b/w");
  Whiteout("u/w");
  Mount();
  EXPECT_EQ(Rename("f", "n", RENAME_WHITEOUT), EINVAL);
  EXPECT_EQ(Rename("f", "g", RENAME_EXCHANGE | RENAME_NOREPLACE), EINVAL);
  EXPECT_EQ(Rename("f", "none", RENAME_EXCHANGE), ENOENT);
  EXPECT_EQ(Rename("f", "w", RENAME_EXCHANGE), ENOENT);
  EXPECT_EQ(Rename("f", "g", RENAME_NOREPLACE), EEXIST);
  EXPECT_EQ(Rename("f", "w", RENAME_NOREPLACE), 0);
  EXPECT_EQ(List(), (V{"g", "w"}));
}

// rules: R3 R4 R6 R8
TEST_F(RenameTest, FilesToFreeNames) {
  Put("u/own", "own");
  Put("b/low", "low");
  Put("b/d/x");
  Mount();
  EXPECT_EQ(Rename("own", "own2"), 0);
  EXPECT_EQ(Rename("low", "d/low2"), 0);
  T expected{{"own2", "file own"}, {"low", "whiteout"}, {"d", "dir origin"}, {"d/low2", "file low origin"}};
  EXPECT_EQ(Upper(), expected);
  EXPECT_EQ(Record("u/d", "impure"), "y");  // R15, R18
  EXPECT_EQ(Rename("d/low2", "low"), 0);
  EXPECT_EQ(Upper(), (T{{"own2", "file own"}, {"d", "dir origin"}, {"low", "file low origin"}}));
  EXPECT_EQ(List(), (V{"d", "low", "own2"}));
  EXPECT_EQ(List("d"), (V{"x"}));
}

// rules: R5 R6 R14
TEST_F(RenameTest, FilesOntoWhiteoutsAndLowerNames) {
  Put("b/low", "low");
  Put("b/w1");
  Put("b/w2");
  Put("b/there", "hidden");
  Put("u/own1", "1");
  Put("u/own2", "2");
  Whiteout("u/w1");
  Whiteout("u/w2");
  Mount();
  EXPECT_EQ(Rename("low", "w1"), 0);
  EXPECT_EQ(Rename("own1", "w2"), 0);
  EXPECT_EQ(Rename("own2", "there"), 0);
  T expected{{"low", "whiteout"}, {"w1", "file low origin"}, {"w2", "file 1"}, {"there", "file 2"}};
  EXPECT_EQ(Upper(), expected);
}

// rules: R7 R10
TEST_F(RenameTest, PureUpperDirectories) {
  Put("b/w/below");
  Put("b/m/x");
  Whiteout("u/w");
  Put("u/d/f", "f");
  Put("u/e/f", "f");
  Put("u/p/q/f", "f");
  Mount();
  EXPECT_EQ(Rename("d", "w"), 0);      // R7
  EXPECT_EQ(Rename("e", "m/e"), 0);    // R10, into a merged directory
  EXPECT_EQ(Rename("p/q", "p/r"), 0);  // in a pure one nothing below can join
  EXPECT_EQ(Upper(), (T{{"w", "dir opaque"},
                        {"w/f", "file f"},
                        {"m", "dir origin"},
                        {"m/e", "dir opaque"},
                        {"m/e/f", "file f"},
                        {"p", "dir"},
                        {"p/r", "dir"},
                        {"p/r/f", "file f"}}));
  EXPECT_EQ(List("w"), (V{"f"}));
  EXPECT_EQ(Read("m/e/f"), "f");
}

// rules: R9 R20
TEST_F(RenameTest, DirectoriesWithLowerMembersCannotMove) {
  Put("b/low/x");
  Put("b/both/x");
  Put("u/both/y");
  Put("u/own");
  Mount();
  EXPECT_EQ(Rename("low", "n"), EXDEV);
  EXPECT_EQ(Rename("both", "n"), EXDEV);
  EXPECT_EQ(Rename("own", "low", RENAME_EXCHANGE), EXDEV);
  EXPECT_EQ(List(), (V{"both", "low", "own"}));
  EXPECT_FALSE(Exists("u/low"));
}

// rules: R9 R16 R17 R18
TEST_F(RenameTest, RedirectsLeadToWhatIsBelow) {
  Put("b/n/s/f", "deep");
  Put("b/d/x");
  MountRedirecting();
  EXPECT_EQ(Rename("n", "k"), 0);
  EXPECT_EQ(Record("u/k", "redirect"), "n");
  EXPECT_EQ(Rename("k/s", "d/s"), 0);
  EXPECT_EQ(Record("u/d/s", "redirect"), "/n/s");
  EXPECT_EQ(Rename("k", "k2"), 0);
  EXPECT_EQ(Record("u/k2", "redirect"), "n");
  EXPECT_EQ(Rename("k2", "d/k"), 0);
  EXPECT_EQ(Record("u/d/k", "redirect"), "/n");
  EXPECT_EQ(Record("u/d", "impure"), "y");
  EXPECT_EQ(MakeDir("n"), 0);  // R17
  EXPECT_EQ(Record("u/n", "opaque"), "y");
  auto check = [&] {
    EXPECT_EQ(Read("d/s/f"), "deep");
    EXPECT_EQ(List("d/k"), V());
    EXPECT_EQ(List("n"), V());
    EXPECT_EQ(List(), (V{"d", "n"}));
  };
  check();
  MountRedirecting();
  check();
  EXPECT_EQ(RemoveDir("n"), 0);
  EXPECT_EQ(Rename("d/k", "n"), 0);
  EXPECT_EQ(Record("u/n", "redirect"), "/n");  // harmless
}

// rules: L13 R16
TEST_F(RenameTest, WhatARedirectSaysBehindANulLeadsNowhere) {
  Dir("u/c");
  SetRecord("u/c", "redirect", std::string("/a\0b", 4));
  Put("a/a/s/x", "x");
  Dir("u/d");
  MountRedirecting();
  EXPECT_EQ(Rename("c/s", "d/s"), 0);
  EXPECT_EQ(Record("u/d/s", "redirect"), "/a/s");
  MountRedirecting();
  EXPECT_EQ(Read("d/s/x"), "x");
}

// rules: R11 R12
TEST_F(RenameTest, DirectoriesReplaceEmptyOnes) {
  Put("b/low/x");
  Dir("b/empty");
  Put("b/cleared/x");
  for (const char* name : {"1", "2", "3", "4"}) Put(std::string("u/d") + name + "/f", name);
  Dir("u/own");
  Put("u/file");
  Mount();
  EXPECT_EQ(Unlink("cleared/x"), 0);
  EXPECT_EQ(Rename("d1", "low"), ENOTEMPTY);
  EXPECT_EQ(Rename("d1", "file"), ENOTDIR);
  EXPECT_EQ(Rename("file", "d1"), EISDIR);
  EXPECT_EQ(Rename("d1", "empty"), 0);
  EXPECT_EQ(Rename("d2", "cleared"), 0);
  EXPECT_EQ(Rename("d3", "own"), 0);
  EXPECT_EQ(Upper(), (T{{"cleared", "dir opaque"},
                        {"cleared/f", "file 2"},
                        {"d4", "dir"},
                        {"d4/f", "file 4"},
                        {"empty", "dir opaque"},
                        {"empty/f", "file 1"},
                        {"file", "file "},
                        {"own", "dir opaque"},
                        {"own/f", "file 3"}}));
  EXPECT_EQ(List("cleared"), (V{"f"}));
  EXPECT_EQ(Rename("d4", "own"), ENOTEMPTY);
}

// rules: R13
TEST_F(RenameTest, Exchange) {
  Put("b/low", "low");
  Put("u/own", "own");
  Put("u/d/f", "f");
  Put("b/m/x");
  Mount();
  EXPECT_EQ(Rename("low", "own", RENAME_EXCHANGE), 0);
  EXPECT_EQ(Read("low"), "own");
  EXPECT_EQ(Read("own"), "low");
  EXPECT_EQ(Rename("d", "own", RENAME_EXCHANGE), 0);
  EXPECT_EQ(Rename("m", "low", RENAME_EXCHANGE), EXDEV);
  EXPECT_EQ(Upper(),
            (T{{"low", "file own"}, {"d", "file low origin"}, {"own", "dir opaque"}, {"own/f", "file f"}}));
  EXPECT_EQ(List(), (V{"d", "low", "m", "own"}));
}

// rules: R13 R9
TEST_F(RenameTest, ExchangeOfMergedDirectories) {
  Put("b/p/x", "x");
  Put("b/q/y", "y");
  MountRedirecting();
  EXPECT_EQ(Rename("p", "q", RENAME_EXCHANGE), 0);
  EXPECT_EQ(Record("u/p", "redirect"), "q");
  EXPECT_EQ(Record("u/q", "redirect"), "p");
  EXPECT_EQ(Read("q/x"), "x");
  MountRedirecting();
  EXPECT_EQ(Read("q/x"), "x");
  EXPECT_EQ(Read("p/y"), "y");
}

// rules: R14
TEST_F(RenameTest, TwoNamesOfOneObject) {
  Put("b/l1", "low");
  ASSERT_EQ(::link(At("b/l1").c_str(), At("b/l2").c_str()), 0);
  Mount();
  ASSERT_EQ(Create("p", "x"), 0);
  ASSERT_EQ(Link("p", "q"), 0);
  EXPECT_EQ(Rename("p", "q"), 0);
  EXPECT_EQ(List(), (V{"l1", "l2", "p", "q"}));
  EXPECT_EQ(Rename("l1", "l2"), 0);
  EXPECT_EQ(List(), (V{"l2", "p", "q"}));
  EXPECT_EQ(Upper(), (T{{"l1", "whiteout"}, {"l2", "file low"}, {"p", "file x"}, {"q", "file x"}}));
}

// rules: R21 N20
TEST_F(RenameTest, WithoutRenameWhiteout) {
  // The filesystem's answer to the first rename, which is the one that asks for a whiteout.
  auto plan = FaultPlan::Parse("rename@1=EINVAL");
  Put("b/f", "low");
  Put("u/g", "replaced");
  Put("b/d/x", "x");
  MountRedirecting();
  Walk("f");
  ASSERT_EQ(Chmod("f", 0600), 0);
  ASSERT_EQ(Chmod("d", 0700), 0);
  {
    ScopedFaults faults(plan->get());
    EXPECT_EQ(Rename("f", "g"), 0);
  }
  EXPECT_EQ(Upper(), (T{{"f", "whiteout"}, {"g", "file low origin"}, {"d", "dir origin"}}));
  plan = FaultPlan::Parse("rename@1=EINVAL");
  {
    ScopedFaults faults(plan->get());
    EXPECT_EQ(Rename("d", "e"), 0);
  }
  EXPECT_EQ(
      Upper(),
      (T{{"d", "whiteout"}, {"e", "dir origin redirect=d"}, {"f", "whiteout"}, {"g", "file low origin"}}));
  EXPECT_EQ(Read("e/x"), "x");
}

TEST_F(RenameTest, ADirectoryCannotMoveIntoItself) {
  Put("b/d/e/x");
  MountRedirecting();
  EXPECT_EQ(Rename("d", "d/e/d"), EINVAL);
  EXPECT_EQ(Rename("d", "d/e", RENAME_EXCHANGE), EINVAL);
  EXPECT_EQ(Rename("d/e/x", "d"), ENOTEMPTY);
  EXPECT_EQ(Rename("d/e", "d"), ENOTEMPTY);
  EXPECT_EQ(Upper(), T());
}

// rules: N21 U3 U12
TEST_F(RenameTest, WhatWasPutIntoUpperByHandIsNeverMovedOrReplaced) {
  Put("u/f", "known");
  Put("u/g", "known");
  Mount();
  Walk("f");
  Walk("g");
  Walk("free");
  std::filesystem::rename(root_ / "u/f", root_ / "u/f2");
  Put("u/f", "hand");
  Put("u/free", "hand");
  T before = Upper();
  // The first refusal makes the directory be read again, where it is known whole.
  EXPECT_EQ(Rename("g", "free"), ESTALE);
  EXPECT_EQ(Rename("f", "h"), ESTALE);
  EXPECT_EQ(Upper(), before);
  EXPECT_EQ(Read("f"), "hand");
  EXPECT_EQ(Read("free"), "hand");
  EXPECT_EQ(Rename("g", "free"), 0);
}

// The twin that stands in for a cleared directory looks like it, for a crash before it is replaced.
// rules: R11 N20
TEST_F(RenameTest, AClearedTargetKeepsItsAttributes) {
  Put("b/t/x");
  Dir("u/d");
  Mount();
  ASSERT_EQ(Unlink("t/x"), 0);
  ASSERT_EQ(::chown(At("u/t").c_str(), 7, 8), 0);
  ASSERT_EQ(::chmod(At("u/t").c_str(), 01751), 0);
  ASSERT_EQ(::setxattr(At("u/t").c_str(), "user.kept", "v", 1, 0), 0);
  struct timespec times[2] = {{1000, 1}, {2000, 2}};
  ASSERT_EQ(::utimensat(AT_FDCWD, At("u/t").c_str(), times, 0), 0);
  // Between the twin's coming (first rename) and its going (second).
  struct stat st = {};
  char value[2] = {};
  ActAt look(
      Op::kRename,
      [&] {
        ::lstat(At("u/t").c_str(), &st);
        ::lgetxattr(At("u/t").c_str(), "user.kept", value, 1);
        EXPECT_EQ(Record("u/t", "opaque"), "y");
      },
      2);
  {
    ScopedFaults faults(&look);
    EXPECT_EQ(Rename("d", "t"), 0);
  }
  ASSERT_TRUE(look.acted());
  EXPECT_EQ(st.st_mode, static_cast<mode_t>(S_IFDIR | 01751));
  EXPECT_EQ(st.st_uid, 7u);
  EXPECT_EQ(st.st_gid, 8u);
  EXPECT_EQ(st.st_mtim.tv_sec, 2000);
  EXPECT_STREQ(value, "v");
}

}  // namespace
}  // namespace plyfs
