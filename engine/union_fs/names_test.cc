// What creating and removing names leaves in upper: semantics section 6, table N.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "engine/testing/union_fixture.h"

namespace plyfs {
namespace {

using V = std::vector<std::string>;
using T = TreeText;

class NamesTest : public UnionFixture {};

// rules: N1
TEST_F(NamesTest, NewObjectsOverNothing) {
  Put("b/d/x");
  Mount();
  EXPECT_EQ(Create("d/f", "text"), 0);
  EXPECT_EQ(MakeNode("d/p", S_IFIFO | 0644), 0);
  EXPECT_EQ(Symlink("d/s", "target"), 0);
  EXPECT_EQ(Link("d/f", "d/l"), 0);
  EXPECT_EQ(Upper(), (T{{"d", "dir origin"},
                        {"d/f", "file text"},
                        {"d/l", "file text"},
                        {"d/p", "fifo"},
                        {"d/s", "symlink target"}}));
  EXPECT_EQ(Stat("d/f").nlink, 2u);
  EXPECT_EQ(Leftovers(), V());
}

// rules: N2 N17
TEST_F(NamesTest, NewObjectsReplaceWhiteouts) {
  for (const char* name : {"f", "p", "s", "l"}) {
    Put(std::string("b/") + name, "old");
    Whiteout(std::string("u/") + name);
  }
  Put("b/from", "linked");
  Mount();
  EXPECT_EQ(Create("f", "new"), 0);
  EXPECT_EQ(MakeNode("p", S_IFIFO | 0644), 0);
  EXPECT_EQ(Symlink("s", "target"), 0);
  EXPECT_EQ(Link("from", "l"), 0);
  T expected{{"f", "file new"},
             {"p", "fifo"},
             {"s", "symlink target"},
             {"from", "file linked origin"},
             {"l", "file linked origin"}};
  EXPECT_EQ(Upper(), expected);
  EXPECT_EQ(Record("u", "impure"), "y");
  EXPECT_EQ(Leftovers(), V());
  Mount();
  EXPECT_EQ(Read("f"), "new");
  EXPECT_EQ(Stat("l").ino, Stat("from").ino);
}

// rules: N2 N4 X5 R6
TEST_F(NamesTest, NewObjectsReplaceXattrWhiteouts) {
  for (const char* name : {"f", "d", "r"}) {
    Put(std::string("b/") + name, "old");
    Put(std::string("u/") + name);
    SetRecord(std::string("u/") + name, "whiteout", "y");
  }
  Put("u/from", "moved");
  Mount();
  EXPECT_EQ(Create("f", "new"), 0);
  EXPECT_EQ(MakeDir("d"), 0);
  EXPECT_EQ(Rename("from", "r"), 0);
  EXPECT_EQ(Upper(), (T{{"f", "file new"}, {"d", "dir opaque"}, {"r", "file moved"}}));
  EXPECT_EQ(Leftovers(), V());
}

// What is listed although it is nothing is listed again when what was made at its name has gone.
// rules: X5 N7 R6
TEST_F(NamesTest, ListedXattrWhiteoutsAreListedAgain) {
  for (const char* name : {"b/d/moved", "b/d/removed"}) {
    Put(name);
    SetRecord(name, "whiteout", "y");
  }
  Mount();
  ASSERT_EQ(List("d"), (V{"moved", "removed"}));
  ASSERT_EQ(Create("d/moved"), 0);
  ASSERT_EQ(Create("d/removed"), 0);
  ASSERT_EQ(Rename("d/moved", "d/new"), 0);
  ASSERT_EQ(Unlink("d/removed"), 0);
  EXPECT_EQ(List("d"), (V{"moved", "new", "removed"}));
  EXPECT_EQ(Walk("d/moved"), 0u);
  Mount();
  EXPECT_EQ(List("d"), (V{"moved", "new", "removed"}));
}

// rules: N3 N4 N5 N6
TEST_F(NamesTest, NewDirectoriesAreOpaqueWhereSomethingBelowMustNotJoin) {
  Put("b/gone/x");
  Put("b/hidden/x");
  Whiteout("a/hidden");
  Mount();
  ASSERT_EQ(Unlink("gone/x"), 0);
  ASSERT_EQ(RemoveDir("gone"), 0);
  EXPECT_EQ(MakeDir("gone"), 0);      // N4
  EXPECT_EQ(MakeDir("hidden"), 0);    // N5
  EXPECT_EQ(MakeDir("free"), 0);      // N6
  EXPECT_EQ(MakeDir("free/sub"), 0);  // N3
  EXPECT_EQ(Upper(), (T{{"gone", "dir opaque"}, {"hidden", "dir"}, {"free", "dir"}, {"free/sub", "dir"}}));
  EXPECT_EQ(List("gone"), V());
  EXPECT_EQ(List("hidden"), V());
  EXPECT_EQ(Leftovers(), V());
  Mount();
  EXPECT_EQ(List("gone"), V());
  EXPECT_EQ(List("hidden"), V());
}

// rules: N3 N6
TEST_F(NamesTest, NewDirectoriesInMergedOnesAreOpaqueWhereConfigured) {
  Mount([](StackConfig* c) { c->opaque_mkdir = true; });
  EXPECT_EQ(MakeDir("d"), 0);
  EXPECT_EQ(MakeDir("d/sub"), 0);
  EXPECT_EQ(Upper(), (T{{"d", "dir opaque"}, {"d/sub", "dir"}}));
}

// rules: N7 N8 N13 N14
TEST_F(NamesTest, UnlinkLeavesAWhiteoutOnlyWhereSomethingIsBelow) {
  Put("u/own");
  Put("b/low");
  Put("b/both");
  Put("u/both");
  Dir("b/dir");
  Put("u/dir");
  Put("b/o/x");
  Put("u/o/x");
  SetRecord("u/o", "opaque", "y");
  Put("b/cut/x");
  Whiteout("a/cut");
  Put("u/cut");
  Mount();
  for (const char* path : {"own", "low", "both", "dir", "o/x", "cut"}) EXPECT_EQ(Unlink(path), 0) << path;
  T expected{{"low", "whiteout"}, {"both", "whiteout"}, {"dir", "whiteout"}, {"o", "dir opaque"}};
  EXPECT_EQ(Upper(), expected);
  EXPECT_EQ(List(), (V{"o"}));
  Mount();
  EXPECT_EQ(List(), (V{"o"}));
}

// rules: X4
TEST_F(NamesTest, WhiteoutsBeyondTheLimitOfLinks) {
  for (const char* name : {"1", "2", "3"}) Put(std::string("b/") + name);
  Mount();
  EXPECT_EQ(Unlink("1"), 0);
  auto plan = FaultPlan::Parse("link=EMLINK");
  ASSERT_TRUE(plan.ok());
  {
    ScopedFaults faults(plan->get());
    EXPECT_EQ(Unlink("2"), 0);
  }
  EXPECT_EQ(Unlink("3"), 0);
  EXPECT_EQ(Upper(), (T{{"1", "whiteout"}, {"2", "whiteout"}, {"3", "whiteout"}}));
}

// rules: N9 N10 N12
TEST_F(NamesTest, RemoveDirClearsTheWhiteoutsInside) {
  Dir("u/own");
  Whiteout("u/own/w");
  Put("b/low/x");
  Put("b/kept/x");
  Mount();
  EXPECT_EQ(RemoveDir("own"), 0);
  EXPECT_EQ(Unlink("low/x"), 0);
  EXPECT_EQ(RemoveDir("low"), 0);
  EXPECT_EQ(Upper(), (T{{"low", "whiteout"}}));
  EXPECT_EQ(MakeDir("low"), 0);
  EXPECT_EQ(RemoveDir("low"), 0);  // N12
  EXPECT_EQ(Upper(), (T{{"low", "whiteout"}}));
  EXPECT_EQ(Leftovers(), V());
}

// rules: N11
TEST_F(NamesTest, ADirectoryInWhichSomethingIsSeenStays) {
  Put("b/d/x");
  Dir("u/d");
  Mount();
  Walk("d");
  T before = Upper();
  EXPECT_EQ(RemoveDir("d"), ENOTEMPTY);
  EXPECT_EQ(Upper(), before);
}

// rules: N15
TEST_F(NamesTest, ClientsCannotMakeWhiteouts) {
  Mount();
  EXPECT_EQ(MakeNode("w", S_IFCHR | 0644, 0), EPERM);
  EXPECT_EQ(MakeNode("b", S_IFBLK | 0644, 0), 0);
  EXPECT_EQ(MakeNode("c", S_IFCHR | 0644, makedev(1, 3)), 0);
}

// rules: N16
TEST_F(NamesTest, OwnerModeAndAclAreTheSameInPlaceAndOverAWhiteout) {
  for (const char* dir : {"plain", "setgid", "acl"}) {
    for (const char* name : {"f", "d", "p", "s"}) Put(std::string("b/") + dir + "/" + name);
    Dir(std::string("u/") + dir);
    for (const char* name : {"f", "d", "p", "s"}) Whiteout(std::string("u/") + dir + "/" + name);
  }
  ASSERT_EQ(::chown(At("u/setgid").c_str(), 5, 77), 0);
  ASSERT_EQ(::chmod(At("u/setgid").c_str(), 02775), 0);
  // user::rwx, user:9:rwx, group::r-x, mask::rwx, other::---
  const unsigned char acl[] = {2, 0, 0,    0,    1,    0,    7,    0, 0xff, 0xff, 0xff, 0xff, 2,    0,    7,
                               0, 9, 0,    0,    0,    4,    0,    5, 0,    0xff, 0xff, 0xff, 0xff, 0x10, 0,
                               7, 0, 0xff, 0xff, 0xff, 0xff, 0x20, 0, 0,    0,    0xff, 0xff, 0xff, 0xff};
  ASSERT_EQ(::setxattr(At("u/acl").c_str(), "system.posix_acl_default", acl, sizeof acl, 0), 0);
  Mount();
  me_.uid = 1000;
  me_.gid = 1001;
  me_.umask = 027;
  auto facts = [&](const std::string& path) {
    struct stat st;
    EXPECT_EQ(::lstat(At(path).c_str(), &st), 0) << path;
    char acls[2][256];
    ssize_t n = ::lgetxattr(At(path).c_str(), "system.posix_acl_access", acls[0], 256);
    ssize_t m = ::lgetxattr(At(path).c_str(), "system.posix_acl_default", acls[1], 256);
    return std::to_string(st.st_mode) + " " + std::to_string(st.st_uid) + ":" + std::to_string(st.st_gid) +
           " " + (n > 0 ? std::string(acls[0], static_cast<size_t>(n)) : "") + "|" +
           (m > 0 ? std::string(acls[1], static_cast<size_t>(m)) : "");
  };
  for (const char* dir : {"plain", "setgid", "acl"}) {
    std::string in = std::string(dir) + "/";
    for (const char* suffix : {"", "2"}) {
      EXPECT_EQ(Create(in + "f" + suffix, "", 0666), 0);
      EXPECT_EQ(MakeDir(in + "d" + suffix, 0777), 0);
      EXPECT_EQ(MakeNode(in + "p" + suffix, S_IFIFO | 0666), 0);
      EXPECT_EQ(Symlink(in + "s" + suffix, "x"), 0);
    }
    for (const char* name : {"f", "d", "p", "s"}) {
      EXPECT_EQ(facts("u/" + in + name), facts("u/" + in + name + "2")) << in << name;
    }
  }
  struct stat st;
  ASSERT_EQ(::stat(At("u/setgid/d").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode, static_cast<mode_t>(S_IFDIR | 02750));
  EXPECT_EQ(st.st_uid, 1000u);
  EXPECT_EQ(st.st_gid, 77u);
  ASSERT_EQ(::stat(At("u/acl/f").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode, static_cast<mode_t>(S_IFREG | 0660));  // the default ACL instead of the umask
}

// rules: N17
TEST_F(NamesTest, LinkCopiesUpAndRefusesWhatExistsAnywhere) {
  Put("b/f", "data");
  Put("a/there");
  Put("b/d/x");
  Mount();
  EXPECT_EQ(Link("f", "there"), EEXIST);
  EXPECT_EQ(Upper(), T());
  EXPECT_EQ(Link("f", "d/g"), 0);
  T expected{{"f", "file data origin"}, {"d", "dir origin"}, {"d/g", "file data origin"}};
  EXPECT_EQ(Upper(), expected);
  EXPECT_EQ(Record("u/d", "impure"), "y");
  EXPECT_EQ(Stat("f").ino, Stat("d/g").ino);
  EXPECT_EQ(Stat("f").nlink, 2u);
}

// rules: N18
TEST_F(NamesTest, ATemporaryFileIsLinkedIntoPlace) {
  Put("b/d/x");
  Mount();
  NodeId d = Walk("d");
  Result<Created> made = fs_->TmpFile(me_, d, 0640, O_RDWR);
  ASSERT_EQ(made.error(), 0);
  EXPECT_EQ(made->entry.attr.nlink, 0u);
  ASSERT_EQ(fs_->Write(me_, made->entry.node, made->opened.handle, 0, std::string_view("data"), {}).error(),
            0);
  EXPECT_EQ(Upper(), (T{{"d", "dir origin"}}));
  Result<Entry> linked = fs_->Link(me_, made->entry.node, d, Name::Trusted("f"));
  ASSERT_EQ(linked.error(), 0);
  EXPECT_EQ(linked->node, made->entry.node);
  EXPECT_EQ(linked->attr.nlink, 1u);
  EXPECT_EQ(Read("d/f"), "data");
  EXPECT_EQ(Link("d/f", "d/g"), 0);  // ordinary from now on
  EXPECT_EQ(Unlink("d/f"), 0);
  EXPECT_EQ(Read("d/g"), "data");
  fs_->Release(made->entry.node, made->opened.handle);

  made = fs_->TmpFile(me_, d, 0640, O_RDWR | O_EXCL);
  ASSERT_EQ(made.error(), 0);
  EXPECT_EQ(fs_->Link(me_, made->entry.node, d, Name::Trusted("h")).error(), ENOENT);
}

// rules: N18 N2
TEST_F(NamesTest, ATemporaryFileIsLinkedOverAWhiteout) {
  Put("b/f", "old");
  Whiteout("u/f");
  Mount();
  Result<Created> made = fs_->TmpFile(me_, kRootNode, 0640, O_RDWR);
  ASSERT_EQ(made.error(), 0);
  EXPECT_EQ(fs_->Link(me_, made->entry.node, kRootNode, Name::Trusted("f")).error(), 0);
  EXPECT_EQ(Upper(), (T{{"f", "file "}}));
  EXPECT_EQ(Leftovers(), V());
}

// Everything that can be done with a nameless file by descriptor.
void ExerciseNameless(UnionFs& fs, const Caller& me, NodeId node, Handle handle) {
  SetAttrArgs args;
  args.mode = 0600;
  args.size = 2;
  args.mtime_now = true;
  Result<AttrReply> attr = fs.SetAttr(me, node, handle, args);
  ASSERT_EQ(attr.error(), 0);
  EXPECT_EQ(attr->attr.nlink, 0u);
  EXPECT_EQ(attr->attr.size, 2u);
  EXPECT_EQ(attr->attr.mode & 07777, 0600u);
  EXPECT_EQ(fs.SetXattr(me, node, "user.x", "1", 0, false).error(), 0);
  EXPECT_EQ(fs.GetXattr(me, node, "user.x").value_or("?"), "1");
  Result<Opened> again = fs.Open(me, node, O_RDWR, false);
  ASSERT_EQ(again.error(), 0);
  EXPECT_EQ(fs.Write(me, node, again->handle, 2, std::string_view("!"), {}).error(), 0);
  fs.Release(node, again->handle);
}

// rules: N19 S10 R19
TEST_F(NamesTest, NamelessFilesLiveOn) {
  for (const char* how : {"unlink", "rename"}) {
    for (const char* layer : {"u", "b"}) {
      for (int flags : {O_RDONLY, O_RDWR}) {
        SCOPED_TRACE(std::string(how) + " " + layer + " " + std::to_string(flags));
        Put(std::string(layer) + "/f", "data");
        Put("u/other", "other");
        Mount();
        NodeId f = Walk("f");
        Result<Opened> file = fs_->Open(me_, f, flags, false);
        ASSERT_EQ(file.error(), 0);
        ASSERT_EQ(how[0] == 'u' ? Unlink("f") : Rename("other", "f"), 0);
        EXPECT_EQ(ReadHandle(file->handle), "data");
        ExerciseNameless(*fs_, me_, f, file->handle);
        EXPECT_EQ(ReadHandle(file->handle), "da!");
        EXPECT_EQ(Read("f"), how[0] == 'u' ? "(absent)" : "other");
        fs_->Release(f, file->handle);
        EXPECT_EQ(Leftovers(), V());
        Unmount();
        for (const char* path : {"u/f", "u/other", "b/f"}) std::filesystem::remove_all(root_ / path);
      }
    }
  }
}

// rules: N19 S8 S10 (B13)
TEST_F(NamesTest, LinkCountsGoDownNameByName) {
  Mount();
  ASSERT_EQ(Create("p", "x"), 0);
  ASSERT_EQ(Link("p", "q"), 0);
  NodeId q = Walk("q");
  EXPECT_EQ(Unlink("q"), 0);
  EXPECT_EQ(fs_->GetAttr(me_, q, 0)->attr.nlink, 1u);
  EXPECT_EQ(Unlink("p"), 0);
  EXPECT_EQ(fs_->GetAttr(me_, q, 0)->attr.nlink, 0u);
}

// A name that the engine never saw does not make a removed one the last.
// rules: N19 S8
TEST_F(NamesTest, AnUnknownSecondNameStillFindsTheSameObject) {
  Put("u/p", "x");
  ASSERT_EQ(::link(At("u/p").c_str(), At("u/q").c_str()), 0);
  Mount();
  NodeId p = Walk("p");
  EXPECT_EQ(Unlink("p"), 0);
  EXPECT_EQ(fs_->GetAttr(me_, p, 0)->attr.nlink, 1u);
  EXPECT_EQ(Walk("q"), p);
  EXPECT_EQ(Write("q", "y"), 0);
  EXPECT_EQ(Get("u/q"), "y");
}

// rules: D7 N19
TEST_F(NamesTest, ARemovedDirectoryIsEmptyAndDead) {
  for (const char* layer : {"u", "b"}) {
    Dir(std::string(layer) + "/d");
    Mount();
    NodeId d = Walk("d");
    Result<Opened> open = fs_->OpenDir(me_, d, 0);
    ASSERT_EQ(open.error(), 0);
    ASSERT_EQ(RemoveDir("d"), 0);
    EXPECT_EQ(fs_->ReadDir(d, open->handle, 0, [](const DirEntry&) { return true; }).error(), ENOENT);
    EXPECT_EQ(fs_->GetAttr(me_, d, 0)->attr.nlink, 0u);
    EXPECT_EQ(fs_->MakeDir(me_, d, Name::Trusted("x"), 0755).error(), ENOENT);
    SetAttrArgs args;
    args.mode = 0700;
    EXPECT_EQ(fs_->SetAttr(me_, d, 0, args).error(), 0);
    fs_->ReleaseDir(d, open->handle);
    Unmount();
    for (const char* path : {"u/d", "b/d"}) std::filesystem::remove_all(root_ / path);
  }
}

// What lies in upper is not removed because of what was cached.
// rules: N21 U3 U10 U11 U12 U13
TEST_F(NamesTest, WhatWasPutIntoUpperByHandIsNeverLost) {
  Put("b/low", "low");
  Put("u/own", "own");
  Dir("u/d");
  Put("b/m/x");
  Mount();
  for (const char* path : {"low", "own", "d", "m", "none"}) Walk(path);
  EXPECT_EQ(Unlink("m/x"), 0);
  EXPECT_EQ(List("d"), V());
  EXPECT_EQ(List("m"), V());
  // All of it behind the engine's back.
  Put("u/low", "hand");
  Put("u/none", "hand");
  Put("u/d/deep/file", "hand");
  Put("u/m/deep/file", "hand");
  std::filesystem::rename(root_ / "u/own", root_ / "u/own2");
  Put("u/own", "hand");
  T before = Upper();
  EXPECT_EQ(Unlink("low"), ESTALE);
  EXPECT_EQ(Create("none"), EEXIST);
  EXPECT_EQ(RemoveDir("d"), ENOTEMPTY);
  EXPECT_EQ(RemoveDir("m"), ENOTEMPTY);
  EXPECT_EQ(Unlink("own"), ESTALE);
  EXPECT_EQ(Upper(), before);
  // Looked at once more, it is all there.
  EXPECT_EQ(Read("low"), "hand");
  EXPECT_EQ(Read("own"), "hand");
  EXPECT_EQ(List("d"), V{"deep"});
  EXPECT_EQ(List("m"), V{"deep"});
}

// rules: U11
TEST_F(NamesTest, ACopyNeverReplacesWhatWasPutThereByHand) {
  Put("b/f", "low");
  Mount();
  NodeId f = Walk("f");
  Put("u/f", "hand");
  EXPECT_EQ(Write("f", "new"), ESTALE);
  EXPECT_EQ(Get("u/f"), "hand");
  EXPECT_EQ(Read("f"), "hand");
  EXPECT_NE(Walk("f"), f);
  EXPECT_EQ(Leftovers(), V());
}

// rules: L24
TEST_F(NamesTest, AMergedUpperDirectoryWithoutOriginGetsOne) {
  Dir("b/p/d");
  Dir("u/p/d");
  Mount();
  EXPECT_NE(Walk("p/d"), 0u);
  EXPECT_NE(Record("u/p/d", "origin"), "(none)");
  EXPECT_EQ(Record("u/p", "impure"), "y");
  EXPECT_EQ(Record("u/p/d", "impure"), "(none)");
}

// rules: L14
TEST_F(NamesTest, OneLowerDirectoryAtTwoPlacesIsTwo) {
  Put("b/l/sub/f", "low");
  for (const char* name : {"x", "y"}) {
    Dir(std::string("u/") + name);
    SetRecord(std::string("u/") + name, "redirect", "/l");
  }
  Mount();
  EXPECT_NE(Walk("x/sub"), Walk("y/sub"));
  EXPECT_NE(Walk("x/sub/f"), Walk("y/sub/f"));
  EXPECT_EQ(Write("x/sub/f", "new"), 0);
  EXPECT_EQ(Read("y/sub/f"), "low");
  EXPECT_EQ(Read("x/sub/f"), "new");
}

// rules: L14 D10
TEST_F(NamesTest, TwoCopiesOfOneObjectHaveTwoNumbers) {
  Put("b/f", "low");
  Put("b/d/inner", "low");
  Mount();
  ASSERT_EQ(Write("f", "copied"), 0);
  ASSERT_EQ(Write("d/inner", "copied"), 0);
  Unmount();
  const std::string upper = (root_ / "u").string();
  ASSERT_EQ(std::system(("cd " + upper + " && cp -a f f2 && cp -a d d2").c_str()), 0);
  SetRecord("u/d2", "redirect", "/d");
  Mount();
  View();  // nobody holds one while it finds the other; listed and shown numbers are the same (D10)
  for (const char* name : {"f", "d", "d/inner"}) {
    const std::string one = name, two = one.substr(0, 1) + "2" + one.substr(1);
    ASSERT_NE(Walk(one), 0u);
    ASSERT_NE(Walk(two), 0u);
    EXPECT_NE(Walk(one), Walk(two)) << name;
    EXPECT_NE(Stat(one).ino, Stat(two).ino) << name;
  }
  EXPECT_EQ(Read("f2"), "copied");
  EXPECT_EQ(Read("d2/inner"), "copied");
}

// Names that were made and removed again take no memory, whether or not the directory is listed from what is
// known of it.
TEST_F(NamesTest, AnEmptiedDirectoryLeavesNoNamesBehind) {
  Put("b/d/lower");
  Put("b/unlisted/lower");
  Mount();
  ASSERT_EQ(MakeDir("plain"), 0);
  ASSERT_EQ(List("d"), std::vector<std::string>{"lower"});
  auto cached = [&] {
    for (const auto& stat : fs_->Stats()) {
      if (std::string_view(stat.name) == "cached_names") return stat.value;
    }
    return ~uint64_t{0};
  };
  for (std::string dir : {"plain/", "unlisted/", "d/"}) {
    ASSERT_NE(Walk(dir.substr(0, dir.size() - 1)), 0u);
    const uint64_t before = cached();
    for (int i = 0; i < 100; ++i) ASSERT_EQ(Create(dir + std::to_string(i)), 0);
    ASSERT_GE(cached(), before + 100);
    for (int i = 0; i < 50; ++i) ASSERT_EQ(Unlink(dir + std::to_string(i)), 0);
    for (int i = 50; i < 100; ++i) ASSERT_EQ(Rename(dir + std::to_string(i), dir + "x"), 0);
    ASSERT_EQ(Unlink(dir + "x"), 0);
    EXPECT_EQ(cached(), before);
    EXPECT_EQ(Walk(dir + "1"), 0u);
  }
}

}  // namespace
}  // namespace plyfs
