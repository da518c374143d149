// wh=on: other tools' whiteouts and opaque marks (semantics section 9, O1, O2, O5).
#include <sys/stat.h>
#include <sys/xattr.h>

#include "engine/testing/union_fixture.h"
#include "engine/union_fs/coherence_for_test.h"

namespace plyfs {
namespace {

using V = std::vector<std::string>;
using T = TreeText;

class OtherWhiteoutsTest : public UnionFixture {
 protected:
  void MountOn(const Config& config = {}) {
    Mount([&](StackConfig* c) {
      c->other_whiteouts = OtherWhiteouts::kOn;
      if (config) config(c);
    });
  }
  // By lookups that ask the layers, by ones that ask the listings, and of listings.
  void ExpectPaths(const V& there, const V& absent) {
    for (MergeIndex how : {MergeIndex::kOff, MergeIndex::kOn, MergeIndex::kAuto}) {
      MountOn([&](StackConfig* c) { c->merge_index = how; });
      for (const std::string& path : there) EXPECT_NE(Walk(path), 0u) << path;
      for (const std::string& path : absent) EXPECT_EQ(Walk(path), 0u) << path;
      TreeText view = View();
      for (const std::string& path : there) EXPECT_TRUE(view.contains(path)) << path;
      for (const std::string& path : absent) EXPECT_FALSE(view.contains(path)) << path;
    }
  }
};

// rules: O1 O2 O5
TEST_F(OtherWhiteoutsTest, HideInTheLayersBelow) {
  Put("a/.wh.file");
  Put("b/file");
  Put("a/.wh.dir");
  Put("b/dir/x");
  Put("a/d/.wh.x");
  Put("a/d/y");
  Put("b/d/x");
  Put("b/d/z");
  Put("u/.wh.z");
  Put("a/z");
  Put("b/z");
  Put("b/.wh.lowest");  // hides nothing, is not there
  ExpectPaths({"d", "d/y", "d/z"},
              {"file", "dir", "d/x", "z", ".wh.file", ".wh.dir", "d/.wh.x", ".wh.z", ".wh.lowest", "lowest"});
}

// rules: O1 O2: the name is in the same layer as what hides it below.
TEST_F(OtherWhiteoutsTest, TheirOwnLayerOutranksThem) {
  Put("a/.wh.file");
  Put("a/file", "a");
  Put("b/file", "b");
  Put("a/.wh.dir");
  Put("a/dir/mine");
  Put("b/dir/below");
  Put("u/.wh.up");
  Put("u/up/mine");
  Put("b/up/below");
  Put("u/.wh.f");
  Put("u/f", "u");
  Put("b/f", "b");
  ExpectPaths({"file", "dir", "dir/mine", "up", "up/mine", "f"}, {"dir/below", "up/below"});
  EXPECT_EQ(Read("file"), "a");
  EXPECT_EQ(Read("f"), "u");
}

// rules: O1 O2 O5
TEST_F(OtherWhiteoutsTest, OpaqueDirectories) {
  for (const char* layer : {"a", "u"}) {
    Put(std::string(layer) + "/by_file/.wh..wh..opq");
    Put(std::string(layer) + "/by_aufs/.wh..wh.plnk");  // AUFS' own, means nothing
    for (const char* name : {"user.overlay.opaque", "user.fuseoverlayfs.opaque", "trusted.overlay.opaque"}) {
      std::string dir = std::string(layer) + "/" + name;
      Dir(dir);
      ASSERT_EQ(::setxattr(At(dir).c_str(), name, "y", 1, 0), 0) << name;
    }
    for (const char* dir : {"by_file", "by_aufs", "user.overlay.opaque", "user.fuseoverlayfs.opaque",
                            "trusted.overlay.opaque"}) {
      Put(std::string("b/") + dir + "/below");
      Put(std::string(layer) + "/" + dir + "/mine");
    }
    ExpectPaths({"by_file/mine", "by_aufs/mine", "by_aufs/below", "user.overlay.opaque/mine",
                 "user.fuseoverlayfs.opaque/mine", "trusted.overlay.opaque/mine"},
                {"by_file/below", "by_file/.wh..wh..opq", "by_aufs/.wh..wh.plnk", "user.overlay.opaque/below",
                 "user.fuseoverlayfs.opaque/below", "trusted.overlay.opaque/below"});
    StartOver();
  }
}

// rules: O2 O5
TEST_F(OtherWhiteoutsTest, CannotBeMade) {
  Put("b/f");
  Put("b/g");
  Dir("b/d");
  MountOn();
  EXPECT_EQ(Create(".wh.x"), EINVAL);
  EXPECT_EQ(MakeDir(".wh.x"), EINVAL);
  EXPECT_EQ(MakeNode("d/.wh.x", S_IFIFO | 0644), EINVAL);
  EXPECT_EQ(Symlink(".wh..wh..opq", "x"), EINVAL);
  EXPECT_EQ(Link("f", ".wh.x"), EINVAL);
  EXPECT_EQ(Rename("f", ".wh.x"), EINVAL);
  EXPECT_EQ(Rename("d", ".wh.x"), EINVAL);
  EXPECT_EQ(Unlink(".wh.x"), ENOENT);
  EXPECT_EQ(Create(".wh"), 0);
  MountOn();
  EXPECT_EQ(List(), (V{".wh", "d", "f", "g"}));
  Mount();  // off: names like any others
  EXPECT_EQ(Create(".wh.x"), 0);
  EXPECT_NE(Walk("g"), 0u);
}

// rules: O6: what is written is overlayfs' own; what is hidden below needs nothing.
TEST_F(OtherWhiteoutsTest, ChangesOverThem) {
  Put("a/.wh.f");
  Put("b/f", "old");
  Put("a/.wh.d");
  Put("b/d/below");
  Put("b/g");
  MountOn();
  EXPECT_EQ(Create("f", "new"), 0);
  EXPECT_EQ(MakeDir("d"), 0);
  EXPECT_EQ(List("d"), V());
  EXPECT_EQ(Unlink("g"), 0);
  EXPECT_EQ(Upper(), (T{{"f", "file new"}, {"d", "dir"}, {"g", "whiteout"}}));
  MountOn();
  EXPECT_EQ(List(), (V{"d", "f"}));
  EXPECT_EQ(List("d"), V());
  EXPECT_EQ(Unlink("f"), 0);
  EXPECT_EQ(RemoveDir("d"), 0);
  EXPECT_EQ(Upper(), (T{{"g", "whiteout"}}));
}

// rules: O2: an upper that another tool has left is worked on.
TEST_F(OtherWhiteoutsTest, AnUpperOfOthers) {
  Put("u/.wh.f");
  Put("u/.wh.d");
  Put("u/o/.wh..wh..opq");
  Put("u/o/.wh.x");
  Put("b/f", "old");
  Put("b/d/below");
  Put("b/o/x");
  MountOn();
  EXPECT_EQ(List(), V{"o"});
  EXPECT_EQ(RemoveDir("o"), 0);
  EXPECT_EQ(Create("f", "new"), 0);
  EXPECT_EQ(MakeDir("d"), 0);
  for (int mounted = 0; mounted < 2; ++mounted) {
    EXPECT_EQ(List(), (V{"d", "f"}));
    EXPECT_EQ(Read("f"), "new");
    EXPECT_EQ(List("d"), V());
    MountOn();
  }
  EXPECT_EQ(Unlink("f"), 0);
  EXPECT_EQ(RemoveDir("d"), 0);
  MountOn();
  EXPECT_EQ(List(), V());
}

// rules: N9 O2: a merged directory that holds nothing else is empty.
TEST_F(OtherWhiteoutsTest, DirectoriesOfNothingElse) {
  Put("a/d/.wh.x");
  Put("b/d/x");
  Dir("u/d");
  Put("u/d/.wh.y");
  MountOn();
  EXPECT_EQ(RemoveDir("d"), 0);
  EXPECT_EQ(Upper(), (T{{"d", "whiteout"}}));
  MountOn();
  EXPECT_EQ(List(), V());
}

// rules: O5: a mark of opacity is not shown, set, or copied up, where it would hide what it did not.
TEST_F(OtherWhiteoutsTest, OpaqueMarksStayWhereTheyAre) {
  Dir("a/d");
  Put("a/d/x");
  for (const char* name : {"user.overlay.opaque", "user.fuseoverlayfs.opaque"}) {
    ASSERT_EQ(::setxattr(At("a/d").c_str(), name, "y", 1, 0), 0);
  }
  MountOn();
  EXPECT_EQ(*fs_->ListXattr(me_, Walk("d"), 100), "");
  EXPECT_EQ(SetXattr("d", "user.fuseoverlayfs.opaque", "n"), EOPNOTSUPP);
  EXPECT_EQ(Chmod("d", 0700), 0);
  MountOn();
  EXPECT_EQ(List("d"), V{"x"});
}

class OtherWhiteoutsByHandTest : public CoherenceTest {};

// rules: O5
TEST_F(OtherWhiteoutsByHandTest, ComeAndGo) {
  ByHand("mkdir -p a/d b/d; touch a/d/mine b/d/below b/f");
  Mount(LowerMode::kWatch, OtherWhiteouts::kOn);
  EXPECT_EQ(List(kRootNode), (V{"d", "f"}));
  EXPECT_EQ(List(Walk("d")), (V{"below", "mine"}));
  EXPECT_NE(Walk("f"), 0u);
  ByHand("touch a/.wh.f a/d/.wh..wh..opq");
  EXPECT_TRUE(Soon([&] { return Walk("f") == 0 && Walk("d/below") == 0; }));
  EXPECT_TRUE(Soon([&] { return List(kRootNode) == V{"d"} && List(Walk("d")) == V{"mine"}; }));
  EXPECT_TRUE(Soon([&] { return told_.Entry(kRootNode, "f"); }));
  ByHand("rm a/.wh.f a/d/.wh..wh..opq");
  EXPECT_TRUE(Soon([&] { return Walk("f") != 0 && Walk("d/below") != 0; }));
  EXPECT_TRUE(
      Soon([&] { return List(kRootNode) == (V{"d", "f"}) && List(Walk("d")) == (V{"below", "mine"}); }));
}

}  // namespace
}  // namespace plyfs
