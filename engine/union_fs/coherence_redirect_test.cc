// lower=watch: what a redirect leads to changes by hand, where nobody looks in the merged tree (U2, L11).
#include "engine/union_fs/coherence_for_test.h"

namespace plyfs {
namespace {

class RedirectedTest : public CoherenceTest {
 protected:
  std::string Of(const std::string& path) {
    Result<Opened> dir = ops::OpenDir(*parts_, Walk(path), 0);
    if (dir.ok()) ops::ReleaseDir(*parts_, dir->handle);
    std::string names;
    for (const std::string& name : List(Walk(path))) names += name + " ";
    Result<AttrReply> attr = ops::GetAttr(*parts_, Walk(path), 0);
    return names + (attr.ok() ? std::to_string(attr->attr.nlink) : "errno " + std::to_string(attr.error()));
  }
};

TEST_F(RedirectedTest, ItsTargetAppears) {
  ByHand("mkdir u/d; setfattr -n trusted.overlay.redirect -v c u/d; touch u/d/own");
  Mount();
  EXPECT_EQ(Of("d"), "own 2");
  ByHand("mkdir b/c b/c/theirs");
  EXPECT_TRUE(Soon([&] { return Of("d") == "own theirs 1"; })) << Of("d");
}

TEST_F(RedirectedTest, WhatHidItsTargetGoes) {
  ByHand("mkdir u/d b/c b/c/theirs; touch a/c; setfattr -n trusted.overlay.redirect -v /c u/d");
  Mount();
  EXPECT_EQ(Of("d"), "2");
  ByHand("rm a/c");
  EXPECT_TRUE(Soon([&] { return Of("d") == "theirs 1"; })) << Of("d");
  ByHand("mknod a/c c 0 0");
  EXPECT_TRUE(Soon([&] { return Of("d") == "2"; })) << Of("d");
}

TEST_F(RedirectedTest, ItsTargetIsDeepInTheLayers) {
  ByHand("mkdir -p u/d b/x/y a/x/y; setfattr -n trusted.overlay.redirect -v /x/y/c u/d");
  Mount();
  EXPECT_EQ(Of("d"), "2");
  Settle();
  ByHand("mkdir b/x/y/c b/x/y/c/theirs");
  EXPECT_TRUE(Soon([&] { return Of("d") == "theirs 1"; })) << Of("d");
  ByHand("setfattr -n trusted.overlay.opaque -v y a/x/y");
  EXPECT_TRUE(Soon([&] { return Of("d") == "2"; })) << Of("d");
  ByHand("setfattr -x trusted.overlay.opaque a/x/y");
  EXPECT_TRUE(Soon([&] { return Of("d") == "theirs 1"; })) << Of("d");
  ByHand("mkdir a/x/y/c a/x/y/c/more");
  EXPECT_TRUE(Soon([&] { return Of("d") == "more theirs 1"; })) << Of("d");
}

// The redirect may be the mount's own, of a directory that nobody looks up again.
TEST_F(RedirectedTest, TheWayOfOneMadeHereIsCut) {
  ByHand("mkdir -p b/x/theirs b/y/others");
  Mount(LowerMode::kWatch, OtherWhiteouts::kOff, {"a", "b"}, RedirectDir::kOn);
  NodeId x = Walk("x"), y = Walk("y");
  ASSERT_TRUE(ops::Rename(*parts_, kRootNode, Name::Trusted("x"), kRootNode, Name::Trusted("d"), 0).ok());
  ASSERT_TRUE(ops::MakeDir(*parts_, Caller(), kRootNode, Name::Trusted("e"), 0755).ok());
  const unsigned exchange = RENAME_EXCHANGE;
  ASSERT_TRUE(
      ops::Rename(*parts_, kRootNode, Name::Trusted("e"), kRootNode, Name::Trusted("y"), exchange).ok());
  auto names = [&](NodeId node) {
    std::string all;
    for (const std::string& name : List(node)) all += name + " ";
    return all;
  };
  EXPECT_EQ(names(x), "theirs ");
  EXPECT_EQ(names(y), "others ");
  Settle();
  ByHand("touch a/x a/y");
  EXPECT_TRUE(Soon([&] { return names(x).empty() && names(y).empty(); })) << names(x) << names(y);
}

}  // namespace
}  // namespace plyfs
