// lower=watch: files and whole layers changed by hand (semantics section 8).
#include "engine/union_fs/coherence_for_test.h"

namespace plyfs {
namespace {

namespace fs = std::filesystem;

// U4
TEST_F(CoherenceTest, RewrittenInPlace) {
  ByHand("printf old > a/f");
  Mount();
  NodeId f = Walk("f");
  EXPECT_EQ(Read("f"), "old");
  ByHand("printf 'new and longer' > a/f");
  EXPECT_TRUE(Soon([&] { return ops::GetAttr(*parts_, f, 0)->attr.size == 14; }));
  EXPECT_EQ(Read("f"), "new and longer");
  EXPECT_EQ(Walk("f"), f);
  EXPECT_TRUE(Soon([&] { return told_.Data(f); }));
  EXPECT_FALSE(told_.Entry(kRootNode, "f"));
}

// U4: what the client has in its page cache is not true any more even where size and times are as before.
TEST_F(CoherenceTest, RewrittenWithTheSameSizeAndTimes) {
  ByHand("printf old > a/f");
  Mount();
  NodeId f = Walk("f");
  ops::Release(*parts_, Open(f));
  EXPECT_TRUE(ops::Open(*parts_, Caller(), f, O_RDONLY, false)->keep_cache);
  ByHand("touch -r a/f ref; printf new > a/f; touch -r ref a/f");
  Settle();
  EXPECT_FALSE(ops::Open(*parts_, Caller(), f, O_RDONLY, false)->keep_cache);
}

// U5
TEST_F(CoherenceTest, ReplacedByRename) {
  ByHand("printf old > a/f");
  Mount();
  NodeId f = Walk("f");
  Handle held = Open(f);
  ByHand("printf new > a/.f; mv a/.f a/f");
  EXPECT_TRUE(Soon([&] { return Read("f") == "new"; }));
  EXPECT_TRUE(Soon([&] { return told_.Entry(kRootNode, "f"); }));
  EXPECT_NE(Walk("f"), f);
  EXPECT_EQ(ReadHandle(held), "old");
}

// U6 U7: both were asked for while they were absent, one was not.
TEST_F(CoherenceTest, NewNamesInALower) {
  ByHand("mkdir b/d");
  Mount();
  EXPECT_EQ(List(kRootNode), V{"d"});
  EXPECT_EQ(Walk("absent"), 0u);
  EXPECT_EQ(Walk("d/absent"), 0u);
  ByHand("printf x > b/absent; printf y > b/d/absent; printf z > a/fresh");
  EXPECT_TRUE(Soon([&] { return Read("absent") == "x" && Read("d/absent") == "y" && Read("fresh") == "z"; }));
  EXPECT_TRUE(Soon([&] { return List(kRootNode) == (V{"absent", "d", "fresh"}); }));
  EXPECT_TRUE(Soon([&] { return told_.Entry(kRootNode, "absent") && told_.Data(kRootNode); }));
}

// U8 S10
TEST_F(CoherenceTest, RemovedFile) {
  ByHand("printf old > a/f");
  Mount();
  NodeId f = Walk("f");
  Handle held = Open(f);
  ByHand("rm a/f");
  EXPECT_TRUE(Soon([&] { return Walk("f") == 0; }));
  EXPECT_EQ(List(kRootNode), V());
  EXPECT_EQ(ReadHandle(held), "old");
  Settle();
  parts_->file_fds.Erase(held * 2);  // as under the descriptor budget
  EXPECT_EQ(ReadHandle(held), "old");
  Result<AttrReply> attr = ops::GetAttr(*parts_, f, 0);
  ASSERT_TRUE(attr.ok()) << attr.error();
  EXPECT_EQ(attr->attr.nlink, 0u);
}

// U8b
TEST_F(CoherenceTest, RemovedDirectory) {
  ByHand("mkdir -p a/d/e; printf x > a/d/e/f");
  Mount();
  NodeId d = Walk("d"), e = Walk("d/e");
  EXPECT_EQ(Read("d/e/f"), "x");
  ByHand("rm -r a/d");
  EXPECT_TRUE(Soon([&] { return Walk("d") == 0; }));
  Settle();
  EXPECT_EQ(ops::Create(*parts_, Caller(), d, Name::Trusted("new"), 0644, O_RDWR).error(), ENOENT);
  EXPECT_EQ(ops::MakeDir(*parts_, Caller(), e, Name::Trusted("new"), 0755).error(), ENOENT);
  EXPECT_FALSE(fs::exists(root_ + "/u/d"));
  EXPECT_EQ(List(d), V{"errno " + std::to_string(ENOENT)});  // D7
}

// U9 U10: what stands in upper is found, and never overwritten.
TEST_F(CoherenceTest, NewNamesInUpper) {
  Mount();
  EXPECT_EQ(List(kRootNode), V());
  EXPECT_EQ(Walk("absent"), 0u);
  ByHand("printf mine > u/absent; printf too > u/fresh");
  EXPECT_EQ(ops::MakeDir(*parts_, Caller(), kRootNode, Name::Trusted("absent"), 0755).error(), EEXIST);
  EXPECT_EQ(ops::Create(*parts_, Caller(), kRootNode, Name::Trusted("absent"), 0644, O_RDWR | O_EXCL).error(),
            EEXIST);
  EXPECT_TRUE(Soon([&] { return Read("absent") == "mine" && Read("fresh") == "too"; }));
  EXPECT_TRUE(Soon([&] { return List(kRootNode) == (V{"absent", "fresh"}); }));
}

// U11
TEST_F(CoherenceTest, UpperFileOverACachedLowerOne) {
  ByHand("printf lower > b/f");
  Mount();
  NodeId f = Walk("f");
  Handle held = Open(f);
  EXPECT_EQ(Read("f"), "lower");
  ByHand("printf mine > u/f");
  EXPECT_TRUE(Soon([&] { return Read("f") == "mine"; }));
  Settle();
  EXPECT_EQ(ReadHandle(held), "lower");
  // Who holds the lower one may change it, but has nowhere to put it (N19).
  SetAttrArgs args;
  args.mode = 0600;
  EXPECT_TRUE(ops::SetAttr(*parts_, Caller(), f, held, args).ok());
  EXPECT_EQ(Read("f"), "mine");
  EXPECT_EQ(fs::status(root_ + "/b/f").permissions(), fs::perms(0644));
  EXPECT_EQ(fs::status(root_ + "/u/f").permissions(), fs::perms(0644));
}

// U11: before anything was noticed.
TEST_F(CoherenceTest, CopyUpNeverOverwritesWhatWasPutThere) {
  ByHand("printf lower > b/f");
  Mount();
  NodeId f = Walk("f");
  parts_->coherence.reset();
  ByHand("printf mine > u/f");
  Result<Opened> opened = ops::Open(*parts_, Caller(), f, O_RDWR, false);
  EXPECT_FALSE(opened.ok());
  ByHand("test \"$(cat u/f)\" = mine");
}

// U14: what is learned of an object that has no name is learned unwatched.
TEST_F(CoherenceTest, AttributesOfWhatComesBack) {
  ByHand("printf x > b/f");
  Mount();
  NodeId f = Walk("f");
  ASSERT_TRUE(ops::Unlink(*parts_, kRootNode, Name::Trusted("f")).ok());
  EXPECT_EQ(ops::GetAttr(*parts_, f, 0)->attr.mode & 0777, 0644u);
  ByHand("chmod 600 b/f; rm u/f");
  EXPECT_TRUE(Soon([&] { return Walk("f") != 0; }));
  EXPECT_EQ(Lookup(kRootNode, "f")->attr.mode & 0777, 0600u);
}

// U12
TEST_F(CoherenceTest, UpperCopyRemoved) {
  ByHand("printf lower > b/f");
  Mount();
  Handle writer = Open(Walk("f"), O_RDWR);
  ASSERT_TRUE(ops::Write(*parts_, Caller(), writer, 0, std::span<const char>("LOWER", 5), {}).ok());
  ops::Release(*parts_, writer);
  EXPECT_EQ(Read("f"), "LOWER");
  ByHand("rm u/f");
  EXPECT_TRUE(Soon([&] { return Read("f") == "lower"; }));
  EXPECT_TRUE(ops::Unlink(*parts_, kRootNode, Name::Trusted("f")).ok());
  EXPECT_EQ(Walk("f"), 0u);
}

// U13
TEST_F(CoherenceTest, UpperDirectoryRemoved) {
  ByHand("mkdir b/merged; printf x > b/merged/x");
  Mount();
  ASSERT_TRUE(ops::MakeDir(*parts_, Caller(), kRootNode, Name::Trusted("own"), 0755).ok());
  ASSERT_TRUE(ops::MakeDir(*parts_, Caller(), Walk("merged"), Name::Trusted("new"), 0755).ok());
  EXPECT_EQ(List(Walk("own")), V());
  EXPECT_EQ(List(Walk("merged")), (V{"new", "x"}));
  NodeId own = Walk("own");
  ByHand("rm -r u/own u/merged");
  EXPECT_TRUE(Soon([&] { return Walk("own") == 0 && List(Walk("merged")) == V{"x"}; }));
  Settle();
  EXPECT_EQ(ops::Create(*parts_, Caller(), own, Name::Trusted("f"), 0644, O_RDWR).error(), ENOENT);
  EXPECT_TRUE(ops::MakeDir(*parts_, Caller(), Walk("merged"), Name::Trusted("again"), 0755).ok());
  EXPECT_EQ(List(Walk("merged")), (V{"again", "x"}));
}

// U14
TEST_F(CoherenceTest, WhiteoutPutInUpper) {
  ByHand("printf x > b/f");
  Mount();
  EXPECT_EQ(Read("f"), "x");
  ByHand("mknod u/f c 0 0");
  EXPECT_TRUE(Soon([&] { return Walk("f") == 0 && List(kRootNode) == V(); }));
  ByHand("rm u/f");
  EXPECT_TRUE(Soon([&] { return Read("f") == "x"; }));
}

// T-c
TEST_F(CoherenceTest, AHigherLayerTakesOver) {
  ByHand("printf B > b/f");
  Mount();
  NodeId f = Walk("f");
  Handle held = Open(f);
  EXPECT_EQ(Read("f"), "B");
  ByHand("printf A > a/f");
  EXPECT_TRUE(Soon([&] { return Read("f") == "A"; }));
  EXPECT_EQ(ReadHandle(held), "B");
  ByHand("printf C > u/f");
  EXPECT_TRUE(Soon([&] { return Read("f") == "C"; }));
  ByHand("rm u/f a/f");
  EXPECT_TRUE(Soon([&] { return Read("f") == "B"; }));
}

// U15: a layer that is gone gives errors or nothing, never wrong data.
TEST_F(CoherenceTest, AWholeLayerMovedAway) {
  ByHand("printf A > a/f; printf B > b/f");
  Mount();
  EXPECT_EQ(Read("f"), "A");
  ByHand("mv a elsewhere");
  EXPECT_EQ(Read("f"), "A");  // held by descriptor, so it is where it went
  ByHand("rm -r elsewhere");
  EXPECT_TRUE(Soon([&] { return Read("f") == "B"; }));
}

// U6 U8 X5: the listing, which answers for the layers, knew the file as a whiteout.
TEST_F(CoherenceTest, XattrWhiteoutSetAndRemoved) {
  ByHand(
      "mkdir a/d b/d; touch b/d/f a/d/f; setfattr -n trusted.overlay.opaque -v x a/d;"
      "setfattr -n trusted.overlay.whiteout -v y a/d/f");
  Mount();
  NodeId d = Walk("d");
  EXPECT_EQ(List(d), V());
  EXPECT_EQ(Walk("d/f"), 0u);
  ByHand("setfattr -x trusted.overlay.whiteout a/d/f");
  EXPECT_TRUE(Soon([&] { return Walk("d/f") != 0; }));
  EXPECT_EQ(List(d), V{"f"});
  ByHand("setfattr -n trusted.overlay.whiteout -v y a/d/f");
  EXPECT_TRUE(Soon([&] { return Walk("d/f") == 0; }));
  EXPECT_EQ(List(d), V());
  ByHand("printf data > a/d/f");  // a whiteout is empty
  EXPECT_TRUE(Soon([&] { return Walk("d/f") != 0; }));
  EXPECT_EQ(List(d), V{"f"});
}

}  // namespace
}  // namespace plyfs
